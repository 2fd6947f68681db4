"""A new configuration while the node runs: whole or not at all, and mail goes where it says from then on."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import deferToThread

from shieldrelay.testing.authority import Authority
from shieldrelay.testing.nexthop import ScriptedNextHop, Step, say
from tests.assembly.node_case import NodeCase, reactor


class ReloadTests(NodeCase):
    """Reloads by the operator's call."""

    async def reload(self, **sections: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write the configuration and reload; give changes and errors."""
        self.configure(**sections)
        came = await self.steering.reload()
        return came.changes, came.errors

    def another_hop(self) -> ScriptedNextHop:
        """Give a second customer's server, up."""
        other = ScriptedNextHop(reactor)
        other.up()
        self.addCleanup(other.down)
        return other

    async def spool_some(self, count: int = 3) -> None:
        """Have mail wait for a server that is down."""
        await self.hop.down()
        for _ in range(count):
            self.assertEqual((await self.send())[0], 250)
        await self.until(lambda: not self.node.house.ways["example.test"].lane.machines.breaker.passes)

    async def test_recipients(self) -> None:
        """A recipient who was added exists, and one who was removed does not."""
        names = self.directory / "names"
        names.write_text("alice\nbob\n")
        self.domains["example.test"]["recipients"] = f"file:{names}"
        await self.start()
        names.write_text("bob\ncarol\n")
        self.assertEqual(await self.reload(), (("no setting has changed; lists and certificates were read again",), ()))
        codes = [(await self.send(f"{name}@example.test"))[0] for name in ("alice", "bob", "carol")]
        self.assertEqual(codes, [550, 250, 250])

    async def test_a_new_domain(self) -> None:
        """A domain that was added is relayed for, with a spool of its own."""
        await self.start()
        self.assertEqual((await self.send("a@new.test"))[0], 550)
        self.domains["new.test"] = {}
        self.assertEqual(await self.reload(), (("new.test is protected from now on",), ()))
        self.assertEqual((await self.send("a@new.test"))[0], 250)
        self.assertTrue((self.directory / "spool" / "relay.test" / "new.test" / "new").is_dir())

    async def test_a_removed_domain(self) -> None:
        """A domain that was removed is refused, its mail stays, and an alarm says so; back again, its mail goes out."""
        self.domains["old.test"] = {}
        await self.start()
        await self.hop.down()
        await self.send("a@old.test")
        del self.domains["old.test"]
        self.assertEqual(await self.reload(), (("old.test is not protected any more",), ()))
        self.assertEqual((await self.send("a@old.test"))[0], 550)
        self.assertEqual(self.spooled("old.test"), 1)
        (alarm,) = [one for one in self.journal("alarm") if one["alarm"] == "orphaned mail"]
        self.assertEqual((alarm["domain"], alarm["reason"][:10]), ("old.test", "1 messages"))
        self.assertIn("old.test: 1 messages are spooled, and the domain is not configured", await self.alarms())
        self.hop.up()
        self.domains["old.test"] = {}
        await self.reload()
        await self.until(lambda: self.hop.messages)
        await self.until(lambda: not self.spooled("old.test"))
        self.assertEqual([one for one in await self.alarms() if "not configured" in one], [])

    async def test_a_domain_that_is_back_at_once(self) -> None:
        """A domain that is removed and added again while a message of it is being offered delivers it once."""
        self.domains["old.test"] = {}
        await self.start()
        await self.steering.drill("old.test", 5)
        await self.send("a@old.test")
        self.hop.script.on(Step.CONTENT, say("250 2.0.0 taken", delay=0.7))
        await self.steering.drill("old.test", 0)
        await self.hop.reached(Step.CONTENT)
        kept = self.domains.pop("old.test")
        await self.reload()
        self.domains["old.test"] = kept
        self.assertEqual((await self.reload())[1], ())
        await self.until(lambda: not self.spooled("old.test") and not self.node.house.retired)
        self.assertEqual((len(self.hop.messages), self.has_bugs()), (1, []))
        self.assertEqual((await self.send("b@old.test"))[0], 250)

    async def alarms(self) -> tuple[str, ...]:
        """Give the alarms that the status shows."""
        return (await self.steering.status()).alarms

    async def test_a_changed_next_hop(self) -> None:
        """Mail that waits goes to the new server at once, and the outage in the ledger is over with it."""
        await self.start(delivery='breaker_failures = 1\nretry = ["5m"]\nprobe = "5m"')
        await self.spool_some()
        self.assertIsNotNone(self.node.house.outages.down_since("example.test"))
        other = self.another_hop()
        self.domains["example.test"]["port"] = other.port
        self.assertEqual(await self.reload(), (("example.test has changed",), ()))
        await self.until(lambda: len(other.messages) == 3)
        await self.until(lambda: not self.spooled())
        self.assertIsNone(self.node.house.outages.down_since("example.test"))
        self.assertEqual((await self.send())[0], 250)
        self.assertEqual((len(other.messages), self.hop.messages, self.has_bugs()), (4, [], []))

    async def test_what_takes_a_restart(self) -> None:
        """A change that cannot be made now is refused by name, and nothing else of the file is taken."""
        await self.start()
        self.domains["new.test"] = {}
        changes, errors = await self.reload(node="workers = 1", delivery='notice_lifetime = "1d"')
        self.assertEqual(
            (changes, errors), ((), ("[delivery: notice_lifetime] has changed, and that takes a restart",))
        )
        self.assertEqual((await self.send("a@new.test"))[0], 550)
        (told,) = self.journal("reload_refused")
        self.assertEqual(told["faults"], 1)

    async def test_a_faulty_file(self) -> None:
        """A file with faults is refused with all of them, and nothing has changed."""
        await self.start()
        self.domains["new.test"] = {}
        before = (self.node.house.configuration, self.node.house.terms, dict(self.node.house.ways))
        changes, errors = await self.reload(smtp="recipients = 0\ngreeting = 7")
        self.assertEqual((changes, len(errors)), ((), 2))
        self.assertEqual((self.node.house.configuration, self.node.house.terms, self.node.house.ways), before)

    async def test_a_faulty_list_or_certificate(self) -> None:
        """A list or a certificate that cannot be read refuses the whole, and leaves no call behind."""
        names, authority = self.directory / "names", self.directory / "ca"
        names.write_text("alice\n")
        Authority(now=time.time()).write(authority)
        self.domains["example.test"]["recipients"] = f"file:{names}"
        self.domains["example.test"]["more"] = f'next_hop_tls = "verified"\nnext_hop_tls_ca = "{authority}"'
        self.domains["other.test"] = {"more": f'next_hop_tls = "verified"\nnext_hop_tls_ca = "{authority}"'}
        await self.start()
        names.write_text("a b c\n")
        _changes, errors = await self.reload()
        self.assertIn("names:1", errors[0])
        names.write_text("alice\n")
        authority.write_text("nothing")
        ways, calls = dict(self.node.house.ways), len(reactor.getDelayedCalls())
        _changes, errors = await self.reload()
        self.assertIn(str(authority), errors[0])
        self.assertEqual(self.node.house.ways, ways)
        self.assertLessEqual(len(reactor.getDelayedCalls()), calls + 1)

    async def test_a_list_that_was_built_in_vain(self) -> None:
        """A reload that fails behind a list that had changed leaves no file of that list behind."""
        names, authority = self.directory / "names", self.directory / "ca"
        names.write_text("alice\n")
        Authority(now=time.time()).write(authority)
        self.domains["example.test"]["recipients"] = f"file:{names}"
        self.domains["example.test"]["more"] = f'next_hop_tls = "verified"\nnext_hop_tls_ca = "{authority}"'
        await self.start()
        authority.write_text("nothing")
        room = self.directory / "state" / "recipients" / "example.test"
        before = sorted(room.iterdir())
        for number in range(3):
            names.write_text(f"alice\nbob{number}\n")
            _changes, errors = await self.reload(smtp=f"recipients = {200 + number}")
            self.assertIn(str(authority), errors[0])
        self.assertEqual(sorted(room.iterdir()), before)
        self.assertEqual((await self.send("bob2@example.test"))[0], 550)

    async def test_every_section_is_told(self) -> None:
        """Whatever section has changed, the reload says so."""
        await self.start()
        changed = '[stress]\nlag = "2s"\n[shield]\ndeny = ["192.0.2.0/24"]\n[recipients]\nkeep = 4\n'
        changes, errors = await self.reload(more=changed)
        wanted = ("[shield] has changed", "[stress] has changed", "[recipients] has changed")
        self.assertEqual((changes, errors), (wanted, ()))

    async def test_a_storm_of_hang_ups(self) -> None:
        """Fifty SIGHUPs while the configuration is read make one more reload, with the last state of the files."""
        names = self.directory / "names"
        names.write_text("alice\n")
        self.domains["example.test"]["recipients"] = f"file:{names}"
        await self.start()
        first = Deferred.fromCoroutine(self.steering.reload())
        names.write_text("alice\nbob\n")
        for _ in range(50):
            self.node._hang_up()
        self.assertEqual((await first).errors, ())
        await self.until(lambda: len(self.journal("reload")) == 2)
        self.assertEqual((await self.send("bob@example.test"))[0], 250)
        self.assertEqual((len(self.journal("reload")), self.journal("reload_refused")), (2, []))

    async def test_a_stop_during_a_reload(self) -> None:
        """A reload that a stop overtakes changes nothing, and nothing goes on after the stop."""
        await self.start()
        self.domains["new.test"] = {}
        self.configure()
        for _ in range(3):
            self.node._hang_up()
        await self.stop()
        lines = [json.loads(line) for line in (self.directory / "journal").read_text().splitlines()]
        told = {line["event"] for line in lines}
        self.assertFalse(told & {"bug", "reload"}, told)
        self.assertNotIn("new.test", self.node.house.ways)

    async def test_certificates_are_renewed(self) -> None:
        """A certificate that was exchanged is shown to clients from then on, and the journal tells it."""
        files = (self.directory / "crt", self.directory / "key")
        authority = Authority(now=time.time())
        authority.issue("relay.test", days=10).write(*files)
        tls = f'[tls]\ncertificate = "{files[0]}"\nprivate_key = "{files[1]}"'
        await self.start(more=tls)
        first = self.node.house.tls.expires
        authority.issue("relay.test", days=20).write(*files)
        self.assertEqual((await self.reload())[1], ())
        self.assertGreater(self.node.house.tls.expires, first)
        expires = [one["expires"] for one in self.journal("certificate") if one.get("file") == str(files[0])]
        self.assertEqual(expires, [round(first), round(self.node.house.tls.expires)])

    async def test_limits_hold_for_the_next_session(self) -> None:
        """How many sessions there may be is what the configuration in force says."""
        await self.start()
        self.assertEqual((await self.reload(smtp="max_sessions = 1"))[1], ())
        with socket.create_connection(("127.0.0.1", self.port)) as first:
            self.assertEqual((await deferToThread(first.recv, 4)), b"220 ")
            with socket.create_connection(("127.0.0.1", self.port)) as second:
                self.assertEqual((await deferToThread(second.recv, 4)), b"421 ")

    async def test_while_messages_are_in_flight(self) -> None:
        """Reloads under load lose nothing and double nothing: every message is taken once, wherever it was."""
        await self.start()
        self.hop.script.on(Step.CONTENT, say("250 2.0.0 taken", delay=0.05))
        sending: list[Deferred[Any]] = []
        for number in range(30):
            body = f"Subject: {number}\r\n\r\nnumber {number}.\r\n"
            sending.append(Deferred.fromCoroutine(self.send(body=body)))
            if number % 5 == 0:
                self.domains["example.test"]["more"] = f"pace = {{ connections = {10 + number} }}"
                self.assertEqual((await self.reload())[1], ())
        answers = await DeferredList(sending)
        self.assertEqual([answer[0] for _good, answer in answers], [250] * 30)
        await self.until(lambda: len(self.hop.messages) >= 30 and not self.spooled())
        subjects = sorted(int(one.content.split(b"number ")[1].split(b".")[0]) for one in self.hop.messages)
        self.assertEqual((subjects, self.has_bugs()), (list(range(30)), []))
        await self.until(lambda: not self.node.house.retired)

    async def test_one_at_a_time(self) -> None:
        """A second reload while one is under way is refused, and the first comes to its end."""
        await self.start()
        first = Deferred.fromCoroutine(self.steering.reload())
        second = await self.steering.reload()
        self.assertEqual(second.errors, ("another reload is under way",))
        self.assertEqual((await first).errors, ())
