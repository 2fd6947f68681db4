"""Claims about the sum of all members' connections, whatever happens to them (R4)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.assembly.fellows_case import FellowsCase, down, taken

_LIMITS = st.sampled_from((1, 2, 7, 20))


def _events(*kinds: str) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    """Give what may happen, to whom, and how much of it."""
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 3), st.integers(1, 40)), max_size=40)


class ChaosTests(FellowsCase):
    """Whatever happens, the limit holds."""

    @settings(deadline=None, derandomize=True, max_examples=25)
    @given(
        events=_events("flood", "offer", "answer", "answer", "fault", "kill", "join", "wait", "wait"),
        connections=_LIMITS,
    )
    def test_the_sum_of_connections_is_within_the_limit(
        self, events: list[tuple[str, int, int]], connections: int
    ) -> None:
        """Under loads, faults, kills and joins the sum never passes the declared number, and ends at nothing."""
        self.live(events, connections)

    @settings(deadline=None, derandomize=True, max_examples=15)
    @given(
        events=_events("flood", "offer", "answer", "fault", "kill", "join", "cut", "mend", "wait"), connections=_LIMITS
    )
    def test_cut_off_members_have_one_part_each_besides(
        self, events: list[tuple[str, int, int]], connections: int
    ) -> None:
        """Who is cut off goes by a part of what it last knew; once all have met again the sum is within the limit."""
        self.live(events, connections)

    def live(self, events: list[tuple[str, int, int]], connections: int) -> None:
        """Let all that happen, and then an end of it."""
        self.there = self.members(3, connections=connections)
        self.allowance, self.made = 0, 3
        for each in self.there:
            each.hop.conduct = None
        for event, which, amount in events:
            self.happen(event, which, amount, connections)
        for each in self.there:
            each.wire.cut = False
        self.run_for(35, self.finish)
        self.allowance = 0
        self.run_for(5, self.finish)
        self.run_for(400, lambda: [each.hop.shed(99) for each in self.there])
        self.assertEqual(sum(each.hop.connections for each in self.there), 0)
        self.assertEqual(self.hub.claims, 0)

    def happen(self, event: str, which: int, amount: int, connections: int) -> None:
        """Let one thing happen, and a little time pass."""
        one = self.there[which % len(self.there)]
        if event == "flood":
            one.backlog += amount
            one.pump()
        elif event == "offer":
            one.offer()
        elif event in ("answer", "fault"):
            for _ in range(min(amount, len(one.hop.held))):
                one.hop.answer(taken if event == "answer" else down)
        elif event == "kill" and len(self.there) > 1:
            one.kill()
            self.there.remove(one)
        elif event == "join" and len(self.there) < 5:
            self.made += 1
            self.there.append(self.member(f"node{self.made}"))
            self.there[-1].hop.conduct = None
        elif event in ("cut", "mend"):
            one.wire.cut = event == "cut"
            self.allowance += connections if event == "cut" else 0
        self.run_for(amount / 20 if event == "wait" else 0.1, self.check)

    def check(self) -> None:
        """See that the limit holds now."""
        total = sum(each.hop.connections for each in self.there)
        self.assertLessEqual(total, self.connections + self.allowance)

    def finish(self) -> None:
        """Answer everything, and go on checking."""
        self.check()
        for each in self.there:
            each.backlog = 0
            while each.hop.held:
                each.hop.answer()
