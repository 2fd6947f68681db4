"""Claims about one breaker and one limit per customer's server for all members (R4, R6)."""

from __future__ import annotations

from itertools import pairwise

from shieldrelay.delivery.pace import Pace
from tests.assembly.fellows_case import FellowsCase, Member, State, View, down, taken


class BreakerTests(FellowsCase):
    """What one member finds out holds for all."""

    def fail_at(self, member: Member, times: int = 3) -> None:
        """Have a member meet faults."""
        member.hop.conduct = down
        for _ in range(times):
            member.offer()

    def test_one_members_faults_open_the_breaker_of_all(self) -> None:
        """Three faults at one member, and the others offer nothing any more; all ledgers have the same beginning."""
        one, two, three = members = self.members(3)
        self.run_for(5)
        self.fail_at(one)
        self.run_for(0.4)
        at = one.downtimes.lines[0][1]
        self.assertEqual([each.state for each in members], [State.OPEN] * 3)
        self.assertEqual([each.view for each in members], [View.DOWN] * 3)
        self.assertFalse(two.offer())
        self.assertEqual(two.hop.attempts, [])
        self.assertEqual([each.downtimes.lines for each in members], [[("down", at)]] * 3)
        self.assertIn("node0", three.lane.machines.breaker.reason)

    def test_one_member_probes_at_a_time_and_they_take_turns(self) -> None:
        """While a server is down one probe a minute goes out, whoever sends it, and each member has its turn."""
        members = self.members(3)
        for each in members:
            each.hop.conduct = down
            each.backlog = 5
        members[0].pump()
        self.run_for(60 * 12 + 30)
        probes = sorted(at for each in members for at in each.probes)
        gaps = [after - before for before, after in pairwise(probes)]
        self.assertGreater(min(gaps), 55.0)
        self.assertLess(max(gaps), 66.0)
        self.assertTrue(all(len(each.probes) >= 2 for each in members), [each.probes for each in members])

    def test_an_answered_probe_lets_all_ramp(self) -> None:
        """Who is answered tells the others; they ramp too, and their ledgers have the same end."""
        one, *_ = members = self.members(3)
        self.run_for(5)
        self.fail_at(one)
        self.run_for(30)
        for each in members:
            each.hop.conduct = taken
        self.run_for(45)
        self.assertEqual([each.downtimes.lines[-1] for each in members], [one.downtimes.lines[-1]] * 3)
        self.assertEqual(one.downtimes.lines[-1][0], "up")
        self.assertNotIn(State.OPEN, [each.state for each in members])
        self.assertEqual([each.view for each in members], [View.UP] * 3)

    def test_a_member_whose_own_way_is_broken_stops_nobody_else(self) -> None:
        """Others that are being answered doubt it, and say so; it alone keeps its breaker open, and probes alone."""
        broken, busy, idle = self.members(3)

        def traffic() -> None:
            busy.offer()

        self.run_for(5, traffic)
        self.fail_at(broken)
        self.run_for(600, traffic)
        self.assertEqual((busy.state, busy.view, busy.spooled), (State.CLOSED, View.UP, 0))
        self.assertEqual(busy.downtimes.lines, [])
        self.assertIs(idle.state, State.CLOSED)
        self.assertEqual([kind for kind, _ in idle.downtimes.lines], ["down", "up"])
        self.assertLess(idle.downtimes.lines[1][1] - idle.downtimes.lines[0][1], 1.0)
        self.assertEqual((broken.state, broken.view), (State.OPEN, View.OWN))
        self.assertEqual(broken.told, ["open", "open here"])
        self.assertEqual(busy.told, ["doubted"])
        self.assertGreaterEqual(len(broken.probes), 8)
        broken.hop.conduct = taken
        self.run_for(120, traffic)
        self.assertEqual((broken.state, broken.view, broken.backlog), (State.RAMPING, View.UP, 0))
        self.assertEqual((busy.told, busy.spooled), (["doubted"], 0))

    def test_a_doubt_ends_with_the_first_fault(self) -> None:
        """A member that was just answered goes on; its next fault is enough, for two have met it then."""
        one, two = self.members(2)
        two.offer()
        self.fail_at(one)
        self.run_for(0.3)
        self.assertEqual((two.state, two.view), (State.CLOSED, View.DOUBT))
        self.fail_at(two, 1)
        self.assertEqual((two.state, two.view), (State.OPEN, View.DOWN))

    def test_a_doubt_without_a_result_ends_after_a_while(self) -> None:
        """Without mail of its own a member takes the word after five seconds; its ledger has the true beginning."""
        one, two = self.members(2)
        two.offer()
        self.fail_at(one)
        self.run_for(4.5)
        self.assertIs(two.state, State.CLOSED)
        self.run_for(1)
        self.assertIs(two.state, State.OPEN)
        self.assertEqual(two.downtimes.lines, one.downtimes.lines)

    def test_who_comes_later_hears_of_an_outage_that_lasts(self) -> None:
        """A new member begins with the breaker open, and its ledger has the true beginning."""
        one, _two = self.members(2)
        self.run_for(5)
        self.fail_at(one)
        self.run_for(20)
        late = self.member("late")
        self.run_for(0.3)
        self.assertIs(late.state, State.OPEN)
        self.assertEqual(late.downtimes.lines, one.downtimes.lines)

    def test_while_the_hub_is_away_each_probes_for_itself(self) -> None:
        """Cut off, a member sends its own probes, and closes its own breaker; what it found is told afterwards."""
        one, two = self.members(2)
        self.run_for(5)
        self.fail_at(one)
        self.run_for(5)
        for each in (one, two):
            each.wire.cut = True
            each.backlog = 1
            each.hop.conduct = down
        self.run_for(130)
        self.assertGreaterEqual(min(len(one.probes), len(two.probes)), 1)
        two.hop.conduct = taken
        self.run_for(70)
        self.assertEqual((one.state, two.state), (State.OPEN, State.RAMPING))
        one.wire.cut = two.wire.cut = False
        one.hop.conduct = taken
        self.run_for(3)
        self.assertNotEqual(one.state, State.OPEN)

    def test_a_drill_is_everybodys(self) -> None:
        """An operator's drill at one member opens all breakers until its end, busy ones too."""
        one, two = members = self.members(2)
        two.offer()
        one.lane.drill(120)
        self.run_for(0.3)
        self.assertEqual([each.state for each in members], [State.OPEN] * 2)
        self.run_for(110)
        self.assertTrue(all(each.lane.machines.breaker.drilling(self.clock.seconds()) for each in members))
        one.lane.drill(0)
        self.run_for(1.5)
        self.assertFalse(any(each.lane.machines.breaker.drilling(self.clock.seconds()) for each in members))
        two.offer()
        self.run_for(5)
        self.assertNotIn(State.OPEN, [each.state for each in members])

    def test_an_operator_may_probe_from_any_member(self) -> None:
        """`probe now` does not wait for the right to probe."""
        one, two = self.members(2)
        self.run_for(5)
        self.fail_at(one)
        self.run_for(2)
        two.backlog = 1
        one.hop.conduct = taken
        two.lane.probe_now()
        self.run_for(0.5)
        self.assertEqual(len(two.probes), 1)
        self.assertNotIn(State.OPEN, [one.state, two.state])


