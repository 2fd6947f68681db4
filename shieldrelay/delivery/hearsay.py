"""Whether another member's word about a server is taken, and when ours is told: one breaker for the cluster (R6, R30).

What one member finds out holds for all, unless it is the member that is ill: one whose own way to the server is broken
would close it for everybody. So a member that is being answered doubts a word of DOWN: it goes on, and the next result
decides, whose word is then told. Who was contradicted keeps its own breaker open and says no more for a while. Pure,
and knows no breaker: `delivery.watch` does what it says. Times are arguments. Cannot fail; what does not fit the view
changes nothing.
"""

from __future__ import annotations

from enum import Enum

FRESH_SECONDS = 30.0
"""Who was answered so lately, and has met no fault since, doubts."""
DOUBT_SECONDS = 5.0
"""How long a doubt lasts without a result; then the word is taken."""
QUIET_SECONDS = 600.0
"""How long a member whose faults nobody shares keeps them to itself."""


class View(Enum):
    """What we take to be true of the server, for everybody."""

    UP = "up"
    DOUBT = "doubt"
    """Somebody says that it is down, and we were just answered."""
    DOWN = "down"
    OWN = "own"
    """It is down for us; the others are answered."""


class Sign(Enum):
    """What happened."""

    FAULTS = "our faults in a row opened our breaker, or the node began with an outage"
    FAULTS_ALONE = "they did, and others said of late that the server answers"
    FAULT = "an attempt of ours met a fault"
    ANSWERED = "an attempt of ours was answered"
    PROBE_ANSWERED = "our probe was"
    SAID_DOWN = "a member says that it is down"
    SAID_DOWN_DOUBTED = "a member says so, and we were just answered"
    SAID_UP = "a member's probe was answered"
    CONTRADICTED = "a member contradicts a word of DOWN that was not ours"
    CONTRADICTED_US = "a member contradicts our word"
    TIME = "the doubt has lasted long enough"


class Act(Enum):
    """What is to be done about it."""

    NOTHING = "nothing"
    TELL_DOWN = "tell the others that it is down"
    TELL_UP = "tell the others that it answers again"
    CONTRADICT = "tell the others that it answers us"
    OPEN = "open our breaker"
    RAMP = "close it, and ramp with the others"
    RESUME = "close it, and go on as before: there was no outage"
    PROBE = "see at once whether it answers us too"


_NEXT = {
    (View.UP, Sign.FAULTS): (View.DOWN, Act.TELL_DOWN),
    (View.UP, Sign.FAULTS_ALONE): (View.OWN, Act.NOTHING),
    (View.UP, Sign.SAID_DOWN): (View.DOWN, Act.OPEN),
    (View.UP, Sign.SAID_DOWN_DOUBTED): (View.DOUBT, Act.NOTHING),
    (View.DOUBT, Sign.ANSWERED): (View.UP, Act.CONTRADICT),
    (View.DOUBT, Sign.FAULT): (View.DOWN, Act.OPEN),  # one is enough: two members have met it
    (View.DOUBT, Sign.TIME): (View.DOWN, Act.OPEN),
    (View.DOUBT, Sign.SAID_UP): (View.UP, Act.NOTHING),
    (View.DOUBT, Sign.CONTRADICTED): (View.UP, Act.NOTHING),
    (View.DOWN, Sign.SAID_UP): (View.UP, Act.RAMP),
    (View.DOWN, Sign.CONTRADICTED): (View.UP, Act.RESUME),
    (View.DOWN, Sign.CONTRADICTED_US): (View.OWN, Act.PROBE),
    (View.DOWN, Sign.PROBE_ANSWERED): (View.UP, Act.TELL_UP),
    (View.OWN, Sign.SAID_DOWN): (View.DOWN, Act.NOTHING),  # our breaker is open already
    (View.OWN, Sign.SAID_DOWN_DOUBTED): (View.DOWN, Act.NOTHING),
    (View.OWN, Sign.PROBE_ANSWERED): (View.UP, Act.NOTHING),  # the others know
}
"""Every pair that changes the view; any other is lawful and changes nothing."""


class Hearsay:
    """What one member makes of its own results and of others' words about one domain's server.

    :ivar view: see `View`.
    :ivar alone: whether the outage, or the ramp after it, is ours alone: it binds nobody else.
    """

    __slots__ = ("_answered_at", "_contradicted_until", "_told", "_unconfirmed_until", "alone", "view")

    def __init__(self) -> None:
        self.view = View.UP
        self.alone = False
        self._answered_at = float("-inf")
        self._contradicted_until = float("-inf")
        self._unconfirmed_until = float("-inf")
        self._told = False

    # our own results

    def answered(self, now: float) -> Act:
        """An attempt, not the probe, was answered."""
        self._answered_at = now
        self._unconfirmed_until = float("-inf")
        return self._follow(Sign.ANSWERED) if self.view is View.DOUBT else Act.NOTHING

    def faulted(self) -> Act:
        """An attempt, not the probe, met a fault."""
        self._answered_at = float("-inf")
        return self._follow(Sign.FAULT)

    def opened(self, now: float) -> Act:
        """Our faults in a row opened the breaker."""
        quiet = now < max(self._contradicted_until, self._unconfirmed_until)
        act = self._follow(Sign.FAULTS_ALONE if quiet else Sign.FAULTS)
        self._told = act is Act.TELL_DOWN
        self.alone = self.view is View.OWN
        return act

    def began_down(self) -> None:
        """The node began with an outage, or an operator drills: it is everybody's."""
        if self.view is not View.DOWN:
            self.view = View.DOWN
            self._told = self.alone = False

    def probe_answered(self, now: float) -> Act:
        """Our probe was answered: the breaker closes."""
        self._answered_at = now
        self._told = False
        return self._follow(Sign.PROBE_ANSWERED)

    def ramped(self) -> None:
        """Our ramp is complete."""
        self.alone = self.view is View.OWN

    def time(self) -> Act:
        """A doubt has lasted `DOUBT_SECONDS`."""
        return self._follow(Sign.TIME)

    # what others say

    def said_down(self, now: float) -> Act:
        """A member says that it is down."""
        fresh = now - self._answered_at <= FRESH_SECONDS
        act = self._follow(Sign.SAID_DOWN_DOUBTED if fresh else Sign.SAID_DOWN)
        if self.view is View.DOWN:
            self.alone = False
        return act

    def said_up(self, now: float) -> Act:
        """A member's probe was answered."""
        act = self._follow(Sign.SAID_UP)
        if act is Act.RAMP:
            self._unconfirmed_until = now + QUIET_SECONDS  # until we are answered ourselves
        return self._heard(act)

    def contradicted(self, now: float) -> Act:
        """A member that was told of DOWN is answered, and was all the time."""
        sign = Sign.CONTRADICTED_US if self._told else Sign.CONTRADICTED
        act = self._follow(sign)
        if sign is Sign.CONTRADICTED_US:
            self._contradicted_until = now + QUIET_SECONDS
        return self._heard(act)

    def _heard(self, act: Act) -> Act:
        self._told = False
        self.alone = self.view is View.OWN
        return act

    def _follow(self, sign: Sign) -> Act:
        self.view, act = _NEXT.get((self.view, sign), (self.view, Act.NOTHING))
        return act
