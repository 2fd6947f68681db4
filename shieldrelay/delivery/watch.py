"""The watch over one domain's server: its breaker, what follows from it, and what the other members say (R6, R7, R30).

Takes every result, tells it to breaker, ramp and `hearsay`, and does what they say: writes the ledger and the journal,
wakes the queue when a probe is due, tells the other members and obeys them. A node that is alone has no fellows and
decides by its breaker only. With fellows one member probes at a time: who has the right keeps it for one interval, then
lets the next one try, who may have a better way to the server. Owned by `delivery.lane`. Cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from shieldrelay.delivery.breaker import Closed, Opened, Ramped, State, Transition
from shieldrelay.delivery.fellows import Fellows
from shieldrelay.delivery.hearsay import DOUBT_SECONDS, Act, Hearsay, View
from shieldrelay.delivery.machines import Machines, Outages
from shieldrelay.mail.outcome import AttemptResult, ServerHealth
from shieldrelay.ports import Clock, Journal

REST_SECONDS = 1.0
"""How long who let go of the right to probe leaves it to others before it asks again."""


class Watch:
    """The watch over one domain's server.

    :param disperse: sends away, with a reason, who waits for a slot.
    :ivar changed: called when a probe is due or the breaker changed; the lane sets it.
    :ivar waits: how many messages the backlog has, about; the assembly sets it.
    :ivar answered: whether a next hop has answered since the lane was made.
    :ivar since: when the breaker changed last, on the reactor's clock.
    """

    def __init__(
        self,
        domain: str,
        machines: Machines,
        outages: Outages,
        disperse: Callable[[str], object],
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.machines = machines
        self.hearsay = Hearsay()
        self.changed: Callable[[], object] = bool
        self.waits: Callable[[], int] = lambda: 1
        self.answered = False
        self.since = clock.seconds()
        self._domain = domain
        self._outages = outages
        self._disperse = disperse
        self._clock = clock
        self._journal = journal
        self._fellows: Fellows | None = None
        self._alarm: IDelayedCall | None = None
        self._doubt: IDelayedCall | None = None
        self._heard = ""
        self._heard_since = 0.0
        self._ordered = False
        self._had_turn = False
        self._stopped = False

    def join(self, fellows: Fellows) -> None:
        """Share what is found out with other members from now on."""
        self._fellows = fellows
        fellows.probe.changed = self._probe_granted

    def take_over(self, disperse: Callable[[str], object], changed: Callable[[], object]) -> None:
        """Serve another lane to the same servers from now on."""
        self._disperse = disperse
        self.changed = changed
        self._set_alarm()

    def abandon(self) -> None:
        """Tell and hear nothing any more: another watch over this domain has taken our place."""
        self._fellows = None
        self.stop()

    def stop(self) -> None:
        """Wait for nothing any more, and leave the probe to others."""
        if self._fellows is not None:
            self._fellows.probe.ask(0, 1, 0)
            self._fellows = None
        for alarm in (self._alarm, self._doubt):
            if alarm is not None and alarm.active():
                alarm.cancel()
        self._alarm = self._doubt = None
        self._stopped = True

    # results

    def judged(self, id: str, result: AttemptResult, probe: bool, now: float) -> None:
        """Take note of an attempt."""
        breaker, ramp, health = self.machines.breaker, self.machines.ramp, result.health
        if probe and breaker.state is State.PROBING:
            self._follow(breaker.probed(id, health, now, result.reason))
        else:
            self._follow(breaker.judged(health, now, result.reason))
            if self._fellows is not None:
                self._weigh(health, now)
        if health is ServerHealth.ANSWERED:
            self.answered = True
            if not ramp.complete:
                self._succeeded(now)
        elif health.is_fault and breaker.passes:
            ramp.complained(now)
        if not breaker.passes:
            self._set_alarm()

    def crashed(self, id: str, probe: bool) -> None:
        """Take note of an attempt that ended in a bug of ours: it says nothing of the server."""
        if probe:
            self.machines.breaker.probed(id, ServerHealth.UNTRIED, self._clock.seconds())
        self._set_alarm()

    def _weigh(self, health: ServerHealth, now: float) -> None:
        """See what a result of ours says of others' words."""
        act = Act.NOTHING
        if health is ServerHealth.ANSWERED:
            act = self.hearsay.answered(now)
        elif health.is_fault:
            act = self.hearsay.faulted()
        if act is not Act.NOTHING:
            self._do(act)

    def _succeeded(self, now: float) -> None:
        if self._fellows is not None and not self.hearsay.alone:
            self._fellows.voice.succeeded()
        if self.machines.ramp.success():
            self._follow(self.machines.breaker.ramped(now))

    def count_others(self) -> None:
        """Let the others' successes count for our ramp; called now and then."""
        ramp = self.machines.ramp
        if self._fellows is None or ramp.complete or self.hearsay.alone:
            return
        if ramp.others_had(self._fellows.voice.others_succeeded()):
            self._follow(self.machines.breaker.ramped(self._clock.seconds()))

    # the probe

    def probe_wanted(self) -> bool:
        """Whether the breaker wants a probe now, none is under way, and it is ours to send."""
        if not self.machines.breaker.probe_due(self._clock.seconds()):
            return False
        fellows = self._fellows
        if fellows is None or self._ordered or self.hearsay.view is View.OWN or fellows.probe.units > 0:
            return True
        fellows.probe.ask(1, 1, 0)
        return fellows.probe.units > 0

    def begin_probe(self) -> bool:
        """Begin the probe; false when none is wanted."""
        if not self.probe_wanted() or not self.machines.breaker.begin_probe(self._clock.seconds()):
            return False
        self._ordered = False
        self._had_turn = True
        return True

    def probe_now(self) -> None:
        """Let the next probe go out at once, from here, unless a drill is on: an operator says so."""
        breaker, now = self.machines.breaker, self._clock.seconds()
        if not breaker.passes and not breaker.drilling(now):
            breaker.probe_at = min(breaker.probe_at, now)
            self._ordered = True
            self._set_alarm()

    def _set_alarm(self, least: float = 0.0) -> None:
        """Have the queue look when the next probe is due."""
        breaker = self.machines.breaker
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        if breaker.passes or self._stopped:
            return
        wait = max(least, breaker.probe_at - self._clock.seconds())
        self._alarm = self._clock.callLater(wait, self._probe_time)

    def _probe_time(self) -> None:
        """Probe, unless others are to have their turn, or there is nothing to probe with."""
        self._alarm = None
        fellows = self._fellows
        if fellows is not None and self.hearsay.view is not View.OWN and not self._ordered:
            turn_over = self._had_turn and fellows.probe.claimants > 1
            if turn_over or not self.waits():
                self._had_turn = False
                fellows.probe.ask(0, 1, 0)
                if turn_over:
                    self._set_alarm(REST_SECONDS)
                return
        self.changed()

    def _probe_granted(self) -> None:
        """Probe; with nothing left to probe with, leave it to others."""
        if self._fellows is None or not self._fellows.probe.units or self.machines.breaker.passes:
            return
        if self.waits():
            self.changed()
        else:
            self._fellows.probe.ask(0, 1, 0)

    def _let_go(self) -> None:
        """The outage is over: nobody needs to probe."""
        self._had_turn = self._ordered = False
        if self._fellows is not None:
            self._fellows.probe.ask(0, 1, 0)

    # what the operator and the assembly say

    def drill(self, seconds: float) -> None:
        """Treat the server as down for so long, on all members; 0 ends a drill."""
        now = self._clock.seconds()
        if self._drilled(seconds, now) and self._fellows is not None:
            self._fellows.voice.down("drill", seconds)

    def _drilled(self, seconds: float, now: float) -> bool:
        breaker = self.machines.breaker
        if breaker.down_since is None and seconds <= 0:
            return False
        self.hearsay.began_down()
        self._follow(breaker.drill(now + seconds, now), word=False)
        self._set_alarm()
        return True

    def resume_outage(self, seconds_ago: float) -> None:
        """Begin with the breaker open, because an outage was under way when the node stopped."""
        now = self._clock.seconds()
        self.hearsay.began_down()
        self._follow(self.machines.breaker.resume(now - seconds_ago, now), noted=False, word=False)

    # what other members say

    def hear_down(self, seconds_ago: float, reason: str, by: str, drill: float | None = None) -> None:
        """Hear that a member found the server down.

        :param seconds_ago: when.
        :param by: the member.
        :param drill: seconds that a drill lasts from now.
        """
        now = self._clock.seconds()
        self._heard = f"{reason} (heard from {by})"
        self._heard_since = now - seconds_ago
        if drill is not None:
            self._drilled(drill, now)
        else:
            self._do(self.hearsay.said_down(now))

    def hear_up(self, seconds_ago: float, by: str) -> None:
        """Hear that a member's probe was answered, as above."""
        now = self._clock.seconds()
        if self.machines.breaker.drilling(now):
            return
        self._heard = f"heard from {by}"
        self._do(self.hearsay.said_up(now), seconds_ago)

    def hear_contradiction(self, seconds_ago: float, by: str) -> None:
        """Hear that a member was answered all the time, as above."""
        now = self._clock.seconds()
        if not self.machines.breaker.drilling(now):
            self._heard = f"contradicted by {by}"
            self._do(self.hearsay.contradicted(now), seconds_ago)

    def _do(self, act: Act, seconds_ago: float = 0.0) -> None:
        """Do what hearsay says, of others' words and of our results that bear on them."""
        breaker, now = self.machines.breaker, self._clock.seconds()
        match act:
            case Act.CONTRADICT if self._fellows is not None:
                self._doubt_ends()
                self._fellows.voice.contradict()
            case Act.OPEN:
                self._doubt_ends()
                since = self._heard_since  # a doubt may have lasted meanwhile
                self._follow(breaker.hear_down(since, since + breaker.interval, now, self._heard), word=False)
                self._set_alarm()
            case Act.RAMP:
                self._follow(breaker.hear_up(now), word=False, seconds_ago=seconds_ago, reason=self._heard)
            case Act.PROBE:
                self._journal.event("breaker", domain=self._domain, state="open here", reason=self._heard)
                breaker.probe_soon(now)
                self._set_alarm()
            case Act.RESUME:
                self._never_mind(now, seconds_ago)
            case _ if self.hearsay.view is View.DOUBT:
                self._doubt_begins(self._heard)
            case _:
                self._doubt_ends()
        self.changed()

    def _never_mind(self, now: float, seconds_ago: float) -> None:
        """Go on as before: who said that it is down was contradicted."""
        closed = self.machines.breaker.hear_up(now)
        self._follow(closed, word=False, seconds_ago=seconds_ago, reason=self._heard, ramp=False)
        if self.machines.ramp.complete:
            self._follow(self.machines.breaker.ramped(now))

    def _doubt_begins(self, reason: str) -> None:
        if self._doubt is None:
            self._journal.event("breaker", domain=self._domain, state="doubted", reason=reason)
            self._doubt = self._clock.callLater(DOUBT_SECONDS, self._doubt_over)

    def _doubt_ends(self) -> None:
        if self._doubt is not None:
            if self._doubt.active():
                self._doubt.cancel()
            self._doubt = None

    def _doubt_over(self) -> None:
        self._doubt = None
        self._do(self.hearsay.time())

    # what follows

    def _follow(
        self,
        transition: Transition | None,
        *,
        noted: bool = True,
        word: bool = True,
        seconds_ago: float = 0.0,
        reason: str = "",
        ramp: bool = True,
    ) -> None:
        """Journal a change of the breaker, write it into the ledger, ramp, and tell the others.

        :param noted: whether the ledger is to have it; it has what lasted over a restart.
        :param word: whether it is our own finding, of which the others are told.
        :param seconds_ago: when it happened, if others said so.
        """
        if transition is None:
            return
        self.since = transition.at
        match transition:
            case Opened(since, at, why):
                if noted:
                    self._outages.down(self._domain, at - since)
                if word and self.hearsay.opened(at) is Act.TELL_DOWN and self._fellows is not None:
                    self._fellows.voice.down(why)
                state = "open here" if self.hearsay.view is View.OWN else "open"
                self._journal.event("breaker", domain=self._domain, state=state, reason=why)
                self._disperse("the next hop is down")
            case Closed(since, at):
                self._outages.up(self._domain, seconds_ago)
                if word:
                    told = self.hearsay.probe_answered(at) is Act.TELL_UP
                    if told and self._fellows is not None:
                        self._fellows.voice.up()
                if ramp:
                    self.machines.ramp.restart()
                    if self._fellows is not None and not self.hearsay.alone:
                        self._fellows.voice.ramp_begins()
                    self._watch_refusals(at)
                self._let_go()
                self._journal.event(
                    "breaker",
                    domain=self._domain,
                    state="ramping",
                    down_seconds=round(at - since, 1),
                    reason=reason or None,
                )
            case Ramped():
                self.hearsay.ramped()
                self._journal.event("breaker", domain=self._domain, state="closed")

    def _watch_refusals(self, now: float) -> None:
        if self.machines.guard is not None:
            self.machines.guard.outage_over(now)
