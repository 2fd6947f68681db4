"""Claims about what a suspect can learn: nothing (D8).

Whatever came before, two copies of one history are asked for the same name, which exists in one and not in the other.
"""

from __future__ import annotations

import copy
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.mail.client import client_of
from shieldrelay.shield.acquaintance import Acquaintance
from shieldrelay.shield.harvest import Existence, Harvest, HarvestSettings, Rung
from tests.shield.harvest_room import GOOD, HALF, LISTED, STRANGER, UNKNOWN, Caller, apart, harvest_of, raise_shield

MISSING = (UNKNOWN, Existence.FORMER, Existence.TRAP)

STEP = st.tuples(
    st.sampled_from(("rcpt", "rcpt", "rcpt", "sends", "drops", "waits", "shield")),
    st.integers(0, 2),  # who
    st.integers(0, 12),  # which name
    st.sampled_from((LISTED, UNKNOWN, LISTED, UNKNOWN, Existence.FORMER)),
    st.sampled_from((1.0, 70.0, 400.0, 2000.0, 30000.0)),
)


def told(harvest: Harvest) -> list[tuple[bytes, list[float], list[float], frozenset[int]]]:
    """Give everything that the defence remembers."""
    return [
        (row.key, list(row.own), list(row.others), frozenset(row.names or ()))
        for table in harvest.tables
        for row in table
    ]


def lived(steps: list[tuple[str, int, int, Existence, float]], kind: Acquaintance) -> list[Caller]:
    """Go through a history with three sources, two of them in one network."""
    harvest = harvest_of()
    near = client_of("20.0.1.10")
    callers = [Caller(harvest, apart(1), kind), Caller(harvest, near, STRANGER), Caller(harvest, apart(3), kind)]
    now = 1000.0
    for what, who, name, existence, seconds in steps:
        caller = callers[who]
        if what == "waits":
            now += seconds
        elif what == "shield":
            raise_shield(harvest, now)
        caller.now = now
        if what == "rcpt":
            caller.rcpt(f"{'user' if existence is LISTED else 'nobody'}{name}", existence)
        elif what == "sends":
            caller.sends()
        elif what == "drops":
            caller.drops()
    for caller in callers:
        caller.now = now
    return callers


class OracleTests(unittest.SynchronousTestCase):
    def _same(self, caller: Caller, missing: Existence = UNKNOWN) -> None:
        """Ask both copies, and hold all that can be heard against each other."""
        twin = copy.deepcopy(caller)
        there, gone = caller.asked("somebody", LISTED), twin.asked("somebody", missing)
        caller.harvest.ask(there, caller.now)
        twin.harvest.ask(gone, twin.now)
        held = twin.harvest.wants_exchange(gone, twin.now)
        heard, other = caller.harvest.answer(there, caller.now), twin.harvest.answer(gone, twin.now)
        if heard.rung is not Rung.TRUTH:
            self.assertFalse(held)
            self.assertEqual((heard.rung, heard.delay), (other.rung, other.delay))
        elif other.rung is Rung.TRUTH:
            self.assertEqual(heard.delay, other.delay)

    @given(st.lists(STEP, max_size=40), st.sampled_from((STRANGER, HALF, GOOD)), st.sampled_from(MISSING))
    @settings(deadline=None, derandomize=True, max_examples=300)
    def test_any_history(
        self, steps: list[tuple[str, int, int, Existence, float]], kind: Acquaintance, missing: Existence
    ) -> None:
        """After any history: where a valid recipient is not answered truthfully, an unknown one hears the same."""
        for caller in lived(steps, kind):
            self._same(caller, missing)

    def _uniform(self, caller: Caller) -> None:
        """Be sure that the state is a uniform one, and that it shows nothing."""
        for missing in MISSING:
            again = copy.deepcopy(caller)
            self._same(again, missing)
        self.assertIsNot(caller.rcpt("somebody", LISTED).rung, Rung.TRUTH)

    def test_each_uniform_state(self) -> None:
        """Cut, closed, guilty, shielded, too early, tired network, waiting for a message: each shows nothing."""
        cut = Caller(harvest_of(), apart(1))
        for number in range(3):
            cut.rcpt(f"nobody{number}")
        self._uniform(cut)
        for number in range(9):
            cut.rcpt(f"nobody{number}")
        self._uniform(cut)

        early = Caller(harvest_of(), apart(2))
        raise_shield(early.harvest)
        self._uniform(early)
        early.now += 100.0
        self._uniform(early)
        for number in range(3):
            early.rcpt(f"nobody{number}")
        early.now += 400.0
        self._uniform(early)

        tired = harvest_of()
        for number in range(8):
            Caller(tired, client_of(f"192.0.2.{number}")).rcpt(f"nobody{number}")
        self._uniform(Caller(tired, client_of("192.0.2.200")))

        waiting = Caller(harvest_of(), apart(4))
        for number in range(15):
            waiting.rcpt(f"user{number}", LISTED)
        self._uniform(waiting)

    def test_box_remembers_the_same(self) -> None:
        """What is remembered of a cut source is the same to the last number, whatever it asks for and however long."""
        caller = Caller(harvest_of(), apart(1))
        for number in range(3):
            caller.rcpt(f"nobody{number}")
        twin = copy.deepcopy(caller)
        for number in range(30):
            caller.now = twin.now = caller.now + 7.0
            self.assertEqual(caller.rcpt(f"x{number}", LISTED), twin.rcpt(f"x{number}", MISSING[number % 3]))
        self.assertEqual(told(caller.harvest), told(twin.harvest))
        self.assertEqual(
            caller.harvest.connect(caller.client, caller.now), twin.harvest.connect(twin.client, twin.now)
        )

    def test_known_good_is_never_held(self) -> None:
        """The answer to a source with a good name never waits for the exchange (R21); that to a stranger does.

        A member that is alone waits for nobody.
        """
        for members, kind, waits in ((2, GOOD, False), (2, STRANGER, True), (2, HALF, True), (1, STRANGER, False)):
            caller = Caller(Harvest(HarvestSettings(), members=partial(int, members)), apart(1), kind)
            asked = caller.asked("nobody", UNKNOWN)
            caller.harvest.ask(asked, caller.now)
            self.assertIs(caller.harvest.wants_exchange(asked, caller.now), waits)
            self.assertFalse(caller.harvest.wants_exchange(caller.asked("friend", LISTED), caller.now))
