"""Claims about seals and nonces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.peers.nonces import Nonces
from shieldrelay.peers.seal import NONCE_OCTETS, SKEW_SECONDS, KeyFault, Sealer, SealFault

KEY = b"0123456789abcdef" * 2
NOW = 1_800_000_000.0
NONCE = bytes(NONCE_OCTETS)
OURS = Sealer(KEY, "mail")


class SealTests(SynchronousTestCase):
    """Requests and answers."""

    def test_whole(self) -> None:
        """What was sealed is believed as it was, with its time and its nonce."""
        seal = OURS.request(b"POST", b"/peer/v1/x?a=1", b"body", NOW, NONCE)
        opened = OURS.open_request(seal, b"POST", b"/peer/v1/x?a=1", b"body", NOW + 10)
        self.assertEqual((opened.at, opened.nonce), (NOW, NONCE))
        OURS.open_answer(OURS.answer(200, b"yes", NONCE), 200, b"yes", NONCE)

    def test_changed(self) -> None:
        """Another method, target or body is not believed, nor another status, body or request of an answer."""
        seal = OURS.request(b"GET", b"/x", b"", NOW, NONCE)
        for method, target, body in ((b"POST", b"/x", b""), (b"GET", b"/y", b""), (b"GET", b"/x", b"z")):
            fault = self.assertRaises(SealFault, OURS.open_request, seal, method, target, body, NOW)
            self.assertFalse(fault.known)
        answer = OURS.answer(200, b"yes", NONCE)
        for status, body, nonce in ((201, b"yes", NONCE), (200, b"no", NONCE), (200, b"yes", b"\1" * 16)):
            self.assertRaises(SealFault, OURS.open_answer, answer, status, body, nonce)

    def test_no_answer_is_a_request(self) -> None:
        """A request's seal does not fit an answer, so nobody can be made to seal for others."""
        seal = OURS.request(b"GET", b"/x", b"", NOW, NONCE)
        self.assertRaises(SealFault, OURS.open_answer, b"1 " + seal.split(b" ")[3], 200, b"", NONCE)

    def test_another_cluster(self) -> None:
        """Another key, and another name with the same key, do not fit."""
        seal = OURS.request(b"GET", b"/x", b"", NOW, NONCE)
        for other in (Sealer(KEY[::-1], "mail"), Sealer(KEY, "other")):
            self.assertRaises(SealFault, other.open_request, seal, b"GET", b"/x", b"", NOW)
            self.assertNotEqual(other.tls, OURS.tls)

    def test_another_time(self) -> None:
        """A request from another time is refused in words that say how the clocks differ."""
        seal = OURS.request(b"GET", b"/x", b"", NOW, NONCE)
        for now, words in ((NOW + SKEW_SECONDS + 1, "301 s behind ours"), (NOW - SKEW_SECONDS - 1, "301 s ahead of")):
            fault = self.assertRaises(SealFault, OURS.open_request, seal, b"GET", b"/x", b"", now)
            self.assertIn(words, str(fault))
            self.assertTrue(fault.known)

    @settings(deadline=None, derandomize=True)
    @given(st.binary(max_size=200))
    def test_nonsense(self, octets: bytes) -> None:
        """Any octets in the place of a seal are a fault and nothing else."""
        self.assertRaises(SealFault, OURS.open_request, octets, b"GET", b"/", b"", NOW)
        self.assertRaises(SealFault, OURS.open_answer, octets, 200, b"", NONCE)

    def test_a_short_key(self) -> None:
        """A key that could be guessed is refused with a way to make one."""
        self.assertIn("openssl rand", str(self.assertRaises(KeyFault, Sealer, b"secret", "mail")))


class NonceTests(SynchronousTestCase):
    """What was seen."""

    def test_once(self) -> None:
        """A nonce counts once, for as long as its request could be believed."""
        nonces = Nonces()
        self.assertTrue(nonces.is_new(b"a", NOW))
        self.assertFalse(nonces.is_new(b"a", NOW + 2 * SKEW_SECONDS - 1))

    def test_bounded(self) -> None:
        """A full memory believes nothing new, until something is over."""
        nonces = Nonces(2)
        self.assertEqual([nonces.is_new(each, NOW) for each in (b"a", b"b", b"c")], [True, True, False])
        self.assertEqual(len(nonces), 2)
        self.assertTrue(nonces.is_new(b"c", NOW + 2 * SKEW_SECONDS))
