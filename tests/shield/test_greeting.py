"""Claims about who waits for its greeting (R22)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.client import client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.greeting import Greeting, GreetingSettings
from shieldrelay.shield.mode import Mode

NOW = 100.0
STRANGER = client_of("192.0.2.7")
DAY = 86400.0


class GreetingTests(SynchronousTestCase):
    """`Greeting` by itself."""

    def setUp(self) -> None:
        self.greeting = Greeting(GreetingSettings())

    def delay(
        self, now: float = NOW, acquaintance: Acquaintance = Acquaintance.STRANGER, *, stressed: bool = False
    ) -> float:
        """Give the delay of the stranger."""
        return self.greeting.delay(STRANGER, acquaintance, now, stressed=stressed)

    def test_a_stranger_waits_once_a_day(self) -> None:
        """Who has waited is greeted at once for a day, also from another address of its source; then it waits again."""
        self.assertEqual(self.delay(), 3.0)
        self.greeting.waited(STRANGER, NOW)
        self.assertEqual((self.delay(NOW + 1), self.delay(NOW + DAY - 1), self.delay(NOW + DAY + 1)), (0.0, 0.0, 3.0))

    def test_who_is_known_does_not_wait(self) -> None:
        """Good history is greeted at once; a neighbour is a stranger here."""
        self.assertEqual(self.delay(acquaintance=Acquaintance.KNOWN_GOOD), 0.0)
        self.assertEqual(self.delay(acquaintance=Acquaintance.NEIGHBOUR), 3.0)

    def test_who_talked_early_waits_longer(self) -> None:
        """Early talk takes the pass and doubles the delay for some hours."""
        self.greeting.waited(STRANGER, NOW)
        self.greeting.talked(STRANGER, NOW + 1)
        self.assertEqual(self.delay(NOW + 2), 6.0)
        self.assertEqual(self.delay(NOW + 7 * 3600), 3.0)

    def test_loopback_and_off_mean_no_delay(self) -> None:
        """From loopback there is none unless it is set (R22); nor when the defence is off."""
        for address in ("127.0.0.1", "127.9.9.9", "::1"):
            self.assertEqual(self.greeting.delay(client_of(address), Acquaintance.STRANGER, NOW), 0.0)
        self.greeting.settings = evolve(self.greeting.settings, loopback=1.0)
        self.assertEqual(self.greeting.delay(client_of("::1"), Acquaintance.STRANGER, NOW), 1.0)
        self.greeting.settings = evolve(self.greeting.settings, mode=Mode.OFF)
        self.assertEqual(self.delay(), 0.0)

    def test_stress_shortens_it(self) -> None:
        """Under stress a waiting connection is dear."""
        self.assertEqual(self.delay(stressed=True), 2.0)

    def test_stress_lengthens_nothing(self) -> None:
        """Where less is declared than under stress, the lesser holds: for strangers and for those who talked early."""
        self.greeting.settings = evolve(self.greeting.settings, stranger=0.0, suspect=1.0, stressed=2.0)
        self.assertEqual(self.delay(stressed=True), 0.0)
        self.greeting.talked(STRANGER, NOW)
        self.assertEqual(self.delay(stressed=True), 1.0)

    def test_it_explains_itself_and_forgets(self) -> None:
        """What is known is said in words; a release forgets it."""
        self.assertEqual(self.greeting.explain(STRANGER, NOW), [])
        self.greeting.talked(STRANGER, NOW)
        self.assertIn("talked before the greeting", self.greeting.explain(STRANGER, NOW)[0])
        self.greeting.forget(STRANGER.source)
        self.assertEqual(self.delay(NOW + 2), 3.0)
        self.greeting.waited(STRANGER, NOW)
        self.assertIn("is greeted at once", self.greeting.explain(STRANGER, NOW + 60)[0])
