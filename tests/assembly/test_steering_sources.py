"""Claims about what an operator is told of sources, and may do to them, on a whole node."""

from __future__ import annotations

from ipaddress import ip_network

from shieldrelay.admin.api_sources import EntryKind, ListKind, Revoked
from shieldrelay.assembly import steering_sources
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.assembly.steering_grudges import covers, source_of
from shieldrelay.assembly.steering_sources import SourceSteering
from shieldrelay.cluster.hub import ChangeKind
from shieldrelay.mail.client import client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Asked, Existence, HarvestSession
from tests.assembly.node_case import NodeCase

BOB = client_of("192.0.2.7")
STRANGER = Acquaintance.STRANGER


class SteeringCase(NodeCase):
    """A node with a list, and what an operator may ask of its defences."""

    async def start(self, **sections: str) -> ApplianceService:
        (self.directory / "recipients").write_text("alice\nbob\n")
        self.domains = {"example.test": {"recipients": f"file:{self.directory}/recipients"}}
        node = await super().start(**sections)
        self.sources = SourceSteering(node.house)
        self.shield = node.house.shield
        return node

    def guess(self, address: str, count: int, acquaintance: Acquaintance = STRANGER) -> None:
        """Have a client ask for so many recipients that do not exist."""
        client, harvest, now = client_of(address), self.shield.defences.harvest, self.shield.seconds()
        session = HarvestSession()
        for number in range(count):
            name = int.from_bytes(client.source, "big") * 100 + number
            asked = Asked(client, acquaintance, "example.test", name, Existence.UNKNOWN, 7, session)
            harvest.ask(asked, now)
            harvest.answer(asked, now)

    def ban(self, address: str, seconds: float = 600.0) -> None:
        """Have a defence ban a client."""
        self.shield.register.ban(client_of(address).source, self.sources.wall() + seconds, "guessed", "harvest")


class ExplainTests(SteeringCase):
    """What `explain` says."""

    async def test_never_seen(self) -> None:
        """Of an address that was never seen nothing is known, and nothing is remembered for having been asked."""
        await self.start()
        seen = await self.sources.explain("203.0.113.9")
        self.assertEqual((seen.now, seen.why, seen.until, seen.entry), ("served", "", None, None))
        self.assertEqual((seen.acquaintance, seen.greeting_delay, seen.sessions), ("stranger", 3.0, 0))
        self.assertEqual({len(table) for table in self.shield.tables if table.kind.name.endswith("source")}, {0})
        named = {"connections", "harvest", "greeting", "analysis", "reputation", "lawful", "history"}
        self.assertEqual({each.name for each in seen.defences}, named)

    async def test_ipv6_counts_for_its_64(self) -> None:
        """An IPv6 address is shown with the /64 and the /56 that it counts for."""
        await self.start()
        seen = await self.sources.explain("2001:db8:0:7::1")
        self.assertEqual((seen.source, seen.network), ("2001:db8:0:7::/64", "2001:db8::/56"))

    async def test_a_harvester_climbs_the_ladder(self) -> None:
        """Who guessed is answered alike, then refused, until the same moment; and it is said what it did."""
        await self.start()
        self.guess(BOB.address, 4)
        alike = await self.sources.explain(BOB.address)
        self.assertEqual(alike.now, "answered alike")
        self.assertIn("2.0 unknown recipients told of in 24 hours", alike.why)
        self.guess(BOB.address, 20)
        refused = await self.sources.explain(BOB.address)
        self.assertEqual((refused.now, refused.until is not None), ("refused", True))
        self.assertAlmostEqual(refused.until or 0.0, alike.until or 0.0, delta=2.0)
        harvest = next(each for each in refused.defences if each.name == "harvest")
        self.assertEqual((harvest.mode, harvest.refuses), ("enforce", "cut off, connections are refused"))

    async def test_a_known_good_source_is_cut_at_one_domain(self) -> None:
        """A box of a source with a good name is its domain's own, and is told with the domain."""
        node = await self.start()
        day = self.shield.defences.calendar.day(self.shield.seconds())
        for each in (2, 1, 0):
            self.shield.defences.history.delivered(BOB, 10, day - each, self.shield.seconds())
        self.guess(BOB.address, 40, Acquaintance.KNOWN_GOOD)
        seen = await self.sources.explain(BOB.address)
        self.assertEqual((seen.acquaintance, seen.now), ("known good", "answered alike"))
        self.assertTrue(seen.why.startswith("at example.test: "), seen.why)
        self.assertIn(BOB.address, [each.source for each in await self.sources.worst(5)])
        self.assertEqual(await self.sources.release(BOB.address, "me"), 1)
        self.assertEqual((await self.sources.explain(BOB.address)).now, "served")
        self.assertEqual(node.house.journal.lost, 0)

    async def test_too_many_sessions(self) -> None:
        """Who has all the sessions that it may have is refused now, with the figures."""
        await self.start()
        for _ in range(10):
            self.shield.defences.connections.admit(BOB, STRANGER, 0, self.shield.seconds())
        seen = await self.sources.explain(BOB.address)
        self.assertEqual((seen.now, seen.sessions), ("refused", 10))
        self.assertEqual(seen.why, "11 sessions at once, limit 10 for a stranger")

    async def test_a_rate_that_is_used_up_comes_back(self) -> None:
        """Who connects too often is refused until there is room again; who mails too much is slowed."""
        await self.start()
        connections, now = self.shield.defences.connections, self.shield.seconds()
        while connections.admit(BOB, STRANGER, 0, now) is None:
            connections.left(BOB, 0, now)
        seen = await self.sources.explain(BOB.address)
        self.assertEqual(seen.now, "refused")
        self.assertIn("connections a minute, limit 30 for a stranger", seen.why)
        self.assertTrue(0 < (seen.until or 0.0) - self.sources.wall() < 60)
        eve = client_of("192.0.3.7")
        while connections.message(eve, STRANGER, now) is None:
            pass
        seen = await self.sources.explain(eve.address)
        self.assertEqual((seen.now, seen.until is not None), ("slowed", True))
        self.assertIn("messages a minute, limit 60", seen.why)

    async def test_an_observing_defence_refuses_nobody(self) -> None:
        """What only observes is told as what would be refused, and the client is served."""
        await self.start(more='[shield.connections]\nmode = "observe"\n[shield.harvest]\nmode = "observe"')
        for _ in range(10):
            self.shield.defences.connections.admit(BOB, STRANGER, 0, self.shield.seconds())
        seen = await self.sources.explain(BOB.address)
        self.assertEqual(seen.now, "served")
        self.assertEqual((seen.defences[0].mode, seen.defences[0].refuses[:11]), ("observe", "11 sessions"))

    async def test_a_shielded_domain_makes_strangers_come_again(self) -> None:
        """While a domain is shielded it is said where a stranger is answered alike, and the status has the shield."""
        await self.start()
        for number in range(60):
            self.guess(f"10.{number}.0.1", 2)
        seen = await self.sources.explain("203.0.113.9")
        self.assertEqual(seen.now, "answered alike")
        self.assertIn("example.test is shielded", seen.why)
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.shield, domain.shield_since is not None), ("shield", True))
        self.assertIn("unknown recipients in 10 minutes, limit", domain.shield_reason)

    async def test_refusals_are_told_with_their_reference(self) -> None:
        """What the client was told, and how often, is given for the journal to be searched."""
        node = await self.start()
        self.ban(BOB.address)
        for _ in range(3):
            node.house.terms.gate.admit(BOB, 0, self.shield.seconds())
        (refusal,) = (await self.sources.explain(BOB.address)).refusals
        self.assertEqual((refusal.defence, refusal.count), ("lists", 3))
        self.assertEqual([line["reference"] for line in self.journal("connection_refused")], [refusal.reference])


