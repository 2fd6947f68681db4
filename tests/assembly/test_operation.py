"""A running node as its operator and its clients see it: outages, capacity, the queue, and whose mail goes where."""

from __future__ import annotations

import re
import time
from functools import partial

from twisted.internet.defer import succeed

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.control_asking import ask
from shieldrelay.testing.nexthop import Step, say
from tests.assembly.node_case import BODY, NodeCase, reactor

QUICK = 'breaker_failures = 1\nprobe = "1s"\nretry = ["1s"]'


class OutageTests(NodeCase):
    """Down-times, written down and survived."""

    async def test_an_outage_survives_a_restart(self) -> None:
        """After a stop in the midst of an outage the breaker begins open, since the same moment; an answer ends it."""
        began = time.time()
        await self.start(delivery=QUICK)
        await self.hop.down()
        await self.send()
        await self.until(lambda: self.node.house.outages.down_since("example.test"))
        since = self.node.house.outages.down_since("example.test") or 0.0
        await self.stop()
        await self.start(delivery=QUICK)
        (domain,) = (await self.steering.status()).domains
        self.assertIn(domain.breaker, ("open", "probing"))
        self.assertLess(abs((domain.since) - (since)), 0.01)
        self.assertTrue(began <= domain.since <= time.time())
        self.hop.up()
        await self.until(lambda: self.hop.messages)
        await self.until(lambda: not self.spooled())
        self.assertIsNone(self.node.house.outages.down_since("example.test"))
        await self.stop()
        await self.start(delivery=QUICK)
        self.assertEqual((await self.steering.status()).domains[0].breaker, "closed")
        self.assertGreater(self.node.house.outages.overlap("example.test", began, time.time()), 0.0)

    async def test_a_drill(self) -> None:
        """A drill spools what comes and shows until when; when it is ended the mail goes out."""
        await self.start(delivery=QUICK)
        until = await self.steering.drill("example.test", 5)
        self.assertLess(abs((until or 0.0) - (time.time() + 300)), 5)
        self.assertEqual((await self.send())[0], 250)
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.queued, self.spooled(), len(self.hop.messages)), (1, 1, 0))
        self.assertLess(abs((domain.drill_until or 0.0) - (until or 0.0)), 5)
        self.assertIsNone(await self.steering.drill("example.test", 0))
        await self.until(lambda: self.hop.messages)
        self.assertEqual([one["minutes"] for one in self.journal("drill")], [5, 0])


class CapacityTests(NodeCase):
    """The disk under the spool."""

    def is_full(self, wanted: bool) -> bool:
        """Whether the node has come to think so."""
        return (self.node.house.capacity.full() is not None) is wanted

    async def test_full_and_back(self) -> None:
        """Below the reserve mail is refused with 452 at MAIL, an alarm shows, and with room again mail is taken."""
        await self.start()
        for reserve, code in (("100TiB", 452), ("1MiB", 250)):
            self.configure()
            text = (self.directory / "shieldrelay.toml").read_text()
            (self.directory / "shieldrelay.toml").write_text(text.replace('"16MiB"', f'"{reserve}"'))
            self.assertEqual((await self.steering.reload()).errors, ())
            await self.until(partial(self.is_full, code == 452))
            self.assertEqual((await self.send())[0], code)
            alarms = (await self.steering.status()).alarms
            self.assertEqual(any("kept in reserve" in alarm for alarm in alarms), code == 452)
        self.assertEqual(self.journal("headroom")[0]["state"], "refuse")
        self.assertIn("free", self.journal("headroom")[0])


