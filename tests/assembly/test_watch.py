"""Alarms, metrics and the week of a whole node: a server goes down and comes back, and people hear of it."""

from __future__ import annotations

import email
import email.policy
import json
from typing import Any

from attrs import evolve
from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from shieldrelay.admin.control_asking import ask
from shieldrelay.admin.router import Document
from shieldrelay.alarms.kinds import Level
from shieldrelay.alarms.telling import LOOK_SECONDS
from shieldrelay.assembly.watch_looks import look
from shieldrelay.assembly.watch_weekly import AFTER_SECONDS, WeeklyReports
from shieldrelay.metrics.declared import GAUGES, Kind
from shieldrelay.metrics.week import WEEK_SECONDS, DomainWeek, Weeks, week_begin
from tests.assembly.node_case import NodeCase
from tests.metrics.test_exposition import parsed, values

reactor: Any = the_reactor


class _Hook(Protocol):
    """Takes one message."""

    factory: _Hooks

    def connectionMade(self) -> None:
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        head, _, body = self.heard.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        if body and len(body) >= length:
            self.factory.told.append((head, json.loads(body)))
            assert self.transport is not None
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            self.transport.loseConnection()


class _Hooks(Factory):
    protocol = _Hook  # type: ignore[assignment]

    def __init__(self) -> None:
        self.told: list[tuple[bytes, dict[str, Any]]] = []


