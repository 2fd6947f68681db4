"""What is decided about sources and networks: bans, and the lists of who is always let in or never (R18, R30).

What `decisions` about sources and networks mean: fed by defences and operators here, by what other members decided, and
by the configuration. Everything is in force at once here. Asked by `shield.gate` for every connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from heapq import nsmallest
from itertools import chain

from shieldrelay.cluster.change import Change, ChangeKind, Realm
from shieldrelay.cluster.decisions import LONGEST_BAN_SECONDS, Decisions
from shieldrelay.cluster.entry import CONFIGURATION, Entry, Networks, entry_of, network_of, source_text
from shieldrelay.mail.client import Client
from shieldrelay.ports import Journal, WallClock


class Configured(ValueError):
    """A network stands in the configuration and cannot be revoked at run time."""


class Register:
    """What is in force, on one member.

    :param decisions: where what is said here goes, and what is said elsewhere comes from.
    :param wall: seconds since the epoch; a `Timepiece`.
    """

    def __init__(self, decisions: Decisions, wall: WallClock, journal: Journal) -> None:
        self._decisions = decisions
        self._wall = wall
        self._journal = journal
        self._bans: dict[bytes, Entry] = {}
        self._lists = {ChangeKind.ALLOW: Networks(), ChangeKind.DENY: Networks()}
        self._configured = {ChangeKind.ALLOW: Networks(), ChangeKind.DENY: Networks()}
        self._allowing: tuple[Networks, ...] = ()
        self._denying: tuple[Networks, ...] = ()
        self._listeners: list[Callable[[bytes], object]] = []
        decisions.on(Realm.SOURCE, self._took_source, self._forgot_source)
        decisions.on(Realm.NETWORK, self._took_network, self._forgot_network)

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
        latest = self._decisions.latest(Realm.SOURCE, source)
        if latest is not None and latest.kind is ChangeKind.BAN and latest.until is not None and latest.until >= until:
            return latest
        change = self._decisions.decide(ChangeKind.BAN, source, until, reason, by)
        self._journal.event(
            "ban", source=text, until=until, seconds=round(until - now), reason=change.reason, by=change.by
        )
        return change

    def release(self, source: bytes, by: str) -> Change:
        """Take back a source's ban, and have everything forgotten that is held against it.

        :raises ValueError: it is no source.
        """
        text = source_text(source)
        change = self._decisions.decide(ChangeKind.RELEASE, source, None, "", by)
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

    def _list(self, kind: ChangeKind, network: str, until: float | None, reason: str, by: str) -> Change:
        subject = str(network_of(network)).encode("ascii")
        change = self._decisions.decide(kind, subject, until, reason, by)
        self._journal.event(
            "list_changed", change=kind.value, network=subject, until=until, reason=change.reason, by=change.by
        )
        return change

    def _took_source(self, change: Change) -> None:
        if change.kind is ChangeKind.BAN:
            until = min(self._wall() + LONGEST_BAN_SECONDS, math.inf if change.until is None else change.until)
            self._bans[change.subject] = Entry(change.kind, change.subject, change.at, until, change.reason, change.by)
            return
        self._bans.pop(change.subject, None)
        for listener in self._listeners:
            listener(change.subject)

    def _forgot_source(self, change: Change) -> None:
        self._bans.pop(change.subject, None)

    def _took_network(self, change: Change) -> None:
        for networks in self._lists.values():
            networks.remove(change.subject)
        if change.kind in self._lists:
            self._lists[change.kind].put(entry_of(change))
        self._settle()

    def _forgot_network(self, change: Change) -> None:
        for networks in self._lists.values():
            networks.remove(change.subject)
        self._settle()

    def _settle(self) -> None:
        """Note which lists have anything in them."""
        lists, configured = self._lists, self._configured
        allow, deny = ChangeKind.ALLOW, ChangeKind.DENY
        self._allowing = tuple(each for each in (configured[allow], lists[allow]) if len(each))
        self._denying = tuple(each for each in (configured[deny], lists[deny]) if len(each))

    def _entries(self) -> Iterable[Entry]:
        lists = chain(self._configured.values(), self._lists.values())
        return chain(self._bans.values(), *(networks.entries() for networks in lists))
