"""A node as a process: exit statuses, SIGHUP, and a stop under load."""

from __future__ import annotations

import socket
import threading

from tests.integration.case import ProductCase
from tests.integration.node import DOMAIN, free_port


def converse(port: int, *lines: str, until: bytes) -> bytes:
    """Send a message's commands at once and read until a reply, or the end."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall("".join(f"{line}\r\n" for line in lines).encode())
        while until not in said:
            more = client.recv(65536)
            if not more:
                break
            said += more
    return said


MESSAGE = (
    "EHLO client.test", "MAIL FROM:<a@sender.test>", f"RCPT TO:<alice@{DOMAIN}>", "BDAT 28 LAST",
    "Subject: hello", "", "Hello!!!",
)  # fmt: skip


class EndTests(ProductCase):
    """With which status it ends."""

    def test_a_start_that_fails_late(self) -> None:
        """A control socket in use is found after the ports were taken: the process says so and ends with 69."""
        node = self.a_node(free_port(), started=False)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(node.control))
            other.listen(1)
            node.launch()
            self.assertEqual(node.wait_until_ended(), 69, node.trouble())
        self.assertIn("the node could not start: another node answers", node.trouble())
        self.assertIn(str(node.control), node.trouble())
        (told,) = [one for one in node.journal("bug") if one["where"] == "start"]
        node.journal_file.write_text("")  # that one was to be there
        self.assertIn("control socket", told["error"])

    def test_a_second_node_on_the_same_spool(self) -> None:
        """It ends with 69 and a sentence, and the first one serves on."""
        first = self.a_node(free_port())
        second = self.a_node(free_port(), spool=first.spool, started=False)
        second.launch()
        self.assertEqual(second.wait_until_ended(), 69, second.trouble())
        self.assertNotIn("Traceback", second.trouble())
        self.assertTrue(first.alive)

    def test_sigterm(self) -> None:
        """A node that is told to stop ends with 0, or by the signal as twistd does, soon, and without a bug."""
        node = self.a_node(free_port())
        self.assertIn(node.stop(5), (0, -15))
        self.assertEqual(len(node.journal("stopped")), 1)

    def test_sighup(self) -> None:
        """SIGHUP reads the configuration again, and opens the journal's file anew."""
        node = self.a_node(free_port())
        node.journal_file.rename(node.directory / "journal.1")
        node.list_recipients("dora")
        node.hang_up()
        node.wait_for_event("reload")
        self.assertIn(b"550 5.1.1", converse(node.port, *MESSAGE[:3], until=b"550 "))
        self.assertIn(b"250 2.1.5", converse(node.port, *MESSAGE[:2], f"RCPT TO:<dora@{DOMAIN}>", until=b"2.1.5"))


class LoadTests(ProductCase):
    """A stop while messages are under way."""

    def test_a_stop_under_load(self) -> None:
        """With a mute next hop a stop keeps its time; who heard 250 is in the spool, and the others heard 421."""
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen(100)
            node = self.a_node(
                mute.getsockname()[1],
                settings={"node": {"stop_timeout": "3s"}, "delivery": {"inline_timeout": "2s"}},
            )
            said: list[bytes] = []
            clients = [
                threading.Thread(target=lambda: said.append(converse(node.port, *MESSAGE, until=b"250 2.0.0")))
                for _ in range(30)
            ]
            for client in clients:
                client.start()
            self.wait(lambda: node.ask("GET", "status")["in_content"] or node.spooled(), "messages under way")
            status = node.stop(15)
            for client in clients:
                client.join(10)
        taken = sum(b"250 2.0.0" in one for one in said)
        told = sum(b"421 4.3.2" in one and b"250 2.0.0" not in one for one in said)  # 421 may follow a 250 as well
        self.assertIn(status, (0, -15))
        self.assertEqual((taken + told, len(node.spooled()) >= taken), (30, True), said)
        self.assertLess(node.journal("stopped")[0]["seconds"], 6)
