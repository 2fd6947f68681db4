"""What is decided about sources and networks: bans, and the lists of who is always let in or never (R18, R30).

Fed by defences and operators here, by the log of changes of all members, and by the configuration. Of two decisions
about one subject the later holds, in whatever order they are heard of, so that all members come to the same; a
release and a revocation are remembered for a week, so that an older word is not believed again. Everything is in
force at once here and goes out with the next exchange. Asked by `shield.gate` for every connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from itertools import chain, islice

from attrs import evolve

from shieldrelay.cluster.change import REALMS, Realm
from shieldrelay.cluster.entry import CONFIGURATION, Entry, Networks, entry_of, network_of, source_text
from shieldrelay.cluster.hub import STATE_MOST, TEXT_OCTETS, Change, ChangeKind
from shieldrelay.mail.client import Client
from shieldrelay.ports import Journal, WallClock

LONGEST_BAN_SECONDS = 7 * 86400.0
"""No ban lasts longer, whoever says so and whatever the clocks do: for that there is the deny-list."""
AHEAD_SECONDS = 86400.0
"""A change of the future is nonsense: it would hold against everything said until then."""
_INSTANT = 0.001
_OURS = (Realm.SOURCE, Realm.NETWORK)
_SWEPT_A_SECOND = 5000.0
_ROOM = 0.95
"""What is left of the bans when there were too many: those that end soonest go, many at once."""


class Configured(ValueError):
    """A network stands in the configuration and cannot be revoked at run time."""


class Register:
    """What is in force, on one member.

    :param wall: seconds since the epoch; a `Timepiece`.
    :param new_id: makes ids that nobody else makes, as `mail.identity.MessageIds` does.
    :ivar nonsense: changes that were left out because they cannot be.
    """

    def __init__(self, wall: WallClock, new_id: Callable[[], str], journal: Journal) -> None:
        self.nonsense = 0
        self._wall = wall
        self._new_id = new_id
        self._journal = journal
        self._latest: dict[tuple[Realm, bytes], Change] = {}
        self._bans: dict[bytes, Entry] = {}
        self._lists = {ChangeKind.ALLOW: Networks(), ChangeKind.DENY: Networks()}
        self._configured = {ChangeKind.ALLOW: Networks(), ChangeKind.DENY: Networks()}
        self._allowing: tuple[Networks, ...] = ()
        self._denying: tuple[Networks, ...] = ()
        self._outbox: dict[tuple[Realm, bytes], Change] | None = None
        self._swept = self._sweep_at = 0.0
        self._listeners: list[Callable[[bytes], object]] = []

    def standing(self, client: Client, now_wall: float) -> Entry | None:
        """Give what is in force for a client: an allow beats everything, a deny a ban, a longer prefix a shorter."""
        for networks in self._allowing:
            entry = networks.find(client, now_wall)
            if entry is not None:
                return entry
        for networks in self._denying:
            entry = networks.find(client, now_wall)
            if entry is not None:
                return entry
        entry = self._bans.get(client.source)
        return entry if entry is not None and entry.until is not None and entry.until > now_wall else None

    def on_release(self, listener: Callable[[bytes], object]) -> None:
        """Have somebody called with every source that is released, here or elsewhere: to forget it."""
        self._listeners.append(listener)

    def configure(self, allow: Iterable[str], deny: Iterable[str]) -> None:
        """Put the configuration's own lists in force, in the place of those before.

        :raises ValueError: one is no network; nothing has changed then.
        """
        lists = {ChangeKind.ALLOW: Networks(), ChangeKind.DENY: Networks()}
        for kind, texts in ((ChangeKind.ALLOW, allow), (ChangeKind.DENY, deny)):
            for text in texts:
                subject = str(network_of(text)).encode("ascii")
                lists[kind].put(Entry(kind, subject, 0.0, None, "configured", CONFIGURATION, True))
        self._configured = lists
        self._settle()

    def allow(self, network: str, until: float | None, reason: str, by: str) -> Change:
        """Always let a network in, as far as R18 goes.

        :raises ValueError: it is no network.
        """
        return self._list(ChangeKind.ALLOW, network, until, reason, by)

    def deny(self, network: str, until: float | None, reason: str, by: str) -> Change:
        """Never let a network in.

        :raises ValueError: it is no network.
        """
        return self._list(ChangeKind.DENY, network, until, reason, by)

    def revoke(self, network: str, by: str) -> Change | None:
        """Take back what was said of exactly this network; ``None`` when nothing was.

        :raises Configured: only the configuration says it.
        :raises ValueError: it is no network.
        """
        subject = str(network_of(network)).encode("ascii")
        if not any(networks.get(subject) for networks in self._lists.values()):
            if any(networks.get(subject) for networks in self._configured.values()):
                raise Configured(f"{network} stands in the configuration: change it there and reload")
            return None
        return self._list(ChangeKind.REVOKE, network, None, "", by)

    def ban(self, source: bytes, until: float, reason: str, by: str) -> Change:
        """Refuse a source until then, at most for a week. A ban that lasts as long already stays as it is.

        :raises ValueError: it is no source.
        """
        text = source_text(source)
        now = self._wall()
        until = min(until, now + LONGEST_BAN_SECONDS)
        latest = self._latest.get((Realm.SOURCE, source))
        if latest is not None and latest.kind is ChangeKind.BAN and latest.until is not None and latest.until >= until:
            return latest
        change = self._decide(ChangeKind.BAN, source, until, reason, by)
        self._journal.event(
            "ban", source=text, until=until, seconds=round(until - now), reason=change.reason, by=change.by
        )
        return change

    def release(self, source: bytes, by: str) -> Change:
        """Take back a source's ban, and have everything forgotten that is held against it.

        :raises ValueError: it is no source.
        """
        text = source_text(source)
        change = self._decide(ChangeKind.RELEASE, source, None, "", by)
        self._journal.event("released_source", source=text, by=change.by)
        return change

    def page(self, limit: int = 100, after: str = "", kind: ChangeKind | None = None) -> tuple[Entry, ...]:
        """Give what is in force, in order, so many entries behind a cursor (`Entry.cursor`)."""
        now = self._wall()
        there = (
            entry
            for entry in self._entries()
            if (kind is None or entry.kind is kind) and (entry.until is None or entry.until > now)
        )
        return tuple(nsmallest(limit, (e for e in there if e.cursor > after), key=lambda entry: entry.cursor))

    def count(self, kind: ChangeKind) -> int:
        """Give how many entries of a kind there are; some may be over and not swept yet."""
        if kind is ChangeKind.BAN:
            return len(self._bans)
        return len(self._lists[kind]) + len(self._configured[kind]) if kind in self._lists else 0

    def sweep(self) -> None:
        """Forget what is over; may be called often: the more there is, the rarer it is looked through."""
        now = self._wall()
        if now < self._swept:
            self._shorten(now)
        elif now < self._sweep_at:
            return
        self._swept, self._sweep_at = now, now + len(self._latest) / _SWEPT_A_SECOND
        for change in [change for change in self._latest.values() if change.is_over(now)]:
            self._forget(change)
        self._settle()

    # What the exchange and the snapshot use.

    def share(self) -> None:
        """From now on others are to be told of changes; of all that are known, to begin with."""
        if self._outbox is None:
            self._outbox = dict(self._latest)

    def outbox(self, most: int) -> tuple[Change, ...]:
        """Give changes that others have not been told yet."""
        return tuple(islice((self._outbox or {}).values(), most))

    def told(self, changes: Iterable[Change]) -> None:
        """Note that the hub has these changes."""
        for change in changes:
            if self._outbox is not None and self._outbox.get(change.scope) is change:
                del self._outbox[change.scope]

    def state(self) -> tuple[Change, ...]:
        """Give the last change of every subject, releases and revocations too."""
        return tuple(self._latest.values())

    def apply(self, changes: Iterable[Change]) -> int:
        """Take in what others decided, or a snapshot had; gives how many changes were news."""
        now = self._wall()
        news = sum(self._take(change, now) for change in changes)
        if news:
            self._settle()
        return news

    def compare(self, whole: Sequence[Change]) -> None:
        """Have everything told again that is missing from what the hub knows."""
        if self._outbox is None:
            return
        known = {change.scope: change.age for change in whole}
        for scope, change in self._latest.items():
            if scope not in known or known[scope] < change.age:
                self._outbox[scope] = change

    def _list(self, kind: ChangeKind, network: str, until: float | None, reason: str, by: str) -> Change:
        subject = str(network_of(network)).encode("ascii")
        change = self._decide(kind, subject, until, reason, by)
        self._journal.event(
            "list_changed", change=kind.value, network=subject, until=until, reason=change.reason, by=change.by
        )
        return change

    def _decide(self, kind: ChangeKind, subject: bytes, until: float | None, reason: str, by: str) -> Change:
        """Make a change that is later than what was known of its subject, even by a faster clock, and take it in."""
        now = self._wall()
        scope = (REALMS[kind], subject)
        latest = self._latest.get(scope)
        at = now if latest is None else max(now, latest.at + _INSTANT)
        change = Change(self._new_id(), kind, subject, at, until, reason[:TEXT_OCTETS], by[:TEXT_OCTETS])
        if self._take(change, now) and self._outbox is not None:
            self._outbox[change.scope] = change
        self._settle()
        return change

    def _take(self, change: Change, now: float) -> bool:
        """Take in one change; false when it is nonsense or no news."""
        if not _is_sound(change, now):
            self.nonsense += 1
            return False
        latest = self._latest.get(change.scope)
        if (latest is not None and latest.age >= change.age) or (latest is None and change.is_over(now)):
            return False
        if latest is not None:
            self._forget(latest)
        self._latest[change.scope] = change
        if change.kind is ChangeKind.BAN:
            until = min(now + LONGEST_BAN_SECONDS, math.inf if change.until is None else change.until)
            self._bans[change.subject] = Entry(change.kind, change.subject, change.at, until, change.reason, change.by)
        elif change.kind in self._lists:
            self._lists[change.kind].put(entry_of(change))
        if len(self._latest) > STATE_MOST:
            self._make_room(change)
        if change.kind is ChangeKind.RELEASE:
            for listener in self._listeners:
                listener(change.subject)
        return True

    def _forget(self, change: Change) -> None:
        del self._latest[change.scope]
        if self._outbox is not None:
            self._outbox.pop(change.scope, None)
        if change.kind is ChangeKind.BAN:
            del self._bans[change.subject]
        elif change.kind in self._lists:
            self._lists[change.kind].remove(change.subject)

    def _shorten(self, now: float) -> None:
        """Cut bans to the longest again: the clock went back, and they would last for as long as it went."""
        end = now + LONGEST_BAN_SECONDS
        for source, entry in self._bans.items():
            if entry.until is None or entry.until > end:
                self._bans[source] = evolve(entry, until=end)
                scope = Realm.SOURCE, source
                self._latest[scope] = evolve(self._latest[scope], until=end)

    def _make_room(self, newest: Change) -> None:
        """Forget releases and the bans that end soonest, many at once; never what an operator listed."""
        surplus = len(self._latest) - int(STATE_MOST * _ROOM)
        bans = (change for (realm, _), change in self._latest.items() if realm is Realm.SOURCE and change is not newest)
        for change in nsmallest(surplus, bans, key=lambda each: each.until or 0.0):
            self._forget(change)

    def _settle(self) -> None:
        """Note which lists have anything in them."""
        lists, configured = self._lists, self._configured
        allow, deny = ChangeKind.ALLOW, ChangeKind.DENY
        self._allowing = tuple(each for each in (configured[allow], lists[allow]) if len(each))
        self._denying = tuple(each for each in (configured[deny], lists[deny]) if len(each))

    def _entries(self) -> Iterable[Entry]:
        lists = chain(self._configured.values(), self._lists.values())
        return chain(self._bans.values(), *(networks.entries() for networks in lists))


def _is_sound(change: Change, now: float) -> bool:
    """Whether a change can be: a source or network, times that are numbers, words of bounded length."""
    if not 0.0 <= change.at <= now + AHEAD_SECONDS or (change.until is not None and not 0.0 <= change.until < math.inf):
        return False
    if max(len(change.id), len(change.reason), len(change.by)) > TEXT_OCTETS or REALMS[change.kind] not in _OURS:
        return False
    if change.kind in (ChangeKind.BAN, ChangeKind.RELEASE):
        return len(change.subject) in (4, 8)
    try:
        return str(network_of(change.subject.decode("ascii"))).encode("ascii") == change.subject
    except ValueError:
        return False
