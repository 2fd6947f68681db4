"""Whether mail can reach a domain (RFC 5321 §5.1, RFC 7505), by as few questions as will tell.

Mail exchangers, best first, until one has an address in the internet; without any, the domain's own address. One
question that nobody answers leaves it unknown, unless another settles it. Used by `wire.lookups`; never fails.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from shieldrelay.mail.evidence import Reach
from shieldrelay.ports import Clock
from shieldrelay.shield.lawful_networks import bogon
from shieldrelay.wire.lookup_memory import Found, Kept
from shieldrelay.wire.lookup_questions import Answer, QuestionType, Silence

EXCHANGERS = 5
"""How many mail exchangers are looked at; a domain with no better one among so many has none."""

Reached = tuple[Reach, str]
"""With one clause of detail."""


class Asked(Protocol):
    """Who answers questions: `wire.lookup_questions.Questions`."""

    def ask(self, kind: QuestionType, name: str) -> Kept[Answer] | Deferred[Kept[Answer]]:
        """Ask; never fails."""


class ReachSearch:
    """One search.

    :ivar until: the reactor's time until which all that it heard holds.
    """

    def __init__(self, questions: Asked) -> None:
        self._questions = questions
        self.until = float("inf")

    async def find(self, domain: str) -> Reached:
        """Say how mail reaches a domain.

        :param domain: in its comparison form; no address literal.
        """
        if "." not in domain:
            return Reach.ONE_LABEL, ""
        exchangers = await self._ask(QuestionType.MX, domain)
        if exchangers is Silence.NO_NAME:
            return Reach.NO_NAME, ""
        if isinstance(exchangers, Silence):
            return Reach.UNKNOWN, f"nobody answers for the mail exchangers of {domain}"
        if not exchangers:
            return _judged(await self._addressed([domain]), Reach.ADDRESS)
        names = [name for name in exchangers if name]
        if not names:
            return Reach.NULL_MX, ""
        return _judged(await self._addressed(names[:EXCHANGERS]), Reach.EXCHANGER)

    async def _addressed(self, names: list[str]) -> Reached | None:
        """Find out what is wrong with all of these names; ``None`` when one has an address in the internet."""
        wrong: Reached = Reach.NO_ADDRESS, f"{names[0]} has no address"
        for name in names:
            for kind in (QuestionType.A, QuestionType.AAAA):
                addresses = ("127.0.0.1",) if name == "localhost" else await self._ask(kind, name)
                if addresses is Silence.TROUBLE:
                    wrong = Reach.UNKNOWN, f"nobody answers for the address of {name}"
                elif not isinstance(addresses, Silence):
                    blocks = [bogon(address) for address in addresses]
                    if not all(blocks):
                        return None
                    if blocks and wrong[0] is not Reach.UNKNOWN:
                        wrong = Reach.BOGON, f"{name} is {addresses[0]}: {blocks[0]}"
        return wrong

    async def _ask(self, kind: QuestionType, name: str) -> Answer:
        asked = self._questions.ask(kind, name)
        kept = await asked if isinstance(asked, Deferred) else asked
        self.until = min(self.until, kept.until)
        return kept.value


def _judged(wrong: Reached | None, otherwise: Reach) -> Reached:
    return (otherwise, "") if wrong is None else wrong


def literal_reach(domain: str) -> Reached:
    """Say whether mail can reach an address literal.

    :param domain: its comparison form, brackets included.
    """
    try:
        block = bogon(domain[1:-1].removeprefix("ipv6:"))
    except ValueError:
        return Reach.UNKNOWN, "an address literal of no kind that is known"
    return (Reach.BOGON, f"{domain}: {block}") if block else (Reach.LITERAL, "")


async def found_reach(questions: Asked, domain: str, clock: Clock) -> Found[Reached]:
    """Say how mail reaches a domain, and for how long that holds; without end where nothing was asked."""
    search = ReachSearch(questions)
    reached = await search.find(domain)
    return reached, search.until - clock.seconds()
