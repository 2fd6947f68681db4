"""The order of next hops: shares, fallback, and hosts that sit out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.delivery.route import SIT_OUT_SECONDS, Route
from shieldrelay.mail.outcome import ServerHealth

FAULT, ANSWERED = ServerHealth.FAULT, ServerHealth.ANSWERED


class RouteTests(SynchronousTestCase):
    def test_one_host_is_always_the_candidate(self) -> None:
        """The only host is offered even while it faults: whether to try is the breaker's question."""
        route = Route((1,))
        route.report(0, FAULT, 0.0)
        self.assertEqual(route.candidates(1.0), (0,))
        self.assertEqual(route.sitting_out(), (0,))

    def test_a_group_shares_and_the_next_group_backs_it_up(self) -> None:
        """With ``[[a, b], c]`` a and b take turns, each the other's fallback, and c is last."""
        route = Route((2, 1))
        self.assertEqual([route.candidates(0.0) for _ in range(3)], [(0, 1, 2), (1, 0, 2), (0, 1, 2)])

    def test_a_faulty_host_is_tried_last_for_a_minute(self) -> None:
        """Within a minute of its fault a host comes after everything else, the backup included."""
        route = Route((2, 1))
        route.report(0, FAULT, 10.0)
        for _ in range(4):
            self.assertEqual(route.candidates(10.0 + SIT_OUT_SECONDS - 1), (1, 2, 0))

    def test_after_its_minute_one_attempt_tests_it(self) -> None:
        """A host back from sitting out is first for one attempt; the others pass it by until it has answered."""
        route = Route((1, 1))
        route.report(0, FAULT, 0.0)
        self.assertEqual(route.candidates(SIT_OUT_SECONDS), (0, 1))
        self.assertEqual(route.candidates(SIT_OUT_SECONDS + 1), (1, 0))
        route.report(0, ANSWERED, SIT_OUT_SECONDS + 2)
        self.assertEqual(route.candidates(SIT_OUT_SECONDS + 3), (0, 1))
        self.assertEqual(route.sitting_out(), ())

    def test_all_faulty_hosts_are_still_tried_the_one_longest_out_first(self) -> None:
        """When every host sits out, the order is that in which their minutes end."""
        route = Route((3,))
        for index, at in ((2, 0.0), (0, 1.0), (1, 2.0)):
            route.report(index, FAULT, at)
        self.assertEqual(route.candidates(3.0), (2, 0, 1))

    def test_silence_about_the_server_changes_nothing(self) -> None:
        """A stale connection or an attempt never made does not move a host."""
        route = Route((1, 1))
        for health in (ServerHealth.STALE, ServerHealth.UNTRIED):
            route.report(0, health, 0.0)
            self.assertEqual(route.candidates(1.0), (0, 1))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(
        st.lists(st.integers(1, 4), min_size=1, max_size=4),
        st.lists(st.tuples(st.integers(0, 15), st.sampled_from(ServerHealth), st.floats(0, 50)), max_size=40),
    )
    def test_every_order_names_each_host_once(
        self, sizes: list[int], reports: list[tuple[int, ServerHealth, float]]
    ) -> None:
        """Whatever was reported, an order is complete, and those sit out whose last word was a fault."""
        route, hosts, now, last = Route(sizes), sum(sizes), 0.0, {}
        for index, health, later in reports:
            now += later
            route.report(index % hosts, health, now)
            if health.is_fault or health is ANSWERED:
                last[index % hosts] = health
            self.assertEqual(sorted(route.candidates(now)), list(range(hosts)))
        self.assertEqual(route.sitting_out(), tuple(sorted(i for i in last if last[i].is_fault)))

    def test_a_route_without_hosts_cannot_be_built(self) -> None:
        """No groups, or an empty one, are refused."""
        self.assertRaises(ValueError, Route, ())
        self.assertRaises(ValueError, Route, (1, 0))