class ListTests(SteeringCase):
    """Allow, deny, revoke."""

    async def test_allow_beats_everything_else(self) -> None:
        """An allowed source is served though it is banned and cut off; revoked, the ban holds again."""
        await self.start()
        self.ban(BOB.address)
        self.guess(BOB.address, 30)
        made = await self.sources.enter(ListKind.ALLOW, "192.0.2.0/24", None, "partner", "me")
        self.assertEqual((made.network, made.kind, made.by, made.overruled), ("192.0.2.0/24", "allow", "me", ""))
        seen = await self.sources.explain(BOB.address)
        self.assertEqual((seen.now, seen.why), ("served", "192.0.2.0/24 is allowed by me: partner"))
        self.assertEqual(seen.greeting_delay, 0.0)
        self.assertEqual(await self.sources.revoke("192.0.2.0/24", "me"), Revoked.DONE)
        self.assertEqual(await self.sources.revoke("192.0.2.0/24", "me"), Revoked.ABSENT)
        seen = await self.sources.explain(BOB.address)
        self.assertEqual((seen.now, seen.why), ("refused", "192.0.2.7 is banned by harvest: guessed"))

    async def test_deny_until(self) -> None:
        """A denial has its end, and a later word about the same network takes its place."""
        await self.start()
        until = self.sources.wall() + 60
        await self.sources.enter(ListKind.DENY, BOB.address, until, "", "me")
        seen = await self.sources.explain(BOB.address)
        self.assertEqual((seen.now, seen.until), ("refused for good", until))
        self.assertEqual(seen.entry and seen.entry.network, "192.0.2.7")
        await self.sources.enter(ListKind.ALLOW, BOB.address, None, "", "me")
        self.assertEqual((await self.sources.explain(BOB.address)).now, "served")
        self.assertEqual((await self.sources.entries(None, 10, None)).total, 1)

    async def test_a_denial_without_effect_says_so(self) -> None:
        """What the configuration allows cannot be denied at run time; the answer says it, and revoking is refused."""
        await self.start(more='[shield]\nallow = ["192.0.2.0/24"]')
        made = await self.sources.enter(ListKind.DENY, BOB.address, None, "", "me")
        self.assertEqual(made.overruled, "192.0.2.0/24 is allowed by configuration, and that holds")
        self.assertEqual((await self.sources.explain(BOB.address)).now, "served")
        self.assertEqual(await self.sources.revoke("192.0.2.0/24", "me"), Revoked.CONFIGURED)

    async def test_pages(self) -> None:
        """Pages go through all that is in force, each once; a cursor that no page gave begins again."""
        await self.start()
        for number in range(5):
            self.ban(f"198.51.100.{number}")
        await self.sources.enter(ListKind.DENY, "203.0.113.0/24", None, "", "me")
        found: list[str] = []
        after = None
        while True:
            page = await self.sources.entries(None, 2, after)
            found += [each.network for each in page.entries]
            after = page.after
            if after is None:
                break
        self.assertEqual((len(found), len(set(found)), page.total), (6, 6, 6))
        self.assertEqual((await self.sources.entries(EntryKind.DENY, 9, None)).total, 1)
        first, odd = [await self.sources.entries(None, 2, after) for after in (None, "zzz")]
        self.assertEqual(odd, first)


