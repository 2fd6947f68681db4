"""The way to one domain's next hops: whether, when and how many attempts may run (R1, R4, R5, R6).

Binds the machines of this room, breaker, ramp, pace, guard, route and slots, and lets attempts through: those of new
mail while its client waits, and those of the backlog. Every result of an attempt passes through here once, is told to
the journal, and goes on to who asked. What follows from the server's state is `delivery.watch`'s; where other members
share the server, `delivery.allotment` says how much of it is ours. Knows no spool and no reply to a client. An attempt
cannot fail; a bug in it comes out as a failed Deferred, its slot returned.

Called by `delivery.acceptance` (`offer`) and `delivery.queue` (the rest); owned by the assembly, one per domain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from shieldrelay.delivery.allotment import Allotment
from shieldrelay.delivery.attempt_line import tell
from shieldrelay.delivery.breaker import State
from shieldrelay.delivery.drain import Drain
from shieldrelay.delivery.fellows import Fellows
from shieldrelay.delivery.line import Line
from shieldrelay.delivery.machines import BacklogDue, Machines, Outages, nothing_due
from shieldrelay.delivery.servers import Servers
from shieldrelay.delivery.slots import Slots, Use
from shieldrelay.delivery.testimony import Nobody, testify
from shieldrelay.delivery.watch import Watch
from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import AttemptResult
from shieldrelay.ports import Attempt, Clock, Journal, NextHop, Witness

__all__ = ["AHEAD", "Lane", "Machines", "Outages"]

AHEAD = 2
"""Messages of the backlog, of each precedence, that are at hand for each slot, those in the slots included."""
AHEAD_MOST = 64
"""And beyond the free slots no more than so many: each may be `BLOCK_OCTETS` of memory."""
UNASKED_SECONDS = 0.4
"""By so much longer does new mail wait where we have no part of the server's connections yet: exchanges take time."""