class QueueTests(NodeCase):
    """What the operator sees and does."""

    async def waiting(self, *recipients: str) -> list[str]:
        """Have messages wait; give their ids, oldest first."""
        for domain in self.node.house.ways:
            await self.steering.drill(domain, 60)
        for recipient in recipients:
            code, text = await self.send(recipient)
            self.assertEqual(code, 250, text)
        return [one["message"] for one in self.journal("spooled")]

    async def test_pages_over_several_domains(self) -> None:
        """Pages go through all domains in order, each message once, and end."""
        self.domains = {"b.test": {}, "a.test": {}}
        await self.start()
        await self.waiting(*["x@b.test", "y@a.test"] * 3)
        seen, after, sizes = [], None, []
        while True:
            page = await self.steering.queue(None, 4, after)
            seen += [(one.domain, one.recipients[0]) for one in page.messages]
            sizes.append((len(page.messages), page.total))
            after = page.after
            if after is None:
                break
        self.assertEqual(seen, [("a.test", "y@a.test")] * 3 + [("b.test", "x@b.test")] * 3)
        self.assertEqual(sizes, [(4, 6), (2, 6)])
        only = await self.steering.queue("b.test", 10, None)
        self.assertEqual(([one.domain for one in only.messages], only.after), (["b.test"] * 3, None))

    async def test_hold_show_release_delete(self) -> None:
        """A message can be shown, set aside, let go on and removed; each is told, and each says when there is none."""
        await self.start(delivery=QUICK)
        first, second = await self.waiting("alice@example.test", "bob@example.test")
        shown = await self.steering.message(first)
        assert shown is not None
        self.assertEqual((shown.state, shown.sender, shown.recipients[0].address, shown.recipients[0].state),
                         ("waiting", "sender@sender.test", "alice@example.test", "waiting"))  # fmt: skip
        self.assertIn("Subject: hello", shown.header)
        self.assertNotIn("Hello, world!", shown.header)
        self.assertIn("127.0.0.1", shown.client)
        self.assertGreater(shown.expires or 0.0, time.time() + 6 * 86400)
        self.assertTrue(await self.steering.hold(first))
        self.assertTrue(await self.steering.hold(first))
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.held, domain.queued), (1, 1))
        states = {one.id: one.state for one in (await self.steering.queue(None, 10, None)).messages}
        self.assertEqual(states, {first: "held", second: "waiting"})
        await self.steering.drill("example.test", 0)
        await self.until(lambda: len(self.hop.messages) == 1)
        self.assertIn(b"bob@example.test", self.hop.messages[0].content)
        self.assertTrue(await self.steering.release(first))
        await self.until(lambda: len(self.hop.messages) == 2)
        (third,) = (await self.waiting("alice@example.test"))[2:]
        self.assertTrue(await self.steering.delete(third))
        self.assertEqual((self.spooled(), await self.steering.message(third)), (0, None))
        for act in (self.steering.hold, self.steering.release, self.steering.delete):
            self.assertIsNone(await act(third))
        told = [len(self.journal(name)) for name in ("held", "released", "deleted")]
        self.assertEqual((told, self.has_bugs()), ([1, 1, 1], []))

    async def test_what_is_in_flight_is_left_alone(self) -> None:
        """A message that is being offered can be neither held nor deleted, and says so."""
        await self.start(delivery=QUICK)
        (id,) = await self.waiting("alice@example.test")
        self.hop.script.on(Step.CONTENT, say("250 2.0.0 taken", delay=1))
        await self.steering.drill("example.test", 0)
        await self.hop.reached(Step.CONTENT)
        self.assertEqual((await self.steering.hold(id), await self.steering.delete(id)), (False, False))
        (domain,) = (await self.steering.status()).domains
        self.assertEqual(domain.in_flight, 1)
        await self.until(lambda: not self.spooled())

    async def test_what_goes_while_it_is_looked_for(self) -> None:
        """A message that is delivered between the look and the act is not there any more: no more and no less."""
        await self.start(delivery=QUICK)
        (id,) = await self.waiting("alice@example.test")
        spool = self.node.house.spool
        entry = await spool.find(id)
        assert entry is not None
        await spool.remove((entry,))
        self.patch(spool, "find", lambda _id: succeed(entry))
        self.assertIsNone(await self.steering.hold(id))
        self.patch(spool, "held", lambda _domain: succeed((entry,)))
        self.assertIsNone(await self.steering.release(id))

    async def test_flush(self) -> None:
        """Mail that waits long for its next attempt is tried at once."""
        await self.start(delivery='retry = ["1h"]\nbreaker_failures = 9')
        self.hop.script.once(Step.MAIL, say("451 4.3.0 later"))
        await self.send()
        self.assertEqual((self.spooled(), self.hop.messages), (1, []))
        self.assertEqual(await self.steering.flush("example.test"), 1)
        await self.until(lambda: self.hop.messages)

    async def test_status(self) -> None:
        """The picture tells who the node is, its sessions, its disk, and each domain with its next hops."""
        await self.start()
        status = await self.steering.status()
        self.assertEqual((status.node, status.sessions, status.in_content, status.alarms), ("relay.test", 0, 0, ()))
        self.assertEqual((status.spool.state in ("ok", "low"), status.spool.octets_free > 0), (True, True))
        (domain,) = status.domains
        (hop,) = domain.next_hops
        self.assertEqual((hop.name, hop.state), (f"127.0.0.1:{self.hop.port}", "untried"))
        await self.send()
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.next_hops[0].state, domain.next_hops[0].connections), ("up", 1))


class WhoseTests(NodeCase):
    """Names that lead somewhere else."""

    async def test_postmaster_without_a_domain(self) -> None:
        """Mail for <postmaster> goes to the declared mailbox."""
        await self.start(node='postmaster = "help@example.test"')
        self.assertEqual((await self.send("postmaster"))[0], 250)
        self.assertEqual(self.hop.messages[0].recipients, (b"help@example.test",))

    async def test_aliases_share_a_lane(self) -> None:
        """Recipients at a domain and at its other name are one transaction, delivered once, as they were written."""
        self.domains["example.test"]["more"] = 'aliases = ["alias.test"]'
        await self.start()
        self.assertEqual((await self.send("a@example.test", "b@alias.test"))[0], 250)
        (message,) = self.hop.messages
        self.assertEqual(list(message.recipients), [b"a@example.test", b"b@alias.test"])

    async def test_domains_of_a_transaction(self) -> None:
        """One domain a transaction is the rule; where two are allowed, each gets its own, and both before the 250."""
        self.domains["other.test"] = {}
        await self.start()
        self.assertEqual((await self.send("a@example.test", "b@other.test"))[0], 452)
        self.configure(smtp="recipient_domains = 2")
        self.assertEqual((await self.steering.reload()).errors, ())
        self.assertEqual((await self.send("a@example.test", "b@other.test", body=BODY))[0], 250)
        await self.until(lambda: len(self.hop.messages) == 2)
        self.assertEqual(
            sorted(recipient for one in self.hop.messages for recipient in one.recipients),
            [b"a@example.test", b"b@other.test"],
        )


class RouteTests(NodeCase):
    """What the node's socket answers."""

    async def test_every_declared_path_is_bound(self) -> None:
        """Whatever the API declares, a running node has; a method that no path knows shows which ones it does."""
        await self.start()
        for route in declared_routes():
            path = re.sub(r"\{[^}]+\}", "x", route.pattern).encode()
            answer = await ask(reactor, self.control, "PATCH", path, b"", seconds=10.0)
            self.assertEqual(answer.status, 405, route.pattern)
            self.assertIn(route.method, answer.value["error"]["message"].split(" knows ")[1], route.pattern)
