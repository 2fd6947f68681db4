"""What the cluster demo prints each second: a line for each node, of what that node itself says over its control API.

Asks in threads; a node that does not answer is shown so. Changes nothing.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from shieldrelay.admin.ctl_client import Answered, ControlClient, Unreachable, path_of
from shieldrelay.demo.cluster_nodes import DOMAIN, DemoNode

_SCORE = re.compile(r"([0-9.]+) unknown recipients told of in 24 hours")


@frozen
class Sight:
    """What one node sees.

    :ivar hub: ``shared``, ``degraded``, ``local``; why not, if it does not answer.
    :ivar attacker: what a connection of the attacker meets, and for how many seconds still.
    :ivar score: unknown recipients that it was told of, anywhere.
    :ivar list: version of the list of recipients in force, and its entries.
    """

    hub: str
    members: int = 0
    sessions: int = 0
    attacker: str = ""
    score: float = 0.0
    list: str = ""
    shield: str = ""
    breaker: str = ""

    @property
    def whole(self) -> bool:
        """Whether the node has met all others."""
        return self.hub == "shared" and self.members == 3


def sight_of(node: DemoNode, attacker: str) -> Sight:
    """Ask a node, blocking."""
    client = ControlClient(str(node.control))
    try:
        status = client.ask("GET", path_of("status"))
        source = client.ask("GET", path_of("sources", attacker))
        recipients = client.ask("GET", path_of("recipients", DOMAIN))
    except (Unreachable, Answered):
        return Sight("no answer")
    (domain,) = status["domains"]
    return Sight(
        status["hub"]["state"],
        status["hub"]["members"],
        status["sessions"],
        _fate(source, status["now"]),
        _score(source),
        _list(recipients),
        domain["shield"],
        domain["breaker"],
    )


def line_of(node: DemoNode, sight: Sight, taken: int) -> str:
    """Render a line; ``taken`` is what it took in the last second."""
    if not sight.members:
        return f"  {node.name}  {sight.hub}"
    return (
        f"  {node.name}  hub {sight.hub}  members {sight.members}  sessions {sight.sessions}  mail {taken}/s  "
        f"attacker {sight.attacker}, score {sight.score:.1f}  list {sight.list}  domain {sight.shield}, "
        f"customer {sight.breaker}"
    )


def _fate(source: Any, now: float) -> str:
    left = f" for {source['until'] - now:.0f} s" if source["until"] is not None else ""
    return str(source["now"]) + left


def _score(source: Any) -> float:
    told = (words for defence in source["defences"] for words in defence["told"] if defence["name"] == "harvest")
    return max((float(found[1]) for words in told if (found := _SCORE.match(words))), default=0.0)


def _list(recipients: Any) -> str:
    in_force = next((each for each in recipients["versions"] if each["in_force"]), None)
    return "none" if in_force is None else f"{in_force['digest'][:6]} ({in_force['entries']})"