class LimitTests(FellowsCase):
    """All members together keep to what the server bears."""

    def test_the_declared_connections_hold_for_all_together(self) -> None:
        """Three members with floods have the declared number together, evenly."""
        members = self.members(3, connections=20)
        for each in members:
            each.hop.conduct = None
            each.backlog = 1000
            each.pump()
        most = 0

        def look() -> None:
            nonlocal most
            most = max(most, sum(each.hop.connections for each in members))
            for each in members:
                if each.hop.held:
                    each.hop.answer()

        self.run_for(20, look)
        self.assertEqual(most, 20)
        self.assertEqual(sorted(each.lane.limit for each in members), [6, 7, 7])

    def test_one_busy_member_has_nearly_all(self) -> None:
        """What the others do not want is the busy one's; each of them keeps a little for its next message."""
        one, two, three = self.members(3, connections=20)
        two.offer()
        three.offer()
        self.run_for(12)
        one.hop.conduct = None
        one.backlog = 1000
        one.pump()
        self.run_for(2)
        self.assertEqual((one.lane.limit, len(one.hop.held)), (16, 16))
        self.assertTrue(two.offer())
        self.assertEqual((len(two.results), two.spooled), (2, 0))

    def test_the_next_message_of_a_quiet_domain_finds_its_connection(self) -> None:
        """With a message every four minutes only the first one waits; after a longer pause one waits for a tick."""
        one, two = self.members(2)
        at_once = []
        for _ in range(6):
            before = len(one.results)
            one.offer()
            at_once.append(len(one.results) > before)
            self.run_for(240)
        self.assertEqual(at_once, [False, *[True] * 5])
        self.run_for(100)
        one.offer()
        self.assertEqual(len(one.results), 6)
        self.run_for(0.15)
        self.assertEqual((len(one.results), one.spooled, two.results), (7, 0, []))

    def test_where_there_is_one_connection_members_take_turns(self) -> None:
        """With fewer connections than members everybody's mail is delivered in turn, one at a time."""
        members = self.members(3, connections=1)
        for each in members:
            each.hop.conduct = None
            each.backlog = 200
            each.pump()
        most = 0
        answered = {each.name: 0 for each in members}

        def look() -> None:
            nonlocal most
            most = max(most, sum(each.hop.connections for each in members))
            for each in members:
                if each.hop.held:
                    each.hop.answer()
                    answered[each.name] += 1

        self.run_for(60, look)
        self.assertEqual(most, 1)
        self.assertGreater(min(answered.values()), 100)

    def test_who_knows_the_server_to_bear_less_is_not_left_without(self) -> None:
        """A member that the server told to slow down has its turn among others that keep a little, or are busy."""
        one, two, three = self.members(3, connections=20)
        for others_are_busy in (False, True):
            two.offer()
            three.offer()
            self.run_for(12)
            one.lane.machines.ramp.limit = 2
            one.backlog = 10
            one.pump()
            self.run_for(20, lambda busy=others_are_busy: busy and (two.offer(), three.offer()))  # type: ignore[misc]
            self.assertEqual(one.backlog, 0)

    def test_a_killed_members_part_is_back_within_the_minute(self) -> None:
        """What a killed member held is the others' once it counts as gone."""
        one, two = self.members(2)
        for each in (one, two):
            each.hop.conduct = None
            each.backlog = 1000
            each.pump()

        def look() -> None:
            for each in (one, two):
                if each.hop.held:
                    each.hop.answer()

        self.run_for(5, look)
        self.assertEqual(two.lane.limit, 10)
        one.kill()
        self.run_for(33)
        self.assertEqual(two.lane.limit, 20)

    def test_cut_off_each_has_its_part_by_the_members_last_known(self) -> None:
        """While the hub is away nobody takes more than an even part (R30)."""
        one, two = members = self.members(2)
        one.hop.conduct = None
        one.backlog = 1000
        one.pump()
        self.run_for(2)
        self.assertEqual(one.lane.limit, 20)
        one.wire.cut = two.wire.cut = True
        self.run_for(10)
        self.assertEqual([each.lane.limit for each in members], [10, 0])
        two.backlog = 1
        two.pump()
        self.assertEqual((two.lane.limit, two.backlog), (10, 0))

    def test_idle_connections_are_given_back(self) -> None:
        """Idle connections count as held; when others want them they are closed, longest idle first."""
        one, two = self.members(2, connections=10)
        one.hop.conduct = None
        one.backlog = 10
        one.pump()
        self.run_for(2)
        one.hop.idle = 9
        while one.hop.held:
            one.hop.answer()
        one.hop.idle = 10
        self.run_for(1)
        two.hop.conduct = None
        two.backlog = 100
        two.pump()
        most = 0

        def look() -> None:
            nonlocal most
            most = max(most, one.hop.connections + two.hop.connections)

        self.run_for(20, look)
        self.assertLessEqual(most, 10)
        self.assertLessEqual(one.hop.idle, 2)
        self.assertGreaterEqual(len(two.hop.held), 8)

    def test_all_ramp_together(self) -> None:
        """After an outage the sum of connections goes up as one member's would: a round is everybody's."""
        members = self.members(3, connections=20)
        self.run_for(5)
        members[0].hop.conduct = down
        for _ in range(3):
            members[0].offer()
        self.run_for(5)
        for each in members:
            each.hop.conduct = None
            each.backlog = 500
        sums: list[int] = []

        def look() -> None:
            total = sum(each.hop.connections for each in members)
            if total not in sums:
                sums.append(total)
            for each in members:
                while each.hop.held:
                    each.hop.answer()

        self.run_for(90, look)
        self.assertTrue(all(each.lane.machines.ramp.complete for each in members))
        self.assertEqual([each.state for each in members], [State.CLOSED] * 3)
        self.assertLessEqual(max(sums), 20)
        self.assertEqual(sums[:2], [0, 1])

    def test_a_declared_rate_holds_for_all_together(self) -> None:
        """600 messages a minute of three members in a flood: no minute has more, but for two messages each (R4)."""
        members = self.members(3, pace=lambda: Pace(20, messages_per_minute=600.0))
        starts: list[float] = []
        for each in members:
            each.backlog = 10_000

        def look() -> None:
            before = sum(len(each.hop.attempts) for each in members)
            for each in members:
                each.pump()
            starts.extend([self.clock.seconds()] * (sum(len(each.hop.attempts) for each in members) - before))

        self.run_for(90, look)
        last = [at for at in starts if at > 30.0]
        self.assertLessEqual(len(last), 616)
        self.assertGreaterEqual(len(last), 560)
        first = [at for at in starts if at <= 31.0]
        self.assertLessEqual(len(first), 330)

    def test_one_busy_member_has_the_rate(self) -> None:
        """What the others do not use of the rate is the busy one's, but for a hundredth each."""
        one, two, three = self.members(3, pace=lambda: Pace(20, messages_per_minute=600.0))
        two.offer()
        three.offer()
        one.backlog = 10_000
        self.run_for(60, one.pump)
        self.assertGreaterEqual(len(one.hop.attempts), 560)
