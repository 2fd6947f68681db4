"""Configurations that are wrong, at the start and at a reload; a second node on the same spool."""

from __future__ import annotations

import signal

from tests.integration.case import ProductCase
from tests.integration.clients import Session, content_of, send_one
from tests.integration.node import greets

EX_CONFIG = 78
EX_UNAVAILABLE = 69


class StartTests(ProductCase):
    def test_every_fault_is_told(self):
        """Four faults in two files: each named by file and key, status 78, and nothing was bound or made."""
        node = self.a_node(
            "not a host!",
            settings={"smtp": {"message_size": "lots", "recipients": 1}, "nonsense": {"key": 1}},
            started=False,
        )
        node.launch()
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        said = node.log_file.read_text()
        for words in (
            "[smtp] message_size",
            "[smtp] recipients",
            "nonsense",
            "next_hops",
            "4 faults; nothing was started",
        ):
            self.assertIn(words, said)
        self.assertIn(f"{node.configuration}:", said)
        self.assertIn("domains.d/example.test.toml:", said)
        self.assertEqual((node.spool.exists(), greets(node.port)), (False, False))

    def test_check_says_the_same(self):
        """``--check`` tells the fault, ends with 78, and with 0 once it is mended."""
        node = self.a_node(25, settings={"delivery": {"probe": "soon"}}, started=False)
        node.launch("--check")
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        node.configure({"delivery": {"probe": "5s"}})
        node.launch("--check")
        self.assertEqual(node.wait_until_ended(), 0)
        self.assertIn("valid", node.log_file.read_text())

    def test_a_missing_list(self):
        """A list of recipients that is not there is a fault of the configuration."""
        node = self.a_node(25, started=False)
        node.recipients_file.unlink()
        node.launch()
        self.assertEqual(node.wait_until_ended(), EX_CONFIG)
        self.assertIn(str(node.recipients_file), node.log_file.read_text())

    def test_a_taken_port(self):
        """A port that somebody else has: one sentence, and status 69."""
        first = self.a_node(25)
        second = self.a_node(25, settings={"listen": {"smtp": [f"127.0.0.1:{first.port}"]}}, started=False)
        second.launch()
        self.assertEqual(second.wait_until_ended(), EX_UNAVAILABLE)
        self.assertIn(f"127.0.0.1:{first.port}", second.log_file.read_text())

    def test_a_second_node_on_the_same_spool(self):
        """It is told who has the spool, ends with 69, and the first one goes on unharmed."""
        customer = self.a_customer()
        first = self.a_node(customer.port)
        second = self.a_node(customer.port, spool=first.spool, started=False)
        second.launch()
        self.assertEqual(second.wait_until_ended(), EX_UNAVAILABLE)
        assert first.process is not None
        said = second.log_file.read_text()
        self.assertIn(f"{first.spool}/relay.test is in use by process {first.process.pid}", said)
        customer.down()
        self.assertEqual(send_one(first.port, "unharmed")[:3], b"250")
        customer.up()
        self.wait_for_arrival(customer, "unharmed")
        self.assert_once(customer, ["unharmed"])

    def test_another_member_beside_it(self):
        """A node with a member name of its own shares the spool's directory."""
        first = self.a_node(25)
        second = self.a_node(25, settings={"node": {"member": "other"}}, spool=first.spool)
        self.assertTrue(first.alive and second.alive)


class ReloadTests(ProductCase):
    def setUp(self):
        self.customer = self.a_customer()
        self.node = self.a_node(self.customer.port)

    def test_a_broken_configuration_changes_nothing(self):
        """SIGHUP with a fault beside a good change: told in the journal, neither is in force, mail goes on."""
        self.node.configure({"smtp": {"message_size": "64KiB", "recipients": "many"}})
        self.node.list_recipients("dave")
        self.node.hang_up()
        refused = self.node.wait_for_event("reload_refused")
        self.assertIn("recipients", str(refused["reason"]))
        self.assertIn("! reload refused: ", self.node.ctl("status").stdout)
        with Session(self.node.port) as session:
            self.assertIn(b"SIZE 52428800", session.capabilities)
            replies, last = session.send(content_of("on", 2000), ["alice", "dave"])
            self.assertEqual([one[:9] for one in replies], [b"250 2.1.5", b"550 5.1.1"])
            self.assertEqual(last[:3], b"250")
        self.assertEqual(self.node.ctl("reload").returncode, 1)

    def test_what_needs_a_restart_is_refused(self):
        """A new port at a reload is refused by name."""
        self.node.configure({"listen": {"smtp": ["127.0.0.1:1"]}})
        done = self.node.ctl("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("[listen] has changed", done.stderr)
        self.assertTrue(greets(self.node.port))

    def test_a_new_recipient(self):
        """SIGHUP with a longer list: the new recipient exists, also in a session that was open."""
        with Session(self.node.port) as session:
            self.assertEqual(session.send(content_of("early", 2000), ["dave"])[0][0][:3], b"550")
            self.node.list_recipients("alice", "dave")
            self.node.hang_up()
            self.node.wait_for_event("reload")
            self.assertEqual(send_one(self.node.port, "late", "dave")[:3], b"250")
        self.assert_once(self.customer, ["late"])

    def test_reloads_under_way_lose_nothing(self):
        """Twenty reloads with a changed ramp while mail is held and delivered: every message arrives once."""
        tokens = []
        for number in range(20):
            if number == 5:
                self.customer.down()
            elif number == 10:
                self.customer.up()
            self.node.configure({"delivery": {"ramp": [1 + number, 20]}})
            self.node.hang_up()
            self.assertEqual(send_one(self.node.port, f"m{number}")[:3], b"250")
            tokens.append(f"m{number}")
        self.wait_for_arrival(self.customer, *tokens)
        self.wait(self.node.drained, "an empty spool")
        self.assert_once(self.customer, tokens)


class RelayingTests(ProductCase):
    def test_an_unknown_domain(self):
        """Recipients elsewhere are refused for good, and nothing is taken."""
        node = self.a_node(25)
        with Session(node.port) as session:
            self.assertEqual(session.command(b"MAIL FROM:<a@sender.test>")[:3], b"250")
            for path in (b"<a@elsewhere.test>", b"<@example.test:a@elsewhere.test>", b"<a%elsewhere.test@[127.0.0.1]>"):
                self.assertEqual(session.command(b"RCPT TO:" + path)[:4], b"550 ", path)
        self.assertEqual(node.spooled(), [])

    def test_sigterm_while_idle(self):
        """Nothing to do: the node ends at once, by the signal it was sent."""
        node = self.a_node(25)
        self.assertEqual(node.stop(5), -signal.SIGTERM)
