"""The way to the master that Sentinels name, followed when they name another.

What most of all declared Sentinels say at once is believed at once; where they differ or are silent, the answer of the
latest configuration among those who answer. Once a second they are asked again while a connection stands: an old
master that is cut off from them, but not from us, is left. A server that says that it is no master is not taken. Used
by `redis.hub`; knows no configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from shieldrelay.ports import Clock
from shieldrelay.redis.connection import Away, Connection, Refusal, connect
from shieldrelay.redis.link import Link
from shieldrelay.redis.server import Login, Place, meet

LOOK_SECONDS = 1.0

Address = tuple[str, int]


class BySentinels:
    """The way to a master.

    :param sentinels: where they are.
    :param name: by which they know the master.
    :param place_of: makes a place of what they answer.
    :param timeout: seconds that each Sentinel has for its answer.
    """

    def __init__(
        self,
        clock: Clock,
        sentinels: Sequence[Place],
        name: str,
        login: Login,
        place_of: Callable[[str, int], Place],
        timeout: float,
    ) -> None:
        self._clock = clock
        self._links = [(place.shown, Link(clock, _meeting(place), timeout)) for place in sentinels]
        self._name = name
        self._login = login
        self._place_of = place_of
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None

    async def meet(self) -> Connection:
        """Connect to the master.

        :raises Away: nobody names one, or it cannot be reached, or it is none.
        """
        address = await self.master()
        connection = await meet(self._clock, self._place_of(*address), self._login)
        self._stop_looking()
        self._look_later(connection, address)
        return connection

    def close(self) -> None:
        """Ask no more."""
        self._stop_looking()
        for _, link in self._links:
            link.drop("nobody asks any more")

    async def master(self) -> Address:
        """Ask who the master is.

        :raises Away: nobody says.
        """
        answers = await _Poll(self._links, self._name).said
        named = Counter(answer for answer in answers.values() if isinstance(answer, tuple))
        if len(named) == 1 or (named and named.most_common(1)[0][1] * 2 > len(self._links)):
            return named.most_common(1)[0][0]
        if not named:
            reasons = "; ".join(f"{shown}: {reason}" for shown, reason in answers.items())
            raise Away(f'no Sentinel names a master "{self._name}" ({reasons})')
        return await self._latest()

    async def _latest(self) -> Address:
        """Ask those who differ for the number of their configuration, and believe the greatest."""
        found: list[tuple[int, Address]] = []
        for _, link in self._links:
            try:
                found.append(_configured(await link.ask("SENTINEL", "MASTER", self._name)))
            except (Away, Refusal, KeyError, ValueError, TypeError):
                continue  # who cannot say counts for nothing
        if not found:
            raise Away("the Sentinels do not agree, and none says why")
        return max(found)[1]

    def _look_later(self, connection: Connection, address: Address) -> None:
        self._timer = self._clock.callLater(LOOK_SECONDS, self._look, connection, address)

    def _look(self, connection: Connection, address: Address) -> None:
        self._timer = None
        if not connection.lost:
            self._looking = Deferred.fromCoroutine(self._compare(connection, address))
            self._looking.addErrback(lambda failure: None if failure.check(CancelledError) else failure)

    async def _compare(self, connection: Connection, address: Address) -> None:
        try:
            named = await self.master()
        except Away:
            named = address  # without Sentinels the master stays who it is
        self._looking = None
        if named != address:
            connection.drop("the Sentinels name another master")
        else:
            self._look_later(connection, address)

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


class _Poll:
    """One question to all Sentinels.

    :ivar said: what each says, once most of them name the same or all have had their time: an address, or why none.
    """

    def __init__(self, links: Sequence[tuple[str, Link]], name: str) -> None:
        self.said: Deferred[dict[str, Address | str]] = Deferred(lambda _: self._give_up())
        self._answers: dict[str, Address | str] = {}
        self._all = len(links)
        self._asked = [Deferred.fromCoroutine(self._ask(shown, link, name)) for shown, link in links]

    async def _ask(self, shown: str, link: Link, name: str) -> None:
        try:
            answer = _address(await link.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
        except (Away, Refusal, ValueError) as error:
            self._hear(shown, str(error))
        else:
            self._hear(shown, answer)

    def _hear(self, shown: str, answer: Address | str) -> None:
        self._answers[shown] = answer
        same = sum(1 for each in self._answers.values() if each == answer)
        agreed = isinstance(answer, tuple) and same * 2 > self._all
        if not self.said.called and (agreed or len(self._answers) == self._all):
            self.said.callback(dict(self._answers))

    def _give_up(self) -> None:
        for each in self._asked:
            each.addErrback(lambda failure: None)
            each.cancel()


def _meeting(place: Place) -> Callable[[], Deferred[Connection]]:
    def unreached(failure: Failure) -> Connection:
        if failure.check(CancelledError):
            failure.raiseException()
        raise Away(failure.getErrorMessage())

    return lambda: connect(place.endpoint).addErrback(unreached)


def _address(answer: object) -> Address:
    """Read the answer of a Sentinel.

    :raises ValueError: it names nobody.
    """
    if not isinstance(answer, list) or len(answer) != 2:
        raise ValueError("it knows no such name")
    host, port = answer[0].decode("ascii"), int(answer[1])
    if not host or not 0 < port < 65536:
        raise ValueError("it names nobody")
    return host, port


def _configured(answer: list[bytes]) -> tuple[int, Address]:
    fields = dict(zip(answer[::2], answer[1::2], strict=True))
    return int(fields[b"config-epoch"]), _address([fields[b"ip"], fields[b"port"]])
