"""The catalogue of what unlawful clients do: what each thing weighs, for how long, and what it does at once (D6).

Data only: one entry for every `ViolationKind`. Weights are points of the score that `shield.analysis` keeps for each
source; with its defaults 10 points slow a source down, 40 refuse it and 100 ban it.

Three columns keep the innocent out of it. ``most`` is what a kind may bring the score to by itself, so that a lawful
server with one bad habit is never refused for it, however often it comes. ``carried`` marks what a relay may merely
pass on (an address, a content): of a known-good source it weighs nothing, or anybody could have a large provider banned
by sending one message through it. ``heavy`` costs a source its good name (R19).
"""

from __future__ import annotations

from enum import IntEnum

from attrs import frozen

from shieldrelay.mail.violation import ViolationKind


class Memory(IntEnum):
    """How long something is held against a source; the value is the field of its row."""

    SLIP = 0
    """Halves every hour: software is like that."""
    OFFENCE = 1
    """Halves every day."""
    ATTACK = 2
    """Halves every seven days: nobody does this by mistake."""


@frozen
class Entry:
    """What one kind of violation comes to.

    :ivar weight: points.
    :ivar most: points to which this kind may bring the score by itself.
    :ivar heavy: it costs the source its good name, and its limits (R19).
    :ivar ends: the session ends with it.
    :ivar carried: it may be somebody else's doing, whose mail the client relays.
    :ivar source: where it is known from.
    """

    weight: float
    memory: Memory
    source: str
    most: float = 1000.0
    heavy: bool = False
    ends: bool = False
    carried: bool = False


NEVER_SLOWS = 9.0
"""Points below every threshold: evidence that acts only together with other evidence."""
NEVER_REFUSES = 39.0
"""Points that slow, and no more."""

_SLIP, _OFFENCE, _ATTACK = Memory

CATALOGUE: dict[ViolationKind, Entry] = {
    # the order of the conversation
    ViolationKind.EARLY_TALK: Entry(10, _OFFENCE, "RFC 5321 §3.1; postscreen's pregreet test", heavy=True),
    ViolationKind.UNAUTHORISED_PIPELINING: Entry(2, _OFFENCE, "RFC 2920 §3.1", most=NEVER_REFUSES),
    ViolationKind.SEQUENCE: Entry(1, _SLIP, "RFC 5321 §4.1.4", most=NEVER_REFUSES),
    ViolationKind.PLAINTEXT_BEHIND_STARTTLS: Entry(
        40, _ATTACK, "CVE-2011-0411, CVE-2024-34083 and the NO STARTTLS findings", heavy=True, ends=True
    ),
    # what is no SMTP
    ViolationKind.FOREIGN_PROTOCOL: Entry(40, _OFFENCE, "HTTP requests sent across protocols", heavy=True, ends=True),
    ViolationKind.TLS_CLIENT_HELLO: Entry(4, _OFFENCE, "RFC 8314 §3.3: another port", most=NEVER_REFUSES, ends=True),
    ViolationKind.UNKNOWN_COMMAND: Entry(2, _OFFENCE, "RFC 5321 §4.2.4", most=NEVER_REFUSES),
    ViolationKind.NOT_OFFERED: Entry(1, _SLIP, "RFC 5321 §4.2.4", most=NEVER_REFUSES),
    ViolationKind.AUTH_NOT_OFFERED: Entry(5, _OFFENCE, "RFC 4954 §3; guessing of passwords, CVE-2023-42115"),
    ViolationKind.CHUNK_ABUSE: Entry(20, _OFFENCE, "CVE-2002-0055, CVE-2017-16943, CVE-2017-16944", ends=True),
    # the form of commands
    ViolationKind.SYNTAX: Entry(1, _SLIP, "RFC 5321 §4.1.1", most=NEVER_REFUSES, carried=True),
    ViolationKind.NUL_IN_COMMAND: Entry(
        20, _ATTACK, "RFC 5321 §2.4; CVE-2003-0161 and its kin", heavy=True, ends=True
    ),
    ViolationKind.BARE_NEWLINE_IN_COMMAND: Entry(
        5, _OFFENCE, "RFC 5321 §2.3.8; CVE-2026-45067, CVE-2026-23829", most=NEVER_REFUSES
    ),
    ViolationKind.COMMAND_TOO_LONG: Entry(10, _OFFENCE, "CVE-1999-0284, CVE-2001-0260, CVE-2019-16928"),
    ViolationKind.PATH_TOO_LONG: Entry(
        3, _OFFENCE, "RFC 5321 §4.5.3.1; CVE-2000-0452, CVE-2006-4379", most=NEVER_REFUSES, carried=True
    ),
    ViolationKind.EIGHT_BIT_IN_COMMAND: Entry(
        2, _OFFENCE, "RFC 5321 §2.4; CVE-2003-0161, CVE-2003-0694", most=NEVER_REFUSES, carried=True
    ),
    ViolationKind.CONTROL_IN_COMMAND: Entry(5, _OFFENCE, "RFC 5321 §4.1.2", most=NEVER_REFUSES, carried=True),
    # the introduction
    ViolationKind.HELLO_MALFORMED: Entry(2, _SLIP, "RFC 5321 §4.1.1.1", most=NEVER_SLOWS),
    ViolationKind.HELLO_OURS: Entry(15, _OFFENCE, "RFC 5321 §4.1.1.1: a lie", most=NEVER_REFUSES),
    ViolationKind.HELLO_BARE_ADDRESS: Entry(3, _SLIP, "RFC 5321 §4.1.3", most=NEVER_SLOWS),
    ViolationKind.HELLO_BOGON: Entry(3, _SLIP, "RFC 6890; RFC 6761 §6.3", most=NEVER_SLOWS),
    # floods
    ViolationKind.RECONNAISSANCE: Entry(1, _OFFENCE, "CVE-1999-0531", most=NEVER_REFUSES),
    ViolationKind.BUDGET: Entry(10, _OFFENCE, "floods; CVE-1999-0144, CVE-2020-28017", heavy=True, ends=True),
    ViolationKind.MESSAGE_BUDGET: Entry(0, _SLIP, "RFC 9422 §4.1: few clients know the limit", ends=True),
    # exploit strings
    ViolationKind.EXPLOIT_IN_COMMAND: Entry(100, _ATTACK, "shield.analysis_exploits", heavy=True, ends=True),
    ViolationKind.EXPLOIT_IN_PATH: Entry(30, _ATTACK, "shield.analysis_exploits", heavy=True, carried=True),
    ViolationKind.EXPLOIT_IN_HEADER: Entry(
        1, _SLIP, "shield.analysis_exploits; security lists quote them (R24)", most=NEVER_SLOWS, carried=True
    ),
    # content
    ViolationKind.BARE_NEWLINE_IN_CONTENT: Entry(
        2, _SLIP, "CVE-2023-51764, CVE-2023-51765, CVE-2023-51766, CVE-2024-27305", most=NEVER_SLOWS, carried=True
    ),
    ViolationKind.NUL_IN_CONTENT: Entry(2, _SLIP, "RFC 5322 §4; CVE-1999-0404", most=NEVER_SLOWS, carried=True),
    ViolationKind.CONTENT_LIMIT: Entry(
        5, _OFFENCE, "R25; CVE-2002-1337, CVE-2006-1173, CVE-2010-4344", most=NEVER_REFUSES, carried=True
    ),
    ViolationKind.ENDLESS_CONTENT: Entry(20, _OFFENCE, "R25; CVE-2005-1513", ends=True),
}
"""By kind; every kind has an entry."""