class ReleaseTests(SteeringCase):
    """Release, and who weighs most."""

    async def test_a_network(self) -> None:
        """Everything within is released, from every table, and nothing beside it; a second time there is nothing."""
        await self.start()
        shield, now = self.shield.defences, self.shield.seconds()
        self.ban("192.0.2.1")
        self.guess("192.0.2.2", 6)
        shield.connections.mark(client_of("192.0.2.3"), now)
        shield.greeting.talked(client_of("192.0.2.4"), now)
        shield.history.heavy_violation(client_of("192.0.2.5"), shield.calendar.day(now), now)
        while shield.connections.message(client_of("192.0.2.6"), STRANGER, now) is None:
            pass
        shield.connections.message(client_of("192.0.2.7"), STRANGER, now)  # lawful: nothing to be released
        self.ban("192.0.3.1")
        self.assertEqual([await self.sources.release("192.0.2.0/24", "me") for _ in range(2)], [6, 0])
        for host in range(1, 7):
            self.assertEqual((await self.sources.explain(f"192.0.2.{host}")).now, "served", host)
        self.assertEqual((await self.sources.explain("192.0.3.1")).now, "refused")
        self.assertEqual({line["by"] for line in self.journal("released_source")}, {"me"})

    async def test_an_ipv6_address_is_its_64(self) -> None:
        """A ban of a /64 is released by any address of it."""
        await self.start()
        self.ban("2001:db8::1")
        self.assertEqual(await self.sources.release("2001:db8::2", "me"), 1)
        self.assertEqual(self.shield.register.count(ChangeKind.BAN), 0)

    async def test_many_sources_leave_the_reactor_its_turn(self) -> None:
        """Hundreds of bans in a network go in one request, and no more than are declared."""
        await self.start()
        for number in range(300):
            self.ban(f"10.1.{number // 200}.{number % 200}")
        self.patch(steering_sources, "RELEASED_MOST", 200)
        self.assertEqual([await self.sources.release("10.0.0.0/8", "me") for _ in range(3)], [200, 100, 0])

    async def test_the_worst_first(self) -> None:
        """Banned sources come first, then those that are cut off, then the busiest; each once."""
        await self.start()
        for number in (1, 2, 2, 3):
            client = client_of(f"192.0.2.{number}")
            self.shield.defences.connections.admit(client, STRANGER, 0, self.shield.seconds())
        self.guess("192.0.2.3", 6)
        self.ban("192.0.2.4")
        worst = await self.sources.worst(10)
        self.assertEqual([each.source[-1] for each in worst], ["4", "3", "2", "1"])
        self.assertEqual([each.state for each in worst], ["refused", "answered alike", "served", "served"])
        self.assertEqual([each.sessions for each in worst], [0, 1, 2, 1])
        self.assertEqual(len(await self.sources.worst(1)), 1)

    def test_networks_and_keys(self) -> None:
        """A host in a /64 means that /64; families are told apart; a key with a domain gives its source."""
        four, six = client_of("192.0.2.7").source, client_of("2001:db8::7").source
        rows = (("192.0.2.0/24", four, True), ("192.0.3.0/24", four, False), ("0.0.0.0/0", four, True),
                ("0.0.0.0/0", six, False), ("2001:db8::/32", six, True), ("2001:db8::9/128", six, True),
                ("2001:db8:1::/64", six, False))  # fmt: skip
        for network, source, within in rows:
            self.assertEqual(covers(ip_network(network), source), within, network)
        for source in (four, six):
            self.assertEqual(source_of(source), source)
            self.assertEqual(source_of(source + b"@example.test"), source)
