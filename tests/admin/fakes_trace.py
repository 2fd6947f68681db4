"""A trace for the tests of the control API."""

from __future__ import annotations

from shieldrelay.admin.api_trace import TraceQuestion, TraceUnavailable
from shieldrelay.admin.picture_trace import StoryPicture, TraceIndexPicture, TraceLinePicture, TracePage

NOW = 1_800_000_000.0
LINE = TraceLinePicture(
    "1.2.3", NOW, "mx1.example", "transaction", session="s1", message="m1", source="192.0.2.1",
    sender="a\x1b[2J@sender.test", recipients=("alice@example.test", "bob@other.test"), domain="example.test", code=250,
    result="accepted", reason="fine", fields={"helo": "mail.sender.test", "tls": None},
)  # fmt: skip
FLOOD = TraceLinePicture("1.2.2", NOW - 1, "mx1.example", "refused", domain="other.test", count=4711, defence="harvest")


class MemoryTraces:
    """Satisfies `admin.api_trace.Traces`.

    :ivar asked: questions.
    :ivar why: why nobody can search; empty: somebody can.
    """

    def __init__(self) -> None:
        self.asked: list[TraceQuestion] = []
        self.why = ""

    def domains(self) -> tuple[str, ...]:
        """Give two."""
        return ("example.test", "other.test")

    async def search(self, question: TraceQuestion) -> TracePage:
        """Give two lines."""
        if self.why:
            raise TraceUnavailable(self.why)
        if question.after == "nonsense":
            raise ValueError(question.after)
        self.asked.append(question)
        state = TraceIndexPicture("shedding", 75.0, 3 << 20, NOW - 86400, 5, 1000, 4710, 3)
        return TracePage((LINE, FLOOD), "1.2.2", "1.2.3", NOW - 50, state)

    async def story(self, id: str) -> StoryPicture:
        """Give both lines."""
        return StoryPicture(id, ("s1",), ("m1",), (LINE, FLOOD))

    async def index(self) -> TraceIndexPicture:
        """Give one that is up to date."""
        return TraceIndexPicture("current", lines=5, octets=2048, oldest=NOW - 3600)
