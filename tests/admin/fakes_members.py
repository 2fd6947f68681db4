"""A cluster's members for the tests of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from shieldrelay.admin.picture_members import DrainPicture, MemberPicture

NOW = 1_800_000_000.0
OURS = MemberPicture("m1", "mx1.example", 0, "1.0", "192.0.2.1:7025", "up", "mx1.example", NOW, ours=True,
                     hub="shared", sessions=3, queued=2)  # fmt: skip
OTHER = MemberPicture("m2", "mx2.example", 1, "1.1", "192.0.2.2:7025", "draining", "mx2.example", NOW - 2, skew=12.0,
                      differs=("smtp",), trouble="192.0.2.2:7025: it did not answer within 3 s\x1b[2J")  # fmt: skip
LOST = MemberPicture("m3", "mx3.example", 0, "1.0", "", "lost", "mx3.example", NOW - 90)


class MemoryMembers:
    """Satisfies `admin.api_members.Members`.

    :ivar steps: pictures that a drain goes through, each shown once, the last one ever.
    :ivar asked: by whom, and how.
    """

    def __init__(self) -> None:
        self.steps = [
            DrainPicture("ending", NOW, True, 1, 5),
            DrainPicture("handing over", NOW, True, 0, 3, 2),
            DrainPicture("drained", NOW, True, 0, 0, 5),
        ]
        self.shown = DrainPicture()
        self.asked: list[tuple[str, bool]] = []

    async def members(self) -> Sequence[MemberPicture]:
        """Give them."""
        return [OURS, OTHER, LOST]

    def member(self) -> MemberPicture:
        """Give ours."""
        return OURS

    def drain(self, by: str, *, hand_over: bool) -> DrainPicture:
        """Begin."""
        self.asked.append((by, hand_over))
        self.shown = evolve(self.steps[0], hand_over=hand_over)
        return self.shown

    def resume(self, by: str) -> DrainPicture:
        """End."""
        self.shown = DrainPicture()
        return self.shown

    def draining(self) -> DrainPicture:
        """Give the next step."""
        if len(self.steps) > 1:
            del self.steps[0]
        return self.steps[0]
