"""Whether a domain's next hop is worth an attempt (R6).

It judges the server (connect, greeting, EHLO, TLS, 421), never a message. Several faults in a row open it: from then
on mail goes straight to the spool and only the probe, one message a minute, is offered. A probe that reaches a reply
to MAIL or RCPT, whatever that says, closes it into the ramp. Knows no connection, no message but by id, and no clock:
time is an argument, monotonic. One per domain, owned by ``delivery.lane``, which journals the transitions and writes
them into the ledger of down-times. Cannot fail; what does not fit the state changes nothing.

::

    CLOSED ──faults in a row──▶ OPEN ──begin_probe──▶ PROBING ──fault──▶ OPEN
      ▲                          ▲                        │
      └────────ramped──── RAMPING ◀────────answered───────┘     drill: any ──▶ OPEN
                             └──faults in a row──▶ OPEN

    Another member's word does the same: that it is down opens, that it answers leads from OPEN or PROBING to RAMPING.
    Whether such a word is taken is `delivery.hearsay`'s to say.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.mail.outcome import ServerHealth

PROBE_SECONDS = 60.0
"""The default time between probes."""
FAILURES = 3
"""The default number of faults in a row that opens the breaker."""

_PROBES_PER_MESSAGE = 2
_REMEMBERED_PROBES = 1024


class State(Enum):
    """What the breaker lets through."""

    CLOSED = "closed"
    """Everything, as far as pace and slots allow."""
    OPEN = "open"
    """Nothing, until the probe is due."""
    PROBING = "probing"
    """Nothing but the probe that is under way."""
    RAMPING = "ramping"
    """As much as the ramp allows."""


class Sign(Enum):
    """What happened, as far as the breaker is concerned."""

    FAULTS = "the last of several faults in a row"
    PROBE_BEGINS = "the probe begins"
    PROBE_ANSWERED = "the probe was answered"
    PROBE_FAULT = "the probe met a fault"
    PROBE_VOID = "the probe said nothing"
    RAMPED = "the ramp is complete"
    DRILL = "the operator treats the server as down"
    HEARD_DOWN = "another member found it down"
    HEARD_UP = "another member was answered"


_NEXT = {
    (State.CLOSED, Sign.FAULTS): State.OPEN,
    (State.CLOSED, Sign.DRILL): State.OPEN,
    (State.OPEN, Sign.PROBE_BEGINS): State.PROBING,
    (State.PROBING, Sign.PROBE_ANSWERED): State.RAMPING,
    (State.PROBING, Sign.PROBE_FAULT): State.OPEN,
    (State.PROBING, Sign.PROBE_VOID): State.OPEN,
    (State.PROBING, Sign.DRILL): State.OPEN,  # the probe's answer comes too late to count
    (State.RAMPING, Sign.RAMPED): State.CLOSED,
    (State.RAMPING, Sign.FAULTS): State.OPEN,
    (State.RAMPING, Sign.DRILL): State.OPEN,
    (State.CLOSED, Sign.HEARD_DOWN): State.OPEN,
    (State.RAMPING, Sign.HEARD_DOWN): State.OPEN,
    (State.OPEN, Sign.HEARD_UP): State.RAMPING,
    (State.PROBING, Sign.HEARD_UP): State.RAMPING,  # our probe is an attempt like any other now
}
"""Every pair that changes the state; any other is lawful and changes nothing."""


@frozen
class Opened:
    """The server is taken to be down.

    :ivar since: monotonic time of the first of the faults in a row.
    :ivar at: monotonic time of the decision.
    :ivar reason: the last fault, in our words.
    """

    since: float
    at: float
    reason: str


@frozen
class Closed:
    """The server answered; the ramp begins.

    :ivar since: monotonic time since which it had been down.
    :ivar at: monotonic time of the answer.
    """

    since: float
    at: float


@frozen
class Ramped:
    """The ramp is complete: business as usual.

    :ivar at: monotonic time.
    """

    at: float


Transition = Opened | Closed | Ramped


class ProbeMemory:
    """Which messages were the probe of failed probes in this outage, so that one that kills servers is passed over.

    Two failed probes are allowed a message. When a message that was to be passed over is the probe all the same, there
    was no other: a new round begins, and two more are allowed to each. So a server that is simply down is probed with
    whatever there is, and no single message can keep it down. Holds some thousand ids at most; the oldest is
    forgotten, and forgetting costs another probe of it.
    """

    __slots__ = ("_allowed", "_failed")

    def __init__(self) -> None:
        self._failed: dict[str, int] = {}
        self._allowed = _PROBES_PER_MESSAGE

    def probe_failed(self, message_id: str) -> None:
        """Note that the probe with this message met a fault."""
        failed = self._failed.pop(message_id, 0)
        if failed >= self._allowed:
            self._allowed += _PROBES_PER_MESSAGE
        self._failed[message_id] = failed + 1
        if len(self._failed) > _REMEMBERED_PROBES:
            del self._failed[next(iter(self._failed))]

    def may_probe(self, message_id: str) -> bool:
        """Whether this message is not to be passed over, as long as there is another."""
        return self._failed.get(message_id, 0) < self._allowed

    def clear(self) -> None:
        """Forget all: the outage is over."""
        self._failed.clear()
        self._allowed = _PROBES_PER_MESSAGE


class Breaker:
    """The breaker of one domain.

    :param failures: faults in a row that open it, at least 1.
    :param probe: seconds between probes, above 0.
    :ivar state: see `State`.
    :ivar down_since: monotonic time of the first fault of this outage; ``None`` while it is closed or ramping.
    :ivar probe_at: monotonic time from which the next probe is due, while it is open.
    :ivar reason: the last fault in our words, ``""`` when there was none since it closed.
    :ivar probes: which messages are passed over.
    """

    __slots__ = ("_drill_until", "_failures", "_faults", "_first_fault", "_interval", "down_since", "probe_at",
                 "probes", "reason", "state")  # fmt: skip

    def __init__(self, failures: int = FAILURES, probe: float = PROBE_SECONDS) -> None:
        if failures < 1 or probe <= 0:
            raise ValueError("a breaker needs at least one failure to open, and a time above 0 between probes")
        self.state = State.CLOSED
        self.down_since: float | None = None
        self.probe_at = float("-inf")
        self.reason = ""
        self.probes = ProbeMemory()
        self._failures = failures
        self._interval = probe
        self._faults = 0
        self._first_fault = 0.0
        self._drill_until = float("-inf")

    @property
    def interval(self) -> float:
        """Seconds between probes."""
        return self._interval

    @property
    def passes(self) -> bool:
        """Whether ordinary attempts may be made."""
        return self.state is State.CLOSED or self.state is State.RAMPING

    def judged(self, health: ServerHealth, now: float, reason: str = "") -> Opened | None:
        """Take note of an ordinary attempt; STALE and UNTRIED say nothing.

        :param reason: which step failed and how, when it is a FAULT or SILENT.
        """
        if health is ServerHealth.ANSWERED:
            self._faults = 0
            if self.state is State.OPEN:
                self.probe_soon(now)  # an attempt from before it opened was answered after all
        elif health.is_fault and self.passes:
            return self._fault(now, reason)
        return None

    def _fault(self, now: float, reason: str) -> Opened | None:
        """Count one fault of an ordinary attempt."""
        self.reason = reason
        if self._faults == 0:
            self._first_fault = now
        self._faults += 1
        if self._faults < self._failures:
            return None
        self.probe_at = now + self._interval
        return self._open(Sign.FAULTS, self._first_fault, now)

    def _open(self, sign: Sign, since: float, now: float) -> Opened | None:
        """Follow a sign that opens; ``None`` when it was open already."""
        before = self.state
        self.state = _NEXT.get((before, sign), before)
        if self.down_since is not None:
            return None
        self.down_since = since
        return Opened(since, now, self.reason)

    def probe_due(self, now: float) -> bool:
        """Whether a probe is to be sent now."""
        return self.state is State.OPEN and now >= self.probe_at

    def probe_soon(self, now: float) -> None:
        """Make the next probe due at once, unless a drill forbids it."""
        self.probe_at = min(self.probe_at, max(now, self._drill_until))

    def begin_probe(self, now: float) -> bool:
        """Begin the probe; false when none is due. Who begins it owes a `probed`."""
        if not self.probe_due(now):
            return False
        self.state = _NEXT[self.state, Sign.PROBE_BEGINS]
        return True

    def probed(self, message_id: str, health: ServerHealth, now: float, reason: str = "") -> Closed | Opened | None:
        """Take note of the probe's result.

        STALE and UNTRIED say nothing about server or message; the next probe is as far away as after a fault.

        :param message_id: the message that was offered.
        """
        if self.state is not State.PROBING:  # a drill began meanwhile: it is an attempt like any other now
            return self.judged(health, now, reason)
        if health is ServerHealth.ANSWERED:
            return self._close(now, Sign.PROBE_ANSWERED)
        self.probe_at = now + self._interval
        if health.is_fault:
            self.reason = reason
            self.probes.probe_failed(message_id)
            self.state = _NEXT[self.state, Sign.PROBE_FAULT]
        else:
            self.state = _NEXT[self.state, Sign.PROBE_VOID]
        return None

    def _close(self, now: float, sign: Sign) -> Closed:
        """The server is back."""
        self.state = _NEXT[self.state, sign]
        since = now if self.down_since is None else self.down_since
        self.down_since = None
        self.reason = ""
        self._faults = 0
        self.probes.clear()
        return Closed(since, now)

    def ramped(self, now: float) -> Ramped | None:
        """Take note that the ramp reached the declared number."""
        if self.state is not State.RAMPING:
            return None
        self.state = _NEXT[self.state, Sign.RAMPED]
        return Ramped(now)

    def drill(self, until: float, now: float) -> Opened | None:
        """Treat the server as down: proof before the disaster. It comes back as after an outage, by a probe.

        :param until: monotonic time from which a probe is allowed again; ``now`` ends a drill.
        """
        if self.down_since is None and until <= now:
            return None
        if self.down_since is None:
            self.reason = "drill"
        self._drill_until = self.probe_at = until
        return self._open(Sign.DRILL, now, now)

    def resume(self, since: float, now: float) -> Opened | None:
        """Begin open after a restart, because the ledger's last interval has no end; the probe is due at once.

        :param since: the beginning of that interval as monotonic time; may well be before the process began.
        """
        if self.down_since is not None:
            return None
        self.reason = "down before the restart"
        self.probe_at = now
        return self._open(Sign.FAULTS, since, now)

    def hear_down(self, since: float, probe_at: float, now: float, reason: str) -> Opened | None:
        """Take another member's word that the server is down; ``None`` when it was open already.

        :param since: monotonic time of that member's decision; may be before this process began.
        :param probe_at: monotonic time from which a probe is due.
        """
        if self.down_since is not None:
            return None
        self.reason = reason
        self.probe_at = probe_at
        return self._open(Sign.HEARD_DOWN, since, now)

    def hear_up(self, now: float) -> Closed | None:
        """Take another member's word that the server answers; ``None`` when it was not open, or a drill is on."""
        if self.down_since is None or self.drilling(now):
            return None
        return self._close(now, Sign.HEARD_UP)

    def drilling(self, now: float) -> bool:
        """Whether a drill keeps it open, for the status."""
        return self.state is State.OPEN and now < self._drill_until
