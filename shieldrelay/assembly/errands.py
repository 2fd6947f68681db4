"""`Errands`: asks other nodes for callers of this one, and answers what they ask (``admin.everywhere``).

Of a node with several processes one listens for peers and hands what comes to the parent's control socket; the
parent, which has no peers of its own, has the leader ask (`workers.errands`). Made by `assembly.service`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.admin.control_asking import NoAnswer, ask
from shieldrelay.admin.errand import Errand, ErrandFault, Told, answer_value, errand, response_of
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.roles_warden import ERRAND
from shieldrelay.admin.router import Call, Refused, Response, Route
from shieldrelay.assembly.house import House
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.peers.router import PIECE_OCTETS, PeerCall, PeerRefusal, PeerRoute

TARGET = "/peer/v1/api"
ELSEWHERE = "/api/v1/elsewhere"
"""At a worker's control socket alone: the parent's errands."""
PARENT_SECONDS = 30.0
_TOO_LONG = "its answer is longer than nodes give each other: ask that node itself"


class Errands:
    """Goes and answers.

    :param own: answers an errand where this process is all of the node; ``None`` for one of several.
    """

    def __init__(self, house: House, own: Callable[[bytes], Awaitable[Response]] | None) -> None:
        self._house = house
        self._own = own

    def peer_routes(self) -> tuple[PeerRoute, ...]:
        """Give what other nodes may ask."""
        return (PeerRoute("POST", TARGET, self._give),)

    def routes(self) -> tuple[Route, ...]:
        """Give what the parent may ask of a worker."""
        return (
            Route(
                "POST", ELSEWHERE, self._for_parent, needs=Role.ADMIN, reach=Reach.NODE, raw=True, octets=PIECE_OCTETS,
                words="Ask other nodes",
            ),
        )  # fmt: skip

    async def ask(self, nodes: Sequence[str] | None, errand: Errand, seconds: float) -> Sequence[Told]:
        """Ask some other nodes, or all (`admin.errand.Others`)."""
        places = self._places()
        wanted = [node for node in places if nodes is None or node in nodes]
        octets = errand.encode()
        asking = [Deferred.fromCoroutine(self._ask(node, places[node], octets, seconds)) for node in wanted]
        return list(await gatherResults(asking, consumeErrors=True))

    def _places(self) -> dict[str, str]:
        """Give the addresses of the others; empty for one that cannot be reached."""
        membership = self._house.shield.membership
        own = self._house.configuration.node.hostname
        living = {card.node: card.address for card in membership.roster.cards if card.node != own}
        lost = {card.node: "" for card, left in membership.departed.cards if not left and card.node != own}
        return dict(sorted({**lost, **living}.items()))

    async def _ask(self, node: str, address: str, octets: bytes, seconds: float) -> Told:
        peers = self._house.peers
        if peers is None:
            return Told(node, None, "this node has no [cluster] key and listen, and can ask nobody")
        if not address:
            return Told(node, None, "it is lost, or has no address for peers")
        if len(octets) > PIECE_OCTETS:
            return Told(node, None, "the request is longer than what nodes ask each other")
        try:
            said = await peers.client.document(address, "POST", TARGET, octets, seconds=seconds)
            return Told(node, response_of(said))
        except (PeerUnreachable, PeerRefused, ErrandFault) as fault:
            return Told(node, None, str(fault))

    async def _give(self, call: PeerCall) -> Any:
        """Answer another node."""
        try:
            response = await self._answered(call.body)
        except NoAnswer as fault:
            raise PeerRefusal(503, f"its processes do not answer: {fault}") from fault
        octets = json.dumps(answer_value(response), separators=(",", ":")).encode("ascii")
        if len(octets) > PIECE_OCTETS:
            raise PeerRefusal(503, _TOO_LONG)
        return octets

    async def _answered(self, octets: bytes) -> Response:
        if self._own is not None:
            return await self._own(octets)
        control = self._house.configuration.node.control.removesuffix(f".{self._house.configuration.worker}")
        return await ask(self._house.reactor, control, "POST", ERRAND, octets, seconds=PARENT_SECONDS)

    async def _for_parent(self, call: Call) -> Any:
        try:
            read = json.loads(call.octets)
            nodes, seconds = read["nodes"], float(read["seconds"])
            asked = errand(str(read["errand"]).encode("ascii"))
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise Refused(400, "malformed_body", "This is no errand.") from fault
        return {"told": [one.value() for one in await self.ask(nodes, asked, seconds)]}
