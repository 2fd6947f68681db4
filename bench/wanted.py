"""The figures that this relay holds itself to against Postfix in the same run, and how a median meets them."""

from __future__ import annotations

from attrs import frozen

Medians = dict[str, dict[str, dict[str, float]]]
"""Row, then relay, then figure."""


@frozen
class Wanted:
    """One figure that is wanted.

    :ivar row: and ``figure``: what is judged.
    :ivar times: how many times better than the other column (a rate: higher; CPU: lower); ``None``: judged by `most` or
        `least`.
    :ivar most: the most that our own figure may be.
    :ivar least: the least that it may be.
    :ivar column: whose figure; ``beside``: the other column.
    """

    row: str
    figure: str
    times: float | None = None
    most: float | None = None
    least: float | None = None
    column: str = "shieldrelay"
    beside: str = "Postfix"

    @property
    def words(self) -> str:
        """Say what is wanted."""
        whose = "Postfix's" if self.beside == "Postfix" else f"that with {self.beside}"
        if self.times is not None and self.figure.endswith("cpu"):
            least = f"1/{self.times:g}" if self.times > 1 else f"{1 / self.times:.3g} times"
            return f"at most {least} {'of ' if self.times > 1 else ''}{whose}"
        if self.times is not None:
            return f"at least {self.times:.3g} times {whose}"
        return f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"

    def reached(self, medians: Medians) -> float | None:
        """Give our figure, as times better than Postfix's where that is wanted; ``None`` when it was not measured."""
        ours = medians.get(self.row, {}).get(self.column, {}).get(self.figure)
        if ours is None or self.times is None:
            return ours
        theirs = medians[self.row].get(self.beside, {}).get(self.figure)
        return None if theirs is None else better(self.figure, ours, theirs)

    def is_met(self, medians: Medians) -> bool | None:
        """Whether it is met; ``None`` when it was not measured."""
        reached = self.reached(medians)
        if reached is None:
            return None
        floor = self.times if self.times is not None else self.least
        return (floor is None or reached >= floor) and (self.most is None or reached <= self.most)


def better(figure: str, ours: float, theirs: float) -> float:
    """Give how many times better ours is: of rates and counts more is better, of all else less."""
    up = figure.endswith(("rate", "greeted"))
    return _ratio(ours, theirs) if up else _ratio(theirs, ours)


def _ratio(upper: float, lower: float) -> float:
    return upper / lower if lower else float("inf")


_DOMAINS = ("1 domains", "100 domains", "10000 domains")

WANTED = (
    Wanted("4k", "new rate", times=4),
    Wanted("4k", "reused rate", times=4),
    Wanted("4k", "new cpu", times=6),
    Wanted("4k", "reused cpu", times=6),
    Wanted("100k", "new cpu", times=4),
    Wanted("100k", "reused cpu", times=4),
    Wanted("outage", "absorb new rate", times=2),
    Wanted("outage", "absorb reused rate", times=2),
    Wanted("outage", "drain rate", times=1.5),
    Wanted("restart", "listening seconds", most=1),
    Wanted("restart", "first delivery seconds", most=2),
    Wanted("idle", "4000 greeted", least=4000),
    Wanted("idle", "4000 rss mb", most=80),
    Wanted("unknown", "ping-pong cpu", most=0.072),
    Wanted("unknown", "pipelined cpu", most=0.050),
    Wanted("banned", "shed cpu", most=0.087),
    Wanted("banned", "shed cpu", times=1),
    Wanted("shed", "shed cpu", most=0.087),
    *(
        Wanted(row, f"{load} quotient {figure}", times=times, column=on, beside=off)
        for row, on, off, loads in (
            ("defences", "every defence on", "all defences off", ("new", "reused")),
            ("strangers", "strangers, every defence on", "strangers, all defences off", ("new", "reused")),
            ("senders", "senders, every defence on", "senders, all defences off", _DOMAINS),
            ("senders-shipped", "new senders, as shipped", "new senders, all off", ("new domains",)),
        )
        for load in loads
        for figure, times in (("rate", 0.75), ("cpu", 1 / 1.25))
    ),
    Wanted("dashboards", "new quotient rate", times=0.95, column="20 dashboards", beside="nobody looks"),
    Wanted("dashboards", "reused quotient rate", times=0.95, column="20 dashboards", beside="nobody looks"),
    *(
        each
        for attack in ("flood", "slow drip", "harvest, one source")
        for each in (
            Wanted("siege", f"{attack} lawful success", least=100),
            Wanted("siege", f"{attack} lawful p99 ms", most=250),
        )
    ),
    Wanted("list", "build seconds", most=30),
    Wanted("list", "disk mb", most=150),
    Wanted("list", "listed look-up us", most=10),
    Wanted("list", "unknown look-up us", most=10),
)
"""All of them, for one process on two cores with everything on."""
