"""A webhook: signed, retried, bounded; against a fake that keeps what it is given, and against real web servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Generator, Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.alarms.webhook import (
    FIRST_PAUSE_SECONDS,
    GIVE_UP_SECONDS,
    LONGEST_PAUSE_SECONDS,
    QUEUE_MOST,
    TRY_SECONDS,
    TreqPoster,
    Webhook,
    signature,
)
from shieldrelay.testing.authority import Authority
from shieldrelay.testing.journal import ListJournal

reactor: Any = the_reactor
NOW = 1_800_000_000.0


class ScriptedPoster:
    """Answers as it is told.

    :ivar answers: statuses, or exceptions; the last one stays. ``None``: never.
    """

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)
        self.posted: list[tuple[bytes, Mapping[bytes, bytes]]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[bytes, bytes]) -> int:
        """Keep it and answer."""
        self.posted.append((body, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await Deferred()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer


class QueueTests(SynchronousTestCase):
    """What waits, and when it is tried."""

    def make(self, *answers: int | Exception | None, secret: bytes = b"") -> Webhook:
        """Make one."""
        self.clock, self.journal = Clock(), ListJournal()
        self.poster = ScriptedPoster(*answers)
        return Webhook(
            "pager", "https://x.test/", secret, self.poster, clock=self.clock, wall=lambda: NOW, journal=self.journal
        )

    def test_a_message_is_signed(self) -> None:
        """The header holds the time and the HMAC of time and body, which who has the secret can make too."""
        webhook = self.make(204, secret=b"s3cret")
        webhook.tell({"id": "disk:"})
        self.clock.advance(0)
        ((body, headers),) = self.poster.posted
        digest = hmac.new(b"s3cret", b"1800000000." + body, hashlib.sha256).hexdigest()
        self.assertEqual(headers[b"X-Shieldrelay-Signature"], f"t=1800000000,v1={digest}".encode())
        self.assertEqual((json.loads(body), len(webhook)), ({"id": "disk:"}, 0))
        self.assertNotEqual(signature(b"s3cret", 1, body), signature(b"other", 1, body))

    def test_it_is_tried_again_ever_later(self) -> None:
        """Failures of the server and of the way are waited out; the next message comes after it, in order."""
        webhook = self.make(500, OSError("away"), 429, 200)
        webhook.tell({"id": "1"})
        webhook.tell({"id": "2"})
        self.clock.advance(0)
        pause = FIRST_PAUSE_SECONDS
        for tries in (1, 2, 3):
            self.assertEqual(len(self.poster.posted), tries)
            self.clock.advance(pause - 0.1)
            self.assertEqual(len(self.poster.posted), tries)
            self.clock.advance(0.1)
            pause *= 2
        self.clock.advance(0)
        self.assertEqual([json.loads(body)["id"] for body, _ in self.poster.posted], ["1"] * 4 + ["2"])
        self.assertEqual(self.journal.events, [])

    def test_a_server_that_hangs_is_left(self) -> None:
        """One that does not answer is given so long, and asked again."""
        webhook = self.make(None, 200)
        webhook.tell({"id": "1"})
        self.clock.advance(0)
        self.clock.advance(TRY_SECONDS)
        self.clock.advance(FIRST_PAUSE_SECONDS)
        self.assertEqual((len(self.poster.posted), len(webhook)), (2, 0))

    def test_what_is_refused_for_good_is_dropped(self) -> None:
        """A server that says 4xx is believed, and the journal says what was lost."""
        webhook = self.make(404, 200)
        webhook.tell({"id": "1"})
        webhook.tell({"id": "2"})
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual([one["alarm"] for one in self.journal.named("alarm_undelivered")], ["1"])
        self.assertEqual((len(self.poster.posted), len(webhook)), (2, 0))

    def test_it_gives_up_after_a_day(self) -> None:
        """A server that is never there loses its messages, one told line each; the pause has a bound."""
        webhook = self.make(503)
        webhook.tell({"id": "1"})
        waited = 0.0
        while len(webhook) and waited < 2 * GIVE_UP_SECONDS:
            self.clock.advance(LONGEST_PAUSE_SECONDS)
            waited += LONGEST_PAUSE_SECONDS
        self.assertLess(waited, GIVE_UP_SECONDS + 2 * LONGEST_PAUSE_SECONDS)
        self.assertEqual(len(self.journal.named("alarm_undelivered")), 1)
        self.assertGreater(len(self.poster.posted), GIVE_UP_SECONDS / LONGEST_PAUSE_SECONDS - 2)

    def test_it_is_bounded(self) -> None:
        """However many alarms there are, so many wait, and the oldest go."""
        webhook = self.make(None)
        for number in range(QUEUE_MOST + 7):
            webhook.tell({"id": str(number)})
        self.assertEqual(len(webhook), QUEUE_MOST)
        self.assertEqual(len(self.journal.named("alarm_undelivered")), 7)

    def test_a_stop_leaves_nothing(self) -> None:
        """Neither what waits nor what is being asked goes on."""
        webhook = self.make(None)
        webhook.tell({"id": "1"})
        self.clock.advance(0)
        webhook.stop()
        webhook.tell({"id": "2"})
        self.clock.advance(GIVE_UP_SECONDS)
        self.assertEqual((len(self.poster.posted), self.clock.getDelayedCalls()), (1, []))

    def test_a_full_queue_may_lose_what_is_being_asked(self) -> None:
        """An answer to what was dropped meanwhile takes nothing else away."""
        webhook = self.make(None, 200)
        webhook.tell({"id": "0"})
        self.clock.advance(0)
        for number in range(1, QUEUE_MOST + 1):
            webhook.tell({"id": str(number)})
        self.clock.advance(TRY_SECONDS)
        for _ in range(QUEUE_MOST + 2):
            self.clock.advance(FIRST_PAUSE_SECONDS)
        ids = [json.loads(body)["id"] for body, _ in self.poster.posted]
        self.assertEqual(ids, [str(number) for number in range(QUEUE_MOST + 1)])


class _Server(Protocol):
    """Answers each request in one way, and keeps what it was asked."""

    factory: _Servers

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard += data
        if b"}" in data:
            assert self.transport is not None
            self.transport.write(self.factory.answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.lost += 1


class _Servers(Factory):
    protocol = _Server  # type: ignore[assignment]
    heard = b""
    lost = 0

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


Steps = Generator[Deferred[Any], Any, None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class PosterTests(TestCase):
    """treq's part, against real sockets."""

    timeout = 20

    def serve(self, answer: bytes, tls: Any = None) -> int:
        """Listen."""
        self.servers = _Servers(answer)
        port = (
            reactor.listenTCP(0, self.servers, interface="127.0.0.1")
            if tls is None
            else reactor.listenSSL(0, self.servers, tls, interface="127.0.0.1")
        )
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def post(self, url: str, ca: bytes | None = None) -> Deferred[int]:
        """Post once."""
        return Deferred.fromCoroutine(TreqPoster(reactor, ca).post(url, b"{}", {b"X-A": b"b"}))

    def gone(self) -> Deferred[None]:
        """Wait until the connection is closed."""
        return Deferred.fromCoroutine(self._gone())

    async def _gone(self) -> None:
        while not self.servers.lost:
            await deferLater(reactor, 0.01, lambda: None)

    @inlineCallbacks
    def test_it_posts(self) -> Steps:
        """Body and fields arrive, and the status comes back."""
        port = self.serve(OK)
        status = yield self.post(f"http://127.0.0.1:{port}/hook")
        self.assertEqual(status, 200)
        self.assertTrue(self.servers.heard.startswith(b"POST /hook HTTP/1.1\r\n"))
        self.assertIn(b"X-A: b\r\n", self.servers.heard)
        yield self.gone()

    @inlineCallbacks
    def test_redirects_are_not_followed(self) -> Steps:
        """A server that sends us elsewhere is not obeyed."""
        port = self.serve(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        status = yield self.post(f"http://127.0.0.1:{port}/")
        self.assertEqual(status, 302)
        yield self.gone()

    @inlineCallbacks
    def test_an_endless_answer_is_not_read(self) -> Steps:
        """Of an answer the status counts: the connection is closed before its body."""
        port = self.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 4096)
        status = yield self.post(f"http://127.0.0.1:{port}/")
        self.assertEqual(status, 200)
        yield self.gone()

    @inlineCallbacks
    def test_https_is_verified(self) -> Steps:
        """A certificate of a stranger is refused; one that the named authority has signed is taken."""
        authority = Authority(now=time.time())
        port = self.serve(OK, authority.issue("localhost").server_options())
        try:
            yield self.post(f"https://localhost:{port}/")
        except Exception as fault:
            self.assertIn("certificate verify failed", repr(getattr(fault, "reasons", fault)))
        else:
            self.fail("a stranger was believed")
        self.assertEqual(self.servers.heard, b"")
        yield self.gone()
        yield deferLater(reactor, 0.05, lambda: None)  # until our side is closed too
        self.servers.lost = 0
        status = yield self.post(f"https://localhost:{port}/", authority.certificate.public_bytes(Encoding.PEM))
        self.assertEqual(status, 200)
        yield self.gone()

    def test_an_authority_is_a_certificate(self) -> None:
        """A file without one, or with something else in it, is refused."""
        for pem in (b"", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"):
            self.assertRaises(ValueError, TreqPoster, reactor, pem)