class WatchTests(NodeCase):
    """A node with a webhook and an operator."""

    async def watched(self, **more: str) -> None:
        """Start a node that tells of alarms."""
        self.hooks = _Hooks()
        port = reactor.listenTCP(0, self.hooks, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        secret = self.directory / "secret"
        secret.write_text("s3cret\n")
        alarms = (
            f'[alarms]\nmail_to = ["admin@example.test"]\n[alarms.webhook.pager]\nsecret = "{secret}"\n'
            f'url = "http://127.0.0.1:{port.getHost().port}/hook"\n'
        )
        self.domains["example.test"]["more"] = 'report_to = ["boss@example.test"]'
        await self.start(more=alarms, delivery='probe = "1s"\nretry = ["1s", "2s"]\nnotices = "next_hop"', **more)

    async def asked(self, target: str, method: str = "GET") -> Any:
        """Ask the control socket."""
        answer = await ask(reactor, self.control, method, target.encode(), seconds=10.0)
        self.assertEqual(answer.status, 200, answer.value)
        return answer.value

    def letters(self) -> list[Any]:
        """Give what the customer's server got of the node's own mail."""
        return [
            email.message_from_bytes(one.content, policy=email.policy.SMTP)
            for one in self.hop.messages
            if one.reverse_path == b""
        ]

    async def test_a_test_arrives(self) -> None:
        """By webhook, signed, and by mail, from the null reverse-path, through the spool."""
        await self.watched()
        told = await self.asked("/api/v1/alarms/test", "POST")
        self.assertEqual((told["webhooks"], told["addresses"]), (["pager"], ["admin@example.test"]))
        await self.until(lambda: self.hooks.told and self.letters())
        head, body = self.hooks.told[0]
        self.assertIn(b"X-Shieldrelay-Signature: t=", head)
        self.assertEqual((body["event"], body["node"]), ("test", "relay.test"))
        letter = self.letters()[0]
        self.assertEqual(letter["Subject"], "TEST: test (relay.test)")
        self.assertEqual((letter["To"], letter["Auto-Submitted"]), ("admin@example.test", "auto-generated"))

    async def test_an_outage_is_an_alarm(self) -> None:
        """A server that is taken to be down is an alarm: the API shows it, the webhook hears it, the metrics say it."""
        await self.watched()
        await self.steering.drill("example.test", 1)
        await self.send()
        await self.until(lambda: self.hooks.told)
        self.assertEqual(self.hooks.told[0][1]["id"], "next_hop_down:example.test")
        (shown,) = (await self.asked("/api/v1/alarms?open=yes"))["alarms"]
        self.assertEqual((shown["kind"], shown["domain"], shown["level"]), ("next_hop_down", "example.test", "error"))
        text = await self.asked("/api/v1/metrics")
        assert isinstance(text, Document)
        name = (("domain", "example.test"),)
        for metric, value in (("next_hop_up", 0.0), ("queue_messages", 1.0)):
            self.assertEqual(values(text.octets, metric)[name], value)
        self.assertEqual(values(text.octets, "alarms_open"), {(("level", "error"),): 1.0, (("level", "warn"),): 0.0})
        self.assertEqual(values(text.octets, "spool_store_seconds_count"), {(): 1.0})
        self.assertGreater(len(parsed(text.octets)), 40)
        await self.steering.drill("example.test", 0)
        await self.until(lambda: not self.node.watch.board.opened())

    async def test_all_that_is_measured_is_shown(self) -> None:
        """Every metric that is read when somebody asks is there, those of nothing but noughts too."""
        await self.watched()
        text = await self.asked("/api/v1/metrics")
        assert isinstance(text, Document)
        shown = set(parsed(text.octets))
        wanted = {
            one.full_name.removesuffix("_total") if one.kind is Kind.COUNTER else one.full_name
            for one in GAUGES
            if not one.name.startswith("recipients_")  # the domain takes everybody
        }
        self.assertEqual(wanted - shown, set())

    async def test_a_week_is_kept(self) -> None:
        """What was counted is there after a restart, and the command shows it in words."""
        await self.watched()
        await self.send()
        week = await self.asked("/api/v1/domains/example.test/report")
        self.assertEqual((week["accepted"], week["domain"]), (1, "example.test"))
        self.assertIn("accepted", week["words"])
        await self.stop()
        await self.start()
        week = await self.asked("/api/v1/domains/example.test/report")
        self.assertEqual(week["accepted"], 1)

    async def test_a_report_goes_out(self) -> None:
        """Its mail has text and HTML."""
        await self.watched()
        week = await self.asked("/api/v1/domains/example.test/report?week=last")
        to = self.node.house.configuration.domains[0].report_to
        await self.node.watch.outlets.report(to, week)
        await self.until(self.letters)
        letter = self.letters()[0]
        self.assertEqual([each.get_content_type() for each in letter.iter_parts()], ["text/plain", "text/html"])
        self.assertTrue(letter["Subject"].startswith("Mail to example.test, "))

    async def test_a_certificate_near_its_end(self) -> None:
        """It is an alarm while it is as near as is declared."""
        await self.start(more='[alarms]\ncertificate = "365d"')
        kinds = [one.kind for one in self.node.watch.board.opened()]
        expires = self.node.house.tls.expires - self.node.house.wall()
        self.assertEqual("certificate" in kinds, expires <= 365 * 86400)

    async def test_a_week_is_reported_once(self) -> None:
        """On Monday morning, to whom the domain names, and not again after a restart."""
        await self.watched()
        await self.send()
        house, watch = self.node.house, self.node.watch
        monday = self.moved = week_begin(house.wall()) + WEEK_SECONDS
        weeks = Weeks(lambda: self.moved, lambda _name: None)
        weeks.last = {"example.test": DomainWeek(accepted=1)}
        weekly = WeeklyReports(house, weeks, watch.outlets, self.asked, lambda: self.moved)
        await weekly.look()
        self.moved = monday + AFTER_SECONDS
        self.assertEqual(self.journal("letter_stored"), [])
        await weekly.look()
        await weekly.look()
        await self.until(self.letters)
        again = WeeklyReports(house, weeks, watch.outlets, self.asked, lambda: self.moved)
        await again.load()
        await again.look()
        self.assertEqual([one["To"] for one in self.letters()], ["boss@example.test"])
        self.assertEqual(len(self.journal("letter_stored")), 1)

    async def test_an_outage_goes_on_through_a_restart(self) -> None:
        """A server that was down before a restart is an alarm after it, which is not told again."""
        await self.watched()
        await self.steering.drill("example.test", 1)
        await self.send()
        await self.until(lambda: self.hooks.told and (self.directory / "state/alarms-told.json").exists())
        await self.stop()
        self.running = True
        self.build()
        self.node.privilegedStartService()
        self.node.startService()
        await self.node.ready
        self.assertEqual([one.id for one in self.node.watch.board.opened()], ["next_hop_down:example.test"])
        await deferLater(reactor, LOOK_SECONDS + 1, lambda: None)
        self.assertEqual([one["event"] for _, one in self.hooks.told], ["opened"])

    async def test_a_reload_changes_who_is_told(self) -> None:
        """Webhooks come and go with the configuration; one that cannot be used any more is told, and blocks nobody."""
        await self.start()
        watch = self.node.watch
        self.assertEqual((watch.outlets.webhooks, watch.outlets.mail_level()), ([], None))
        self.configure(more='[alarms]\nmail_to = ["a@b.test"]\n[alarms.webhook.one]\nurl = "https://x.test/"\n')
        done = await self.steering.reload()
        self.assertEqual(done.errors, ())
        (one, _), kept = watch.outlets.webhooks[0], watch.outlets.webhooks
        self.assertEqual((one.name, watch.outlets.mail_level()), ("one", Level.ERROR))
        places = {"one": "x.test", "two": "y.test"}
        hooks = (f'[alarms.webhook.{name}]\nurl = "https://{host}/"\n' for name, host in places.items())
        self.configure(more="".join(hooks))
        await self.steering.reload()
        self.assertEqual([each.name for each, _ in watch.outlets.webhooks], ["one", "two"])
        self.assertIs(watch.outlets.webhooks[0][0], kept[0][0])
        self.configure(more="")
        await self.steering.reload()
        self.assertEqual(watch.outlets.webhooks, [])

    async def test_a_node_from_elsewhere_is_an_alarm(self) -> None:
        """A member whose address no customer is known to let in is one, until it is let in."""
        nodes = '[alarms]\nnodes = ["192.0.2.0/24"]\n'
        await self.start(more=nodes)
        house, board = self.node.house, self.node.watch.board
        roster = house.shield.membership.roster
        own = roster.cards[0]
        roster._cards = (
            own,
            evolve(own, member="m2", node="mx2", address="192.0.2.2:7025"),
            evolve(own, member="m3", node="mx3", address="[2001:db8::3]:7025"),
        )
        look(house, board)
        self.assertEqual([one.id for one in board.opened()], ["member_unnamed:mx3"])
        self.configure(more=nodes.replace('"]', '", "2001:db8::/32"]'))
        await self.steering.reload()
        look(house, board)
        self.assertEqual(board.opened(), [])
