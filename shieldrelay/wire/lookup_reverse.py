"""What a client's address is called, and whether the name agrees (RFC 8601 §2.7.3: the name's addresses have it too).

Used by `wire.lookups`; never fails.
"""

from __future__ import annotations

from ipaddress import ip_address

from twisted.internet.defer import Deferred

from shieldrelay.mail.evidence import NO_REVERSE, Reverse, ReverseName
from shieldrelay.wire.lookup_questions import Answer, QuestionType, Silence
from shieldrelay.wire.lookup_reach import Asked

NAMES = 3
"""How many of its names are tried."""


async def found_reverse(questions: Asked, address: str) -> Reverse:
    """Ask for the name of an address, and for the addresses of that name."""
    parsed = ip_address(address)
    names = await _ask(questions, QuestionType.PTR, parsed.reverse_pointer)
    if names is Silence.TROUBLE:
        return NO_REVERSE
    names = () if isinstance(names, Silence) else tuple(name for name in names[:NAMES] if name)
    if not names:
        return Reverse(ReverseName.NONE)
    kind = QuestionType.A if parsed.version == 4 else QuestionType.AAAA
    answers = [await _ask(questions, kind, name) for name in names]
    for name, answer in zip(names, answers, strict=True):
        if not isinstance(answer, Silence) and str(parsed) in answer:
            return Reverse(ReverseName.CONFIRMED, name)
    if Silence.TROUBLE in answers:
        return NO_REVERSE
    return Reverse(ReverseName.UNCONFIRMED, names[0])


async def _ask(questions: Asked, kind: QuestionType, name: str) -> Answer:
    asked = questions.ask(kind, name)
    kept = await asked if isinstance(asked, Deferred) else asked
    return kept.value