class Lane:
    """The way to one domain's next hops.

    :param hops: in the order in which the route numbers them.
    :param slot_wait: seconds for which new mail waits for a slot.
    :ivar backlog_due: says whether the backlog has mail that is due; the queue sets it.
    :ivar changed: called when a slot or the breaker changed; the queue sets it.
    :ivar watch: over the server's state.
    :ivar drain: how fast the backlog shrinks.
    :ivar witness: is told what attempts say of recipients; the assembly sets it.
    """

    def __init__(
        self,
        domain: str,
        hops: Sequence[NextHop],
        machines: Machines,
        outages: Outages,
        *,
        slot_wait: float,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.domain = domain
        self.hops = tuple(hops)
        self.machines = machines
        self.slots = Slots()
        self.drain = Drain()
        self.backlog_due: BacklogDue = nothing_due
        self.changed: Callable[[], object] = bool
        self.witness: Witness = Nobody()
        self._clock = clock
        self._journal = journal
        self._servers = Servers(self.hops, machines.route, clock)
        self._line = Line(clock, slot_wait)
        self._serving = False
        self._stopped = False
        self._allotment: Allotment | None = None
        self._handed_over = False
        self.watch = Watch(domain, machines, outages, self._line.disperse, clock, journal)
        self.watch.changed = self._changed

    @property
    def answered(self) -> bool:
        """Whether a next hop has answered since the lane was made."""
        return self.watch.answered

    @property
    def since(self) -> float:
        """When the breaker changed last, on the reactor's clock."""
        return self.watch.since

    @property
    def limit(self) -> int:
        """Attempts that may run at once here: what the ramp gives, and of that our part."""
        if self._allotment is None:
            return self.machines.ramp.limit
        return min(self.machines.ramp.limit, self._allotment.units)

    # new mail

    def offer(self, attempt: Attempt) -> Deferred[AttemptResult] | None:
        """Try a new message now, or within the slot wait; ``None`` when it is to be spooled instead.

        Cancelling the Deferred gives the attempt up, unless the final dot is written.
        """
        if self._stopped:
            return None
        if not self.machines.breaker.passes:
            return self._offer_probe(attempt)
        precedence = self._precedence(attempt)
        if self._take_slot(Use.INLINE, precedence):
            if self._pace_allows(attempt, precedence):
                return self._run(attempt, Use.INLINE)
            self._return_slot(Use.INLINE)
            return None
        if self._allotment is not None:
            return self._offer_later(attempt, self._allotment)
        ramp = self.machines.ramp
        if ramp.complete and self._line.waiting(attempt.message.precedence) < ramp.limit:
            return self._line.join(attempt)
        return None

    def _offer_later(self, attempt: Attempt, allotment: Allotment) -> Deferred[AttemptResult] | None:
        """Let it wait for a slot; where none is ours yet, for as long as asking may take."""
        ramp, waiter = self.machines.ramp, None
        if ramp.complete and self._line.waiting(attempt.message.precedence) < ramp.limit:
            waiter = self._line.join(attempt, 0.0 if allotment.units else UNASKED_SECONDS)
        allotment.needed()
        return waiter

    def _offer_probe(self, attempt: Attempt) -> Deferred[AttemptResult] | None:
        """Let a new message be the probe when the backlog has none to offer."""
        if self.backlog_due() or not self.probe_wanted():
            return None
        return self.begin(attempt, probe=True)

    def _serve_line(self) -> None:
        """Give free slots to who waits in line: a loop, for an attempt that ends at once comes here again."""
        if self._serving:
            return
        self._serving = True
        try:
            while len(self._line) and self.machines.breaker.passes:
                precedence = self._precedence(self._line.first())
                if not self._take_slot(Use.INLINE, precedence):
                    return
                waiter = self._line.next()
                if self._pace_allows(waiter.attempt, precedence):
                    waiter.run(self._run(waiter.attempt, Use.INLINE))
                else:
                    self._return_slot(Use.INLINE)
                    waiter.give_up("the pace allows no more now")
        finally:
            self._serving = False

    # the backlog

    def backlog_room(self) -> int:
        """How many more messages of the backlog may start now; 0 while the breaker is open."""
        if not self.machines.breaker.passes:
            return 0
        room = max(0, self.limit - self.slots.used)
        if not room and self._allotment is not None:
            self._allotment.needed()
        return room

    def backlog_ahead(self) -> int:
        """How many messages of each precedence are worth having at hand, read; 0 while the breaker is open."""
        if not self.machines.breaker.passes:
            return 0
        limit, used = self.limit, self.slots.used
        return max(0, min(AHEAD * limit - used, limit - used + AHEAD_MOST))

    @property
    def known_good_first(self) -> bool:
        """Whether known-good mail goes before other mail that waits too (R4)."""
        return self.machines.turns.known_good_first

    def probe_wanted(self) -> bool:
        """Whether the breaker wants a probe now, and none is under way."""
        return self.watch.probe_wanted()

    def may_probe(self, id: str) -> bool:
        """Whether this message may be the probe (R6)."""
        return self.machines.breaker.probes.may_probe(id)

    def earliest(self, size: int, precedence: Precedence = Precedence.ORDINARY) -> float:
        """When the pace lets a message of this size start, on the reactor's clock."""
        return self.machines.pace.earliest(size, self._clock.seconds(), self._granted(precedence))

    def begin(self, attempt: Attempt, *, probe: bool) -> Deferred[AttemptResult] | None:
        """Start an attempt of the backlog; ``None`` when it may not start now after all."""
        if probe:
            if not self.watch.begin_probe():
                return None
            self.slots.backlog += 1
            return self._run(attempt, Use.BACKLOG, probe=True)
        precedence = self._precedence(attempt)
        if not self._take_slot(Use.BACKLOG, precedence):
            return None
        if not self._pace_allows(attempt, precedence):
            self._return_slot(Use.BACKLOG)
            return None
        return self._run(attempt, Use.BACKLOG)

    # what the operator and the assembly call

    def join(self, fellows: Fellows, before: Lane | None = None) -> None:
        """Share the server with the lanes of other members from now on.

        :param before: a lane of this domain to other servers, which told the others what it knew until now.
        """
        if before is not None:
            before.watch.abandon()
        earlier = None if before is None else before._allotment
        self._allotment = Allotment(fellows, self.hops, self.slots, self.machines.pace, self, self._clock, earlier)
        self.watch.join(fellows)

    @property
    def joined(self) -> bool:
        """Whether others share the server."""
        return self._allotment is not None

    @property
    def claimants(self) -> int:
        """How many members want connections to the server, this one included; 0 where nobody shares it."""
        return 0 if self._allotment is None else self._allotment.fellows.connections.claimants

    def drill(self, seconds: float) -> None:
        """Treat the next hops as down for so long; 0 ends a drill."""
        self.watch.drill(seconds)

    def probe_now(self) -> None:
        """Let the next probe go out at once, unless a drill is on."""
        self.watch.probe_now()

    def go_on_from(self, before: Lane) -> None:
        """Share what another lane to the same next hops has learned, and its slots; it is stopped by its owner."""
        self.machines = before.machines
        self._servers = Servers(self.hops, self.machines.route, self._clock)
        self.slots = before.slots
        self.drain = before.drain
        self.watch = before.watch
        self.watch.take_over(self._line.disperse, self._changed)
        self._allotment = before._allotment
        if self._allotment is not None:
            self._allotment.serve(self, self.hops)
        before._handed_over = True

    def resume_outage(self, seconds_ago: float) -> None:
        """Begin with the breaker open, because an outage was under way when the node stopped."""
        self.watch.resume_outage(seconds_ago)

    def stop(self) -> None:
        """Take no new mail any more: it goes to the spool, for the lane that comes after this one."""
        self._stopped = True
        self._line.disperse("the lane is closed")
        if self._handed_over:
            return
        self.watch.stop()
        if self._allotment is not None:
            self._allotment.leave()

    # what the allotment asks

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot, as far as the server may be asked at all."""
        if not self.machines.breaker.passes:
            return 0
        if not self.backlog_due():
            return len(self._line)
        return min(self.machines.ramp.limit, max(1, self.watch.waits() - self.slots.backlog) + len(self._line))

    @property
    def most(self) -> int:
        """How many connections all members may have: a ramp that is ours alone binds nobody else."""
        ramp = self.machines.ramp
        return ramp.cap if self.watch.hearsay.alone else ramp.limit

    @property
    def ramping(self) -> bool:
        """Whether the server recovers."""
        return self.machines.breaker.state is State.RAMPING

    def look(self) -> None:
        """Hear how far the others have ramped."""
        self.watch.count_others()

    def have_room(self) -> None:
        """Use what there is more now."""
        self._serve_line()
        self.changed()

    def _changed(self) -> None:
        self.changed()

    # running

    def _precedence(self, attempt: Attempt) -> Precedence:
        return self._granted(attempt.message.precedence)

    def _granted(self, precedence: Precedence) -> Precedence:
        """Give the precedence that counts now: known-good mail that had its lead is like any other."""
        if precedence is Precedence.ORDINARY or self.machines.turns.known_good_first:
            return precedence
        return Precedence.ORDINARY if self.backlog_due(Precedence.ORDINARY) else precedence

    def _take_slot(self, use: Use, precedence: Precedence) -> bool:
        waits = use is Use.INLINE and self.backlog_due()
        taken = self.slots.take(use, self.limit, backlog_waits=waits, precedence=precedence)
        if taken and self._allotment is not None:
            self._allotment.used()
        return taken

    def _return_slot(self, use: Use) -> None:
        self.slots.give_back(use)

    def _pace_allows(self, attempt: Attempt, precedence: Precedence) -> bool:
        """Take what it costs, and note the turn: it starts then."""
        if not self.machines.pace.may_start(attempt.content.size, self._clock.seconds(), precedence):
            if self._allotment is not None:
                self._allotment.paced()
            return False
        own = attempt.message.precedence
        waits = own is Precedence.KNOWN_GOOD and self.backlog_due(Precedence.ORDINARY)
        self.machines.turns.started(own, others_wait=waits)
        return True

    def _run(self, attempt: Attempt, use: Use, *, probe: bool = False) -> Deferred[AttemptResult]:
        """Run an attempt that has its slot along the route."""
        began = self._clock.seconds()
        return self._servers.attempt(attempt, began).addCallbacks(
            self._have_run,
            self._crashed,
            callbackArgs=(attempt, use, probe, began),
            errbackArgs=(attempt, use, probe),
        )

    def _have_run(self, result: AttemptResult, attempt: Attempt, use: Use, probe: bool, began: float) -> AttemptResult:
        """Tell the machines and the journal what an attempt came to, and free its slot."""
        now = self._clock.seconds()
        self.slots.give_back(use)
        self.watch.judged(attempt.message.id, result, probe, now)
        judged = self._guarded(attempt, result, now)
        name = "probe" if probe else use.value
        waits = tell(self._journal, self.domain, attempt, judged, name, now - began)
        if use is Use.BACKLOG and not waits:
            self.drain.done(now)
        testify(self.witness, attempt, judged.outcomes)
        self._serve_line()
        self.changed()
        return judged

    def _crashed(self, failure: Failure, attempt: Attempt, use: Use, probe: bool) -> Failure:
        """Return the slot of an attempt that ended in a bug; who asked for it hears of the bug and tells it."""
        self.slots.give_back(use)
        self.watch.crashed(attempt.message.id, probe)
        self._serve_line()
        self.changed()
        return failure

    def _guarded(self, attempt: Attempt, result: AttemptResult, now: float) -> AttemptResult:
        """Let the bounce guard doubt refusals (R5)."""
        guard = self.machines.guard
        if guard is None:
            return result
        message = attempt.message
        outcomes, change = guard.judge(message.id, str(message.envelope.reverse_path), result.outcomes, now)
        if change is not None:
            self._journal.event(
                "bounce_guard",
                domain=self.domain,
                before=change.before.value,
                state=change.after.value,
                alarm=change.alarming,
                reason=change.reason,
            )
        return result if outcomes is result.outcomes else evolve(result, outcomes=tuple(outcomes))
