"""What is said would happen to a connection is what happens to it: the explanation against the gate itself."""

from __future__ import annotations

from collections.abc import Callable

from shieldrelay.admin.api_sources import ListKind
from shieldrelay.admin.picture_sources import JudgementPicture, SourcePicture
from shieldrelay.mail.client import client_of
from shieldrelay.mail.verdict import Refusal
from shieldrelay.mail.violation import ViolationKind
from tests.assembly.test_steering_sources import BOB, STRANGER, SteeringCase

ACTING = "[shield.reputation]\nlearning_days = \"0s\"\nlearning_messages = 0\n"
ORDER = [
    "lists", "lawful", "analysis", "harvest", "reputation", "capacity", "connections", "greeting", "connections",
    "capacity", "analysis", "connections", "reputation", "network", "lawful", "connections",
]  # fmt: skip


def decisive(seen: SourcePicture) -> JudgementPicture | None:
    """Give the step at connect that refuses."""
    return next((each for each in seen.steps if each.stage == "connect" and each.does == "refuses"), None)


class ExplainedTests(SteeringCase):
    """One node, and one client after the other."""

    async def agrees(self, defence: str | None) -> SourcePicture:
        """Explain a client, then let it connect: both must come to the same."""
        seen = await self.sources.explain(BOB.address)
        step = decisive(seen)
        now = self.shield.seconds()
        met = self.node.house.terms.gate.admit(BOB, len(self.node.house.sessions), now)
        said = None if step is None else step.defence
        real = met.defence if isinstance(met, Refusal) else None
        self.assertEqual((said, real), (defence, defence), seen)
        self.assertEqual(seen.now.startswith("refused"), real is not None, seen)
        if isinstance(met, Refusal) and step is not None and defence not in ("lists", "harvest"):
            self.assertEqual(step.why.rpartition(",")[0], met.reason.rpartition(",")[0])
        return seen

    def violate(self) -> None:
        """Do what no lawful client does, until it is refused."""
        analysis, now = self.shield.defences.examination.analysis, self.shield.seconds()
        while analysis.connect(BOB, now) is None:
            analysis.violation(BOB, ViolationKind.FOREIGN_PROTOCOL, b"GET / HTTP/1.1", now, known_good=False)

    def defame(self) -> None:
        """Give the client the worst of names."""
        reputation, now = self.shield.defences.reputation, self.shield.seconds()
        for _ in range(40):
            reputation.entered(BOB, STRANGER, now)
            reputation.refused(BOB, 5, now)
            reputation.reported(BOB, 1.0, now, spam=True)
            reputation.content_refused(BOB, now)
            reputation.violated(BOB, 5, now)

    def crowd(self) -> None:
        """Take all the sessions that a stranger may have."""
        for _ in range(10):
            self.shield.defences.connections.admit(BOB, STRANGER, 0, self.shield.seconds())

    async def test_who_is_refused_is_said_to_be(self) -> None:
        """Each defence alone refuses just whom the explanation says that it refuses, and gives the reason."""
        rows: list[tuple[str | None, Callable[[], object]]] = [
            (None, lambda: None),
            ("harvest", lambda: self.guess(BOB.address, 30)),
            ("analysis", self.violate),
            ("reputation", self.defame),
            ("connections", self.crowd),
            ("lists", lambda: self.ban(BOB.address)),
        ]
        await self.start(more=ACTING)
        for defence, act in rows:
            act()
            await self.agrees(defence)
            await self.sources.release(BOB.address, "me")

    async def test_the_allow_list_comes_before_all(self) -> None:
        """Who is allowed is let in whatever the defences hold against it, and the steps say that they are not asked."""
        await self.start(more=ACTING)
        for act in (self.violate, self.defame, lambda: self.guess(BOB.address, 30)):
            act()
        await self.sources.enter(ListKind.ALLOW, BOB.address, None, "a partner", "me")
        seen = await self.agrees(None)
        self.assertEqual((seen.now, seen.steps[0].why), ("served", "allowed by me: a partner"))
        skipped = {each.defence for each in seen.steps if each.does == "not asked"}
        self.assertLessEqual({"analysis", "harvest", "reputation", "connections", "greeting"}, skipped)
        self.shield.register.revoke(BOB.address, "me")
        self.assertEqual(self.shield.register.standing(BOB, self.sources.wall()), None)
        await self.agrees("analysis")

    async def test_what_only_observes_refuses_nobody(self) -> None:
        """A defence in observe mode, and a reputation that still learns, say what they would do, and let in."""
        await self.start(more='[shield.harvest]\nmode = "observe"\n')
        self.defame()
        seen = await self.agrees(None)
        would = {each.defence: each.why for each in seen.steps if each.does == "would refuse"}
        self.assertIn("score", would["reputation"])

    async def test_steps_come_in_the_order_of_the_gate(self) -> None:
        """The steps stand in the order in which a connection meets them, each stage after the one before."""
        await self.start()
        seen = await self.sources.explain(BOB.address)
        self.assertEqual([each.defence for each in seen.steps][: len(ORDER)], ORDER)
        stages = list(dict.fromkeys(each.stage for each in seen.steps))
        self.assertEqual(stages, ["connect", "greeting", "STARTTLS", "MAIL", "RCPT", "content"])
        greeting = next(each for each in seen.steps if each.defence == "greeting")
        self.assertEqual((greeting.does, greeting.why[:18]), ("slows", "greeted after 3 s;"))

    async def test_a_bogon(self) -> None:
        """An address that is not in the internet is refused where that is checked, and the block is named."""
        await self.start(lawful='[shield.lawful]\nbogon_client = "enforce"\n')
        seen = await self.sources.explain("240.0.0.1")
        step = decisive(seen)
        met = self.node.house.terms.gate.admit(client_of("240.0.0.1"), 0, self.shield.seconds())
        assert step is not None
        assert isinstance(met, Refusal)
        self.assertEqual((seen.now, step.defence, step.why), ("refused", met.defence, met.reason))
