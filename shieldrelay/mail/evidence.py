"""What DNS says of a sender, as values: whether mail can reach its domain, its SPF result, the client's own name.

Found at the edge by ``wire.lookups``, judged by ``shield.lawful``, told by ``mail.authentication``. Knows no DNS.
What is not known, because nobody answered or not yet, is a value of its own and speaks against nobody.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class SpfResult(Enum):
    """The results of RFC 7208 §2.6."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Reach(Enum):
    """Whether and how mail can reach a sender's domain (RFC 5321 §5.1)."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    EXCHANGER = "a mail exchanger"
    ADDRESS = "an address, its implicit mail exchanger"
    LITERAL = "an address literal"
    NULL_PATH = "the null reverse-path"
    UNKNOWN = "not known"
    """Nobody answered, or not yet."""
    NULL_MX = "a null MX"
    """It takes no mail and says so (RFC 7505)."""
    BOGON = "addresses that are not in the internet"
    NO_NAME = "no such name"
    NO_ADDRESS = "neither a mail exchanger nor an address"
    ONE_LABEL = "a name of one label"


class ReverseName(Enum):
    """What the address of a client is called (RFC 8601 §2.7.3)."""

    __hash__ = object.__hash__  # Enum's own is written in Python and slow; members are single

    CONFIRMED = "confirmed"
    """The name has that address."""
    UNCONFIRMED = "not confirmed"
    NONE = "none"
    UNKNOWN = "not known"


@frozen
class Reverse:
    """What is known of the name of a client's address.

    :ivar name: in lower case, empty when there is none; its owner may write into it what he likes.
    """

    state: ReverseName
    name: str = ""


NO_REVERSE = Reverse(ReverseName.UNKNOWN)


@frozen
class Sender:
    """What is known of a sender.

    :ivar domain: of the reverse-path, in its comparison form; empty for the null reverse-path.
    :ivar detail: one clause to ``reach``, in our words and names that DNS gave; may be empty.
    :ivar spf: of the MAIL FROM identity; for the null reverse-path ``postmaster@`` and the argument of EHLO
        (RFC 7208 §2.4).
    """

    domain: str
    reach: Reach
    detail: str
    spf: SpfResult
