"""`Feeds`: lists of active spammers, fetched when due, sooner after a failure, and put in force whole.

Fetching is the importer's child's work, as for recipients; reading what came is a thread's. The last good text of each
feed is kept in the state directory and is in force again right after a start. A feed that fails changes nothing: the
journal is told, an alarm is raised, and it is tried again. Made by `assembly`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.importer.answer import Failed, Fetched, ImportResult, Unchanged
from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.feed_text import FeedText, adopt, read
from shieldrelay.importer.refresher import FIRST_RETRY_SECONDS, SPREAD, Imports
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import Limits, SourceSettings
from shieldrelay.ports import Clock, Journal, ThreadRunner
from shieldrelay.shield.reputation_listed import Feed
from shieldrelay.shield.reputation_networks import Networks

LIMITS = Limits(octets=64 << 20, entries=1_000_000, total_seconds=120.0, idle_seconds=30.0, memory_octets=256 << 20)
"""What fetching one feed may cost: give it to its `SourceSettings`."""


LOOK_SECONDS = 10.0
"""How often a process that does not fetch looks whether another of its node did."""


@frozen
class FeedSettings:
    """One feed.

    :ivar name: a plain name, safe in a path.
    :ivar source: a file or a URL, plain text.
    :ivar weight: as of a DNS list.
    :ivar every: seconds between two fetches.
    """

    name: str
    source: SourceSettings
    weight: int = 2
    every: float = 3600.0


class _Round:
    """The fetching of one feed."""

    def __init__(self, settings: FeedSettings) -> None:
        self.settings = settings
        self.networks: Networks | None = None
        self.digest: str | None = None
        self.validator: str | None = None
        self.timer: IDelayedCall | None = None
        self.failures = 0
        self.gone = False
        self.kept: object = None

    @property
    def key(self) -> str:
        """What the importer knows it by; no domain is called so."""
        return f"feed:{self.settings.name}"


class Feeds:
    """Keeps feeds fresh.

    :param directory: where the last good texts are kept; made when it is not there.
    :param random: gives numbers from 0 to 1, so that not everybody fetches at the same time.
    :param publish: takes all feeds as they are now: `Reputation.feeds`.
    :ivar leads: whether this process fetches; otherwise it takes what another one kept.
    """

    def __init__(
        self,
        clock: Clock,
        imports: Imports,
        threads: ThreadRunner,
        journal: Journal,
        directory: Path,
        random: Callable[[], float],
        publish: Callable[[tuple[Feed, ...]], object],
    ) -> None:
        self._clock = clock
        self._imports = imports
        self._threads = threads
        self._journal = journal
        self._directory = directory
        self._random = random
        self._publish = publish
        self._rounds: dict[str, _Round] = {}
        self.leads = True

    def serve(self, feeds: Iterable[FeedSettings]) -> None:
        """Keep these fresh and no others; a feed that is as it was goes on as it does."""
        wanted = {each.name: each for each in feeds}
        for name, known in list(self._rounds.items()):
            if wanted.get(name) != known.settings:
                self._drop(name)
        for name, settings in wanted.items():
            if name not in self._rounds:
                known = self._rounds[name] = _Round(settings)
                Deferred.fromCoroutine(self._begin(known))
        self._tell()

    def lead(self) -> None:
        """Fetch from now on."""
        if self.leads:
            return
        self.leads = True
        for known in self._rounds.values():
            if known.timer is not None:
                known.timer.reset(0)

    def stop(self) -> None:
        """Fetch no more; fetches that run are the importer's to stop. What is in force stays."""
        for name in list(self._rounds):
            self._drop(name)

    def states(self) -> tuple[tuple[str, int | None, int], ...]:
        """Give each feed's name, its networks (``None``: it was never read) and its failures in a row: for pictures."""
        return tuple(
            (name, None if known.networks is None else known.networks.entries, known.failures)
            for name, known in self._rounds.items()
        )

    def _drop(self, name: str) -> None:
        known = self._rounds.pop(name)
        known.gone = True
        if known.timer is not None:
            known.timer.cancel()
        self._imports.cancel(known.key)

    def _kept(self, known: _Round) -> Path:
        return self._directory / f"{known.settings.name}.feed"

    async def _begin(self, known: _Round) -> None:
        """Put in force what was kept, if anything was, then fetch."""
        await self._take(known)
        await self._fetch(known)

    async def _take(self, known: _Round) -> None:
        """Put in force what was kept, if it is other than what was read last."""
        try:
            found: tuple[FeedText, object] | None = await self._threads.run(
                _restored, self._directory, self._kept(known), known.kept
            )
        except (ImportFault, OSError) as fault:
            kept = str(self._kept(known))
            self._journal.event("feed_failed", feed=known.settings.name, source=kept, kind="kept", reason=str(fault))
            found = None
        if found is not None and not known.gone:
            known.networks, known.kept = found[0].networks, found[1]
            self._tell()

    async def _fetch(self, known: _Round) -> None:
        """Fetch once, and say when next."""
        known.timer = None
        if known.gone:
            return
        if not self.leads:
            known.timer = self._clock.callLater(LOOK_SECONDS, self._look, known)
            return
        began = self._clock.seconds()
        failed: Failed | None = None
        try:
            failed = await self._fetched(known, began)
        except ImportFault as fault:
            failed = Failed(kind=fault.kind, words=fault.words)
        except Exception as error:  # noqa: BLE001 - whatever a thread or the importer fails with, what is in force stays
            failed = Failed(kind=FaultKind.BUG, words=f"the feed cannot be adopted: {shown(repr(error), 200)}")
        if not known.gone:
            self._ended(known, failed)

    async def _fetched(self, known: _Round, began: float) -> Failed | None:
        settings = known.settings
        result: ImportResult = await self._imports.start(
            ImportRequest(
                domain=known.key, names=("feed.invalid",), source=settings.source, known_digest=known.digest,
                validator=known.validator,
            )
        )  # fmt: skip
        if isinstance(result, Failed):
            return result
        if isinstance(result, Unchanged):
            known.validator = result.validator
            return None
        await self._adopted(known, result, began)
        return None

    async def _adopted(self, known: _Round, result: Fetched, began: float) -> None:
        assert result.path is not None
        found: FeedText = await self._threads.run(adopt, Path(result.path), self._kept(known))
        known.digest, known.validator, known.networks = result.digest, result.validator, found.networks
        if known.gone:
            return
        self._tell()
        self._journal.event(
            "feed_read", feed=known.settings.name, source=str(known.settings.source),
            networks=found.networks.entries, skipped=found.skipped, seconds=round(self._clock.seconds() - began, 3),
        )  # fmt: skip

    def _ended(self, known: _Round, failed: Failed | None) -> None:
        """Note how a fetch ended, and set the time of the next."""
        name, every = known.settings.name, known.settings.every
        if failed is None:
            if known.failures:
                self._journal.event("alarm_over", alarm="feed", domain=None, reason=f"{name} can be read again")
            known.failures = 0
            wait = every
        else:
            known.failures += 1
            wait = min(every, FIRST_RETRY_SECONDS * 2.0 ** min(known.failures - 1, 20))
        wait *= 1.0 + SPREAD * (2.0 * self._random() - 1.0)
        known.timer = self._clock.callLater(wait, self._again, known)
        if failed is not None:
            self._tell_failure(known, failed, wait)

    def _tell_failure(self, known: _Round, failed: Failed, wait: float) -> None:
        name = known.settings.name
        self._journal.event(
            "feed_failed", feed=name, source=str(known.settings.source), kind=failed.kind.value, reason=failed.words,
            next=round(wait, 1),
        )  # fmt: skip
        if known.failures == 1:
            self._journal.event("alarm", alarm="feed", domain=None, reason=f"{name} cannot be read: {failed.words}")

    def _look(self, known: _Round) -> None:
        known.timer = None
        Deferred.fromCoroutine(self._begin(known))

    def _again(self, known: _Round) -> None:
        Deferred.fromCoroutine(self._fetch(known))

    def _tell(self) -> None:
        """Publish what is in force."""
        self._publish(
            tuple(
                Feed(name, known.settings.weight, known.networks)
                for name, known in self._rounds.items()
                if known.networks is not None
            )
        )


def _restored(directory: Path, kept: Path, known: object) -> tuple[FeedText, object] | None:
    """Read what was kept, with what tells it from what is kept later; in a thread.

    :param known: what told what was read last; then that is not read again.
    :raises ImportFault: it is damaged.
    :raises OSError: the directory cannot be made, or the file not read.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        found = kept.stat()
    except FileNotFoundError:
        return None
    mark = (found.st_ino, found.st_mtime_ns, found.st_size)
    return None if mark == known else (read(kept), mark)
