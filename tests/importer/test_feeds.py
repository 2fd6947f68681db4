"""Claims about feeds of active spammers: the last good one holds, whatever comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.importer.answer import Failed, Fetched, ImportResult, Unchanged
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.feed_text import read
from shieldrelay.importer.feeds import LIMITS, Feeds, FeedSettings
from shieldrelay.importer.request import ImportRequest
from shieldrelay.importer.settings import SourceSettings
from shieldrelay.mail.client import client_of
from shieldrelay.shield.reputation_listed import Feed
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import ImmediateThreads
from tests.importer.web_case import WebCase

HOUR = 3600.0
SPAMMER = client_of("192.0.2.7").source


class TextTests(SynchronousTestCase):
    """From text to networks."""

    def read(self, text: bytes) -> Any:
        """Read a text."""
        file = Path(self.mktemp())
        file.write_bytes(text)
        return read(file)

    def test_a_feed(self) -> None:
        """Networks of both families with comments; a stray line among many is left out."""
        found = self.read(b"; DROP\n192.0.2.0/24 ; SBL1\n2001:db8::/32\n" + b"198.51.100.1\n" * 200 + b"oops\n")
        self.assertEqual((found.networks.entries, found.skipped), (3, 1))

    def test_garbage(self) -> None:
        """A page of HTML, octets, and the whole internet in quarters are no feeds."""
        quarters = b"".join(f"{each}.0.0.0/8\n".encode() for each in range(1, 60))
        for text in (b"<html>\n<body>sorry</body>\n", bytes(range(256)), b"0.0.0.0/0\n", quarters):
            fault = self.assertRaises(ImportFault, self.read, text)
            self.assertIs(fault.kind, FaultKind.MALFORMED)


class ScriptedImports:
    """Imports whose results a test gives.

    :ivar results: texts, faults, or ``None`` for unchanged; one for each import, the last one for ever.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.results: list[bytes | FaultKind | None] = []
        self.asked: list[ImportRequest] = []

    def start(self, request: ImportRequest) -> Deferred[ImportResult]:
        """Import."""
        self.asked.append(request)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if result is None:
            return succeed(Unchanged(validator=request.validator))
        if isinstance(result, FaultKind):
            return succeed(Failed(kind=result, words="no"))
        path = self.directory / "fetched"
        path.write_bytes(result)
        return succeed(Fetched(path=str(path), entries=1, digest=f"d{len(self.asked)}", validator="v"))

    def cancel(self, domain: str) -> None:
        """Stop one."""


