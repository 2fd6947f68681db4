"""How a fortnight is to end: the bounds that `bench.reputation` prints with what came of it, and a test holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define, field, frozen

from bench.reputation.crowd import CROWD
from bench.reputation.front import End
from shieldrelay.shield.reputation_score import Band


@define
class Account:
    """What senders got, in the fortnight.

    :ivar offered: messages.
    :ivar delayed: seconds, of each message that came late.
    :ivar lost: messages that never came.
    :ivar bands: of sources, at the end.
    """

    sessions: Counter[End] = field(factory=Counter)
    messages: Counter[End] = field(factory=Counter)
    offered: int = 0
    delayed: list[float] = field(factory=list)
    lost: int = 0
    bands: Counter[Band] = field(factory=Counter)


def together(accounts: Sequence[Account]) -> Account:
    """Give several as one."""
    return Account(
        sum((each.sessions for each in accounts), Counter()),
        sum((each.messages for each in accounts), Counter()),
        sum(each.offered for each in accounts),
        [seconds for each in accounts for seconds in each.delayed],
        sum(each.lost for each in accounts),
        sum((each.bands for each in accounts), Counter()),
    )


def share(part: float, whole: float) -> float:
    """Give a share, 0 of nothing."""
    return part / whole if whole else 0.0


def _kept_out(account: Account) -> float:
    ends = account.sessions
    return share(ends[End.LATER] + ends[End.NOT_LET_IN], ends.total())


def _at_worst(worst: Band) -> Callable[[Account], float]:
    def within(account: Account) -> float:
        return share(sum(count for band, count in account.bands.items() if band <= worst), account.bands.total())

    return within


DELAYED, LOST, CLEAN = "messages delayed", "messages never delivered", "sources clean at the end"
THROTTLED, TEMPFAILED = "sources clean or throttled at the end", "sources not at reject at the end"
SHUT, KEPT_OUT = "sessions refused at connect", "sessions refused at connect or asked to come later"
_SHARES: Mapping[str, Callable[[Account], float]] = {
    DELAYED: lambda account: share(len(account.delayed), account.offered),
    LOST: lambda account: share(account.lost, account.offered),
    CLEAN: _at_worst(Band.CLEAN),
    THROTTLED: _at_worst(Band.THROTTLE),
    TEMPFAILED: _at_worst(Band.TEMPFAIL),
    SHUT: lambda account: share(account.sessions[End.NOT_LET_IN], account.sessions.total()),
    KEPT_OUT: _kept_out,
}


@frozen
class Bound:
    """One share that is wanted.

    :ivar whose: a manner's name, or `LAWFUL` or `OTHERS`.
    """

    whose: str
    figure: str
    least: float = 0.0
    most: float = 1.0

    @property
    def words(self) -> str:
        """Say what is wanted."""
        return f"at least {self.least:.1%}" if self.least else f"at most {self.most:.1%}"

    def reached(self, accounts: Mapping[str, Account]) -> float:
        """Give the share."""
        names = _SUMS.get(self.whose, (self.whose,))
        return _SHARES[self.figure](together([accounts[name] for name in names]))

    def is_met(self, accounts: Mapping[str, Account]) -> bool:
        """Whether it is within its bounds."""
        return self.least <= self.reached(accounts) <= self.most


LAWFUL, OTHERS = "all lawful senders", "all others"
_SUMS = {
    LAWFUL: [each.name for each in CROWD if each.lawful],
    OTHERS: [each.name for each in CROWD if not each.lawful],
}
_SPOTLESS = ("servers known for long", "pools of newsletters", "forwarders that pass spam on", "lawful among spammers")
_LISTED = "small servers, wrongly listed twice"


def _bounds() -> Iterator[Bound]:
    yield Bound(LAWFUL, LOST, most=0.0)
    yield Bound(LAWFUL, DELAYED, most=0.005)
    for name in _SPOTLESS:
        yield Bound(name, DELAYED, most=0.0)
        yield Bound(name, CLEAN, least=1.0)
    for name in ("small servers, new", "busy servers, new"):
        yield Bound(name, DELAYED, most=0.005)
        yield Bound(name, THROTTLED, least=1.0)
    yield Bound("small servers, new", CLEAN, least=0.9)
    yield Bound("new pool, sloppy list", DELAYED, most=0.005)
    yield Bound("new pool, sloppy list", THROTTLED, least=1.0)
    yield Bound(_LISTED, DELAYED, most=0.7)
    yield Bound(_LISTED, TEMPFAILED, least=1.0)
    yield Bound("spammers", SHUT, least=0.9)
    yield Bound("spammers", KEPT_OUT, least=0.98)
    yield Bound("spammers", THROTTLED, most=0.0)
    yield Bound("harvesters", KEPT_OUT, least=0.9)
    yield Bound("harvesters", THROTTLED, most=0.0)
    yield Bound("snowshoe, six networks", KEPT_OUT, least=0.4)
    yield Bound("bots, seen once or twice", KEPT_OUT, least=0.3)
    yield Bound(OTHERS, KEPT_OUT, least=0.8)


WANTED = tuple(_bounds())
"""All of them; they hold for any seed, and for a tenth of the crowd too."""
