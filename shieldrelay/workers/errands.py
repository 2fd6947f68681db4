"""`CrewErrands`: the parent's way to other nodes: the leader asks them (`assembly.errands`)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shieldrelay.admin.control_asking import NoAnswer
from shieldrelay.admin.errand import Errand, ErrandFault, Told, told
from shieldrelay.assembly.errands import ELSEWHERE
from shieldrelay.workers.crew import Crew
from shieldrelay.workers.router import Ask

GRACE_SECONDS = 2.0
"""What the leader gets beyond what the other nodes have."""


class CrewErrands:
    """Asks other nodes (`admin.errand.Others`)."""

    def __init__(self, crew: Crew, ask: Ask) -> None:
        self._crew = crew
        self._ask = ask

    async def ask(self, nodes: Sequence[str] | None, errand: Errand, seconds: float) -> Sequence[Told]:
        """Ask some, or all."""
        up = self._crew.up()
        if not up:
            return _silent(nodes)
        wanted = None if nodes is None else list(nodes)
        words = {"nodes": wanted, "seconds": seconds, "errand": errand.encode().decode("ascii")}
        body = json.dumps(words, separators=(",", ":")).encode("ascii")
        try:
            answer = await self._ask(up[0].number, "POST", ELSEWHERE.encode("ascii"), body, seconds + GRACE_SECONDS)
            return [told(one) for one in answer.value["told"]]
        except (NoAnswer, ErrandFault, KeyError, TypeError):
            return _silent(nodes)


def _silent(nodes: Sequence[str] | None) -> list[Told]:
    """Say of all that are wanted that they cannot be asked; who the others are, only the processes know."""
    names = ("the other nodes",) if nodes is None else nodes
    return [Told(name, None, "no process of this node can ask now") for name in names]