class FeedsTests(SynchronousTestCase):
    """`Feeds` on a clock of its own."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.clock, self.journal = Clock(), ListJournal()
        self.imports = ScriptedImports(self.directory)
        self.published: tuple[Feed, ...] = ()
        self.settings = FeedSettings("drop", SourceSettings.parse("file:/drop.txt"), 2, HOUR)

    def feeds(self, *results: bytes | FaultKind | None) -> Feeds:
        """Begin to serve one feed whose imports come to this."""
        self.imports.results = list(results)
        feeds = Feeds(
            self.clock, self.imports, ImmediateThreads(), self.journal, self.directory / "kept", lambda: 0.5,
            self.publish,
        )  # fmt: skip
        feeds.serve([self.settings])
        self.addCleanup(feeds.stop)
        return feeds

    def publish(self, feeds: tuple[Feed, ...]) -> None:
        """Note what is in force."""
        self.published = feeds

    def lists(self) -> bool:
        """Whether the spammer is in a feed."""
        return any(feed.networks.has(SPAMMER) for feed in self.published)

    def test_a_feed_comes_into_force_and_is_renewed(self) -> None:
        """It is fetched at once and every hour; what it does not have any more is free."""
        self.feeds(b"192.0.2.7\n", b"198.51.100.1\n")
        self.assertTrue(self.lists())
        self.clock.advance(HOUR)
        self.assertFalse(self.lists())
        self.assertEqual([each["networks"] for each in self.journal.named("feed_read")], [1, 1])
        self.assertEqual((self.imports.asked[1].known_digest, self.imports.asked[1].validator), ("d1", "v"))

    def test_unchanged_is_unchanged(self) -> None:
        """What the source has already is in force on."""
        self.feeds(b"192.0.2.7\n", None)
        self.clock.advance(HOUR)
        self.assertTrue(self.lists())
        self.assertEqual(len(self.journal.named("feed_read")), 1)

    def test_the_last_good_one_stays(self) -> None:
        """Failures and garbage change nothing; they are retried sooner, with one alarm, which ends."""
        feeds = self.feeds(b"192.0.2.7\n", b"<html>\n", FaultKind.UNREACHABLE, b"192.0.2.7\n")
        self.clock.pump([HOUR, 60.0])
        self.assertTrue(self.lists())
        self.assertEqual([each["kind"] for each in self.journal.named("feed_failed")], ["malformed", "unreachable"])
        self.assertEqual((len(self.journal.named("alarm")), feeds.states()), (1, (("drop", 1, 2),)))
        self.clock.advance(120.0)
        self.assertEqual((len(self.journal.named("alarm_over")), feeds.states()), (1, (("drop", 1, 0),)))
        self.assertEqual(list(self.directory.glob("fetched")), [])

    def test_a_start_has_the_last_good_one(self) -> None:
        """What was kept is in force before anything is fetched; a damaged one is told, and fetched."""
        self.feeds(b"192.0.2.7\n").stop()
        self.published = ()
        again = self.feeds(FaultKind.UNREACHABLE)
        self.assertTrue(self.lists())
        again.stop()
        (self.directory / "kept" / "drop.feed").write_bytes(bytes(range(256)))
        self.published = ()
        self.feeds(b"192.0.2.7\n")
        self.assertTrue(self.lists())
        self.assertEqual([each["kind"] for each in self.journal.named("feed_failed")], ["unreachable", "kept"])

    def test_a_feed_that_is_not_wanted_any_more_is_gone(self) -> None:
        """A reload without it lifts what it said, and fetches it no more; one with it leaves it alone."""
        feeds = self.feeds(b"192.0.2.7\n")
        feeds.serve([self.settings])
        self.assertEqual((len(self.imports.asked), self.lists()), (1, True))
        feeds.serve([])
        self.assertEqual((self.published, self.clock.getDelayedCalls()), ((), []))


class RealFeedsTests(WebCase):
    """`Feeds` with real children and a web server."""

    async def test_over_http_with_an_etag(self) -> None:
        """A document is fetched and read; the next time it is not sent again."""
        statuses = []

        def answer(request: Any) -> bytes:
            given = request.setETag(b'"one"')
            statuses.append(request.code)
            return b"" if given is not None else b"192.0.2.0/24 ; SBL1\n; comment\n2001:db8::/32\n"

        clock, journal = Clock(), ListJournal()
        published: list[tuple[Feed, ...]] = []
        feeds = Feeds(
            clock, self.importer, ImmediateThreads(), journal, self.directory / "kept", lambda: 0.5, published.append
        )
        self.addCleanup(feeds.stop)
        feeds.serve([FeedSettings("drop", self.page(answer, limits=LIMITS), 2, HOUR)])
        await self.until(lambda: len(clock.getDelayedCalls()) == 1)
        self.assertTrue(published[-1][0].networks.has(SPAMMER))
        clock.advance(HOUR)
        await self.until(lambda: len(clock.getDelayedCalls()) == 1)
        self.assertEqual((statuses, feeds.states()), ([200, 304], (("drop", 2, 0),)))
        self.assertEqual(journal.named("feed_failed"), [])

    async def until(self, happened: Any) -> None:
        """Let the reactor turn until something has happened."""
        while not happened():
            turned: Deferred[None] = Deferred()
            reactor.callLater(0.01, turned.callback, None)
            await turned
