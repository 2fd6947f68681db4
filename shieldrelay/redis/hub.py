"""`RedisHub`: the hub in a Redis server, where members of many processes and nodes meet (D3, D4).

An exchange is one call of one script; the server's clock decides who and what has expired. What is wrong with the
server is said in the failure, and the next call tries again: nothing waits here, nothing is said late or twice. Built
by `assembly`; satisfies `cluster.hub.Hub`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail

from shieldrelay.cluster.cards import is_sound
from shieldrelay.cluster.hub import (
    CARDS_MOST,
    CHANGES_AT_ONCE,
    CLAIMS_AT_ONCE,
    RECORDS_AT_ONCE,
    TEXT_OCTETS,
    Card,
    HubRefused,
    News,
    Report,
    ReportRefused,
)
from shieldrelay.cluster.kinds import Kind
from shieldrelay.ports import Clock
from shieldrelay.redis.connection import Away, Connection, Refusal
from shieldrelay.redis.link import Link
from shieldrelay.redis.packing import Packing, pack_card, unpack_cards
from shieldrelay.redis.script import PROTOCOL, ROWS_MOST, script_for

TIMEOUT_SECONDS = 2.0
_NONCES = 2048


class Way(Protocol):
    """How the server is found and connected to."""

    async def meet(self) -> Connection:
        """Connect; fails with `Away`."""

    def close(self) -> None:
        """Stop what runs beside the connection."""


class RedisHub:
    """A hub in a Redis server.

    :param name: the cluster's; its keys begin with it.
    :param identity: what members of one cluster share and those of another do not (`HubRefused`); may be empty.
    :param chance: gives a random number below the one that it is given.
    :param wall: the time by which the hub judges; ``None``: the server's own, which is the only one that all members
        share. Tests give theirs.
    :ivar alone: never.
    """

    alone = False

    def __init__(
        self,
        way: Way,
        kinds: Iterable[Kind],
        clock: Clock,
        chance: Callable[[int], int],
        *,
        name: str = "shieldrelay",
        identity: str = "",
        timeout: float = TIMEOUT_SECONDS,
        wall: Callable[[], float] | None = None,
        rows_most: int = ROWS_MOST,
    ) -> None:
        kinds = tuple(kinds)
        self._way = way
        self._clock = clock
        self._timeout = timeout
        self._packing = Packing(kinds)
        self._script = script_for(kinds, rows_most)
        self._link = Link(clock, way.meet, timeout)
        self._chance = chance
        self._name = name
        self._identity = identity
        self._wall = wall
        self._keys = (f"shieldrelay:{{{name}}}:{PROTOCOL}:", f"shieldrelay:{{{name}}}:protocol")

    def exchange(self, report: Report) -> Deferred[News]:
        """Tell and be told."""
        if (
            len(report.records) > RECORDS_AT_ONCE
            or len(report.changes) > CHANGES_AT_ONCE
            or len(report.claims) > CLAIMS_AT_ONCE
            or not 0 < len(report.member) <= TEXT_OCTETS
            or not math.isfinite(report.at)
        ):
            return fail(ReportRefused("the report is too large, or its member or time cannot be"))
        return Deferred.fromCoroutine(self._exchange(report))

    def meet(self, card: Card) -> Deferred[tuple[Card, ...]]:
        """Show a card and get all."""
        if not is_sound(card):
            return fail(HubRefused("no member looks like that"))
        return Deferred.fromCoroutine(self._meet(card))

    def leave(self, member: str) -> Deferred[None]:
        """Take back a member's parts."""
        return Deferred.fromCoroutine(self._leave(member))

    def close(self) -> None:
        """Let go of the connection. What is asked later makes a new one."""
        self._way.close()
        self._link.drop("the hub is left")

    async def _exchange(self, report: Report) -> News:
        try:
            octets = await self._ask("exchange", report.member, self._packing.report(report))
        except HubRefused as refused:
            if refused.args[0] == _FULL:
                raise ReportRefused(_FULL) from None
            raise
        return self._packing.news(octets, report)

    async def _meet(self, card: Card) -> tuple[Card, ...]:
        return unpack_cards(await self._ask("meet", card.member, pack_card(card)))

    async def _leave(self, member: str) -> None:
        await self._ask("leave", member, b"")

    async def _ask(self, asked: str, member: str, told: bytes) -> bytes:
        connection = await self._link.connected()
        given_up = self._clock.seconds() + self._timeout
        words = (
            *(len(self._keys), *self._keys),
            *(asked, "" if self._wall is None else repr(self._wall())),
            *(connection.run, self._chance(_NONCES), member.encode("utf-8", "backslashreplace"), self._identity, told),
            repr(given_up + connection.ahead),
        )
        try:
            answer = await self._say(words)
        except Refusal as refusal:
            raise self._understood(str(refusal), connection) from None
        if not isinstance(answer, bytes):
            raise Away(f"the server answered with {type(answer).__name__}")
        return answer

    async def _say(self, words: tuple[Any, ...]) -> Any:
        """Call the script by its name, and by its text where the server has not seen it yet."""
        try:
            return await self._link.ask("EVALSHA", self._script.sha, *words)
        except Refusal as refusal:
            if "NOSCRIPT" not in str(refusal):
                raise
        return await self._link.ask("EVAL", self._script.text, *words)

    def _understood(self, said: str, connection: Connection) -> Exception:
        """Put into words what the server refuses, and let go of one that cannot be the hub any more."""
        said = said.partition(" script: ")[0]  # what follows is of use to nobody but the script's author
        if "REFUSED full" in said:
            return HubRefused(_FULL)
        if "REFUSED protocol" in said:
            other = said.rpartition(" ")[2]
            return HubRefused(
                f'members of cluster "{self._name}" speak protocol {other}, this one {PROTOCOL}; it goes on alone: '
                "upgrade the others too, or give those that are upgraded another [cluster] name"
            )
        if "REFUSED identity" in said:
            return HubRefused(
                f'a cluster of the name "{self._name}" with another key is there already: give each its own '
                "[cluster] name, or all nodes the same key"
            )
        if "WRONGTYPE" in said:
            return HubRefused(f"keys that begin with {self._keys[0]} are somebody else's: {said}")
        if "REFUSED late" in said:
            connection.drop("its clock was set")
            return Away("the server's clock was set, or it read what was said too late")
        if "OOM" in said:
            return Away("the server is out of memory (maxmemory)")
        if "READONLY" in said or "MASTERDOWN" in said or "LOADING" in said or "MISCONF" in said:
            connection.drop(said)
        return Away(f"the server refuses: {said}")


_FULL = f"there are {CARDS_MOST} members already"

