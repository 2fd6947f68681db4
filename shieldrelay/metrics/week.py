"""`Weeks`: what became of each protected domain's mail this week and last week, counted from the journal's events.

Weeks begin on Mondays, 00:00 UTC. Bounded: a domain has so many reasons and so many sources; of the sources those of
whom most was refused stay (space-saving: a count may be too high by what the one before it had). Of refusals those that
the journal tells are counted, which are the first of each session. Pure but for what it keeps; cannot fail, whatever a
file had in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict, define, field, fields

WEEK_SECONDS = 604800.0
_MONDAY = 345600.0
SOURCES_MOST = 20
REASONS_MOST = 30


def week_begin(moment: float) -> float:
    """Give when the week of a moment began, in seconds since the epoch."""
    return moment - (moment - _MONDAY) % WEEK_SECONDS


@define
class DomainWeek:
    """One domain's week.

    :ivar accepted: messages; ``refused`` messages and recipients, ``by`` defence.
    :ivar attacks: how often the shield went up, ``attack_seconds`` for how long; ``outages`` likewise.
    :ivar sources: refusals by address.
    """

    accepted: int = 0
    refused: int = 0
    attacks: int = 0
    attack_seconds: float = 0.0
    spooled: int = 0
    delivered: int = 0
    expired: int = 0
    outages: int = 0
    outage_seconds: float = 0.0
    by: dict[str, int] = field(factory=dict)
    sources: dict[str, int] = field(factory=dict)

    def refuse(self, reason: str, source: str) -> None:
        """Count a refusal."""
        self.refused += 1
        reason = reason if reason in self.by or len(self.by) < REASONS_MOST else "other"
        self.by[reason] = self.by.get(reason, 0) + 1
        if not source:
            return
        known = self.sources.get(source)
        if known is None and len(self.sources) >= SOURCES_MOST:
            least = min(self.sources, key=self.sources.__getitem__)
            known = self.sources.pop(least)
        self.sources[source] = (known or 0) + 1


class Weeks:
    """The weeks of all domains.

    :param named: gives the protected domain of a domain's name or alias; ``None``: it is not protected.
    :ivar changed: whether something was counted since that was last set to false.
    """

    EVENTS = ("transaction", "refused", "harvest_shield", "breaker", "spooled", "delivered", "expired")

    def __init__(self, wall: Callable[[], float], named: Callable[[str], str | None]) -> None:
        self._wall = wall
        self._named = named
        self.begin = week_begin(wall())
        self.this: dict[str, DomainWeek] = {}
        self.last: dict[str, DomainWeek] = {}
        self.changed = False
        self._attacked: dict[str, float] = {}

    def hear(self, event: str, told: Mapping[str, object]) -> None:
        """Take one event of the journal."""
        name = told.get("domain")
        if event == "refused":
            name = str(told.get("recipient") or "").rpartition("@")[2].lower()
        domain = self._named(name) if type(name) is str and name else None
        if domain is None:
            return
        self.turn()
        week = self.this.get(domain)
        if week is None:
            week = self.this[domain] = DomainWeek()
        self.changed = True
        if event == "transaction":
            if told.get("result") == "accepted":
                week.accepted += 1
            else:
                week.refuse(str(told.get("result")), str(told.get("peer") or ""))
        elif event == "refused":
            week.refuse(str(told.get("defence") or "other"), str(told.get("peer") or ""))
        elif event in ("spooled", "delivered", "expired"):
            setattr(week, event, getattr(week, event) + 1)
        elif event == "breaker":
            self._breaker(week, told)
        else:
            self._shield(week, domain, told)

    def turn(self) -> None:
        """Begin a new week, if it is time."""
        begin = week_begin(self._wall())
        if begin > self.begin:
            self.last = self.this if begin - self.begin == WEEK_SECONDS else {}
            self.this, self.begin = {}, begin

    def week(self, domain: str, *, last: bool) -> DomainWeek:
        """Give a domain's week."""
        self.turn()
        return (self.last if last else self.this).get(domain) or DomainWeek()

    def _breaker(self, week: DomainWeek, told: Mapping[str, object]) -> None:
        if told.get("state") in ("open", "open here"):
            week.outages += 1
        seconds = told.get("down_seconds")
        if isinstance(seconds, int | float):
            week.outage_seconds += seconds

    def _shield(self, week: DomainWeek, domain: str, told: Mapping[str, object]) -> None:
        if told.get("shield") == "shield":
            week.attacks += 1
            self._attacked[domain] = self._wall()
            return
        since = self._attacked.pop(domain, None)
        if since is not None:
            week.attack_seconds += max(0.0, self._wall() - since)

    def as_json(self) -> dict[str, Any]:
        """Give what a file holds."""
        return {
            "begin": self.begin,
            "this": {name: asdict(one) for name, one in self.this.items()},
            "last": {name: asdict(one) for name, one in self.last.items()},
        }

    def load(self, value: Any) -> None:
        """Go on with what a file held; what makes no sense is left out."""
        if not isinstance(value, dict) or not isinstance(value.get("begin"), int | float):
            return
        begin = week_begin(float(value["begin"]))
        this, last = _weeks(value.get("this")), _weeks(value.get("last"))
        if begin == self.begin:
            self.this, self.last = this, last
        elif self.begin - begin == WEEK_SECONDS:
            self.last = this


def _weeks(value: Any) -> dict[str, DomainWeek]:
    if not isinstance(value, dict):
        return {}
    return {name: _week(one) for name, one in value.items() if isinstance(one, dict)}


def _week(value: Mapping[str, Any]) -> DomainWeek:
    made = DomainWeek()
    for each in fields(DomainWeek):
        given, kept = value.get(each.name), getattr(made, each.name)
        if isinstance(kept, dict) and isinstance(given, dict):
            sound = {name: count for name, count in given.items() if type(count) is int and count > 0}
            setattr(made, each.name, dict(list(sound.items())[:REASONS_MOST]))
        elif not isinstance(kept, dict) and type(given) in (int, float):
            setattr(made, each.name, given)
    return made
