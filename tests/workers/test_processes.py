"""Several real processes behind one port: served by all, killed one by one, reloaded and stopped as one node."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from contextlib import suppress as passing_over
from typing import Any

from shieldrelay.admin.ctl_client import Answered
from tests.integration.case import ProductCase
from tests.integration.node import DOMAIN, Node, greets

WORKERS = {"node": {"workers": 2, "stop_timeout": "3s"}}
"""The hub is named below and is not there: workers serve without it."""


def pid_lives(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    with passing_over(FileNotFoundError), open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def say(port: int, source: str, *lines: str) -> bytes:
    """Connect, say it all at once, and read to the end."""
    said = b""
    with (
        passing_over(ConnectionError),
        socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as client,
    ):
        client.sendall("".join(f"{line}\r\n" for line in lines).encode())
        while more := client.recv(65536):
            said += more
    return said


def message(token: str) -> tuple[str, ...]:
    """Give the lines of a session that sends one message."""
    content = f"Subject: {token}\r\n\r\n{token}\r\n"
    return (
        "EHLO client.test", "MAIL FROM:<a@sender.test>", f"RCPT TO:<alice@{DOMAIN}>",
        f"BDAT {len(content)} LAST", content[:-2], "QUIT",
    )  # fmt: skip


class WorkersCase(ProductCase):
    """A node of two workers.

    :ivar node: its parent.
    """

    def begin(self, *hops: object, settings: Any = None, started: bool = True) -> Node:
        """Make the node and have all its workers listen."""
        wanted: dict[str, dict[str, object]] = {
            "node": dict(WORKERS["node"]), "cluster": {"hub": "redis+unix:///nonexistent/redis.sock"}
        }  # fmt: skip
        for section, keys in (settings or {}).items():
            wanted.setdefault(section, {}).update(keys)
        node = self.a_node(*(hops or (1,)), settings=wanted, started=False)
        self.addCleanup(self.ended, node)
        if started:
            node.start()
            self.wait(lambda: len(self.pids(node)) == 2, "both workers")
        return node

    def ended(self, node: Node) -> None:
        """End the node with its workers."""
        if node.alive:
            node.stop(20)
        for told in node.journal("worker_started"):
            self.wait(lambda pid=told["pid"]: not pid_lives(pid), "the end of a worker")

    def workers(self, node: Node) -> list[dict[str, Any]]:
        """Give what status shows of the workers."""
        return list(node.ask("GET", "status")["workers"])

    def pids(self, node: Node) -> list[int]:
        """Give the processes of workers that listen; none while the parent has not heard of the first."""
        with passing_over(Answered):
            return [one["pid"] for one in self.workers(node) if one["state"] == "up"]
        return []


class ServiceTests(WorkersCase):
    """What the world sees of it."""

    def test_one_node_of_two(self) -> None:
        """Mail is relayed by both; status adds up, and each worker has its part of the spool."""
        customer = self.a_customer()
        node = self.begin(customer.port)
        replies: list[bytes] = []
        senders = [
            threading.Thread(target=lambda n=n: replies.append(say(node.port, f"127.0.1.{n + 1}", *message(f"t{n}"))))
            for n in range(60)
        ]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
        self.assertEqual(sum(b"250 2.0.0" in one for one in replies), 60, replies)
        self.wait(lambda: len(customer.taken()) >= 60, "the messages")
        shown = self.workers(node)
        self.assertEqual(sorted(one["number"] for one in shown), [1, 2])
        self.assertGreaterEqual(sum(one["connections"] for one in shown), 60)
        self.assertTrue(all(one["connections"] for one in shown), shown)
        self.assertEqual(sorted(each.name for each in node.spool.iterdir()), ["relay.test", "relay.test.2"])
        self.assertEqual({line.get("worker") for line in node.journal()}, {None, 1, 2})

    def test_queues_are_one(self) -> None:
        """With the customer away, the queue of both is listed, flushed and emptied by way of the parent."""
        node = self.begin()
        for number in range(8):
            self.assertIn(b"250 2.0.0", say(node.port, f"127.0.2.{number + 1}", *message(f"t{number}")))
        listed = node.ask("GET", "queue")["messages"]
        self.assertEqual(len(listed), 8)
        self.assertEqual(node.ask("POST", f"domains/{DOMAIN}/flush")["due"], 8)
        for one in listed:
            self.assertEqual(node.ask("POST", f"messages/{one['id']}/hold")["state"], "held")
            node.ask("DELETE", f"messages/{one['id']}")
        with self.assertRaises(Answered) as refused:
            node.ask("GET", f"messages/{listed[0]['id']}")
        self.assertEqual((refused.exception.status, node.spooled()), (404, []))
        self.assertIn("worker 1 ", node.ctl("status").stdout)


class DeathTests(WorkersCase):
    """Workers that are killed, and a parent."""

    def test_no_connection_is_lost_while_all_are_dead(self) -> None:
        """Who connects while there is no worker at all waits, and is greeted by the next."""
        node = self.begin()
        for pid in self.pids(node):
            os.kill(pid, signal.SIGKILL)
        with socket.create_connection(("127.0.0.1", node.port), timeout=60) as client:
            try:
                self.assertTrue(client.recv(512).startswith(b"220 "))
            except TimeoutError:
                raise AssertionError(node.trouble()) from None
        self.assertEqual(len([one for one in node.journal("worker_ended") if one["reason"] == "signal 9"]), 2)

    def test_killed_under_load(self) -> None:
        """Of those that connect while one is killed, only those lose their session whom it had accepted."""
        node = self.begin()
        began = threading.Event()
        results: list[tuple[int, bool]] = []
        ports: set[int] = set()

        def connect(number: int) -> None:
            for _ in range(5):
                with socket.create_connection(
                    ("127.0.0.1", node.port), timeout=20, source_address=(f"127.0.3.{number + 1}", 0)
                ) as client:
                    try:
                        greeted = client.recv(512).startswith(b"220 ")
                        client.sendall(b"QUIT\r\n")
                        client.recv(512)
                    except ConnectionError:
                        greeted = False
                    results.append((client.getsockname()[1], greeted))
                began.set()

        clients = [threading.Thread(target=connect, args=(number,)) for number in range(80)]
        victim = next(one["pid"] for one in self.workers(node) if one["number"] == 2)
        for one in clients:
            one.start()
        began.wait(20)
        os.kill(victim, signal.SIGKILL)
        for one in clients:
            one.join()
        ports = {port for port, greeted in results if not greeted}
        self.assertEqual(len(results), 400)
        self.assertLess(len(ports), 80, "more than could be open at once")
        node.wait_for_event("worker_up", lambda told: told["worker"] == 2 and told["pid"] != victim)
        self.wait(lambda: greets(node.port), "a greeting")

    def test_without_a_parent(self) -> None:
        """When the parent is killed, its workers stop in good order, and let the ports go."""
        node = self.begin()
        pids = self.pids(node)
        node.kill()
        for pid in pids:
            self.wait(lambda pid=pid: not pid_lives(pid), "the end of the workers")
        self.assertEqual(len(node.journal("stopped")), 2)
        node.start()
        self.wait(lambda: len(self.pids(node)) == 2, "both workers")


class LifeTests(WorkersCase):
    """Reload and stop."""

    def test_reload(self) -> None:
        """SIGHUP has all take the new configuration and open the journal anew; a faulty one is refused as a whole."""
        node = self.begin()
        node.journal_file.rename(node.directory / "journal.1")
        node.list_recipients("dora")
        node.hang_up()
        self.wait(lambda: {one["worker"] for one in node.journal("reload")} == {1, 2}, "the reload of both")
        for number in range(6):
            said = say(node.port, f"127.0.4.{number + 1}", *message("x"))
            self.assertIn(b"550 5.1.1", said)
        node.configure({"node": {"hostname": "another.test"}})
        with self.assertRaises(Answered) as refused:
            node.ask("POST", "reload")
        self.assertIn("[node] has changed", str(refused.exception.hints))
        self.assertEqual(node.wait_for_event("reload_refused")["worker"], 1)
        self.assertEqual(len(self.pids(node)), 2)

    def test_stop(self) -> None:
        """SIGTERM ends the workers and then the parent; nobody listens, and no process is left."""
        node = self.begin()
        pids = self.pids(node)
        self.assertIn(node.stop(10), (0, -15))
        self.assertEqual([pid for pid in pids if pid_lives(pid)], [])
        self.assertEqual(sorted(one["worker"] for one in node.journal("stopped")), [1, 2])
        self.assertEqual(list(node.directory.glob("control.sock*")), [])

    def test_a_start_that_fails(self) -> None:
        """What the first worker finds wrong ends the node with its status and its words, once."""
        node = self.begin(started=False)
        node.spool.write_text("this is no directory")
        node.launch()
        self.assertEqual(node.wait_until_ended(), 69, node.trouble())
        self.assertIn("shieldrelay cannot start: ", node.log_file.read_text())
        self.assertEqual(len(node.journal("worker_started")), 1)

    def test_a_journal_on_standard_output(self) -> None:
        """Lines of all processes come whole."""
        node = self.begin(settings={"node": {"journal": "-"}}, started=False)
        node.start()
        self.wait(lambda: len(self.pids(node)) == 2, "both workers")
        for number in range(20):
            say(node.port, f"127.0.5.{number + 1}", *message(f"t{number}"))
        node.stop(10)
        lines = [json.loads(line) for line in node.log_file.read_text().splitlines() if line.startswith("{")]
        self.assertEqual({line.get("worker") for line in lines}, {None, 1, 2})
        for line in lines:
            if line["event"] == "worker_started":
                self.wait(lambda pid=line["pid"]: not pid_lives(pid), "the end of a worker")
