"""`Members`: the cluster's members as an operator sees them, and taking this process out of service and back (D10).

Everybody's card says who there is; what a card does not say, the process itself is asked: this node's others over
their control sockets, other nodes over their addresses for peers. Whoever does not answer in time is shown as such and
holds up nobody else. The control API's `admin.api_members.Members`; made by `assembly.service`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.admin.control_asking import NoAnswer, ask
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_members import DrainPicture, MemberPicture
from shieldrelay.admin.router import Response
from shieldrelay.assembly.drain import Drain
from shieldrelay.assembly.house import House
from shieldrelay.cluster.constellation import clock_error, unlike
from shieldrelay.cluster.hub import Card
from shieldrelay.config.workers import control_of
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.peers.router import PeerCall, PeerRoute

ASK_SECONDS = 3.0
"""What one that is asked gets for its answer."""
_TARGET = "/peer/v1/members"
_TEXT = 300

Said = Mapping[str, "Mapping[str, Any] | str"]
"""By member what it said of itself; by address, or by a worker's place, why it said nothing."""


class Members:
    """What a process knows of all, and shows of itself."""

    def __init__(self, house: House, drain: Drain) -> None:
        self._house = house
        self._drain = drain
        self._membership = house.shield.membership

    def routes(self) -> tuple[PeerRoute, ...]:
        """Give what other nodes may ask."""
        return (PeerRoute("GET", _TARGET, self._give),)

    async def members(self) -> Sequence[MemberPicture]:
        """Give all members, and those that are missing."""
        cards = self._membership.roster.cards
        own = self.member()
        said = await self._said(cards)
        there = [own if card.member == own.member else self._shown(card, own, said) for card in cards]
        gone = [_missing(card, left=left) for card, left in self._membership.departed.cards]
        return sorted([*there, *gone], key=lambda one: (one.node, one.worker, one.member))

    def member(self) -> MemberPicture:
        """Give this process."""
        house, roster = self._house, self._membership.roster
        exchange, drain = house.shield.exchange, self._drain.picture()
        card = self._membership.card()
        troubles = (roster.refused or roster.failure, drain.trouble)
        return evolve(
            _of(card),
            heard=house.wall(),
            skew=round(roster.skew, 1),
            hub=exchange.state.value,
            sessions=len(house.sessions),
            queued=sum(house.spool.count(domain).entries for domain in house.ways),
            drain=drain.phase,
            trouble="; ".join(each for each in troubles if each),
            ours=True,
        )

    def drain(self, by: str, *, hand_over: bool) -> DrainPicture:
        """Begin to take this process out of service."""
        self._drain.begin(by, hand_over=hand_over)
        return self._drain.picture()

    def resume(self, by: str) -> DrainPicture:
        """Go back into service."""
        self._drain.resume(by)
        return self._drain.picture()

    def draining(self) -> DrainPicture:
        """Say how far a drain is."""
        return self._drain.picture()

    # what others say

    async def _said(self, cards: Sequence[Card]) -> dict[str, Mapping[str, Any] | str]:
        own = self._membership.card()
        addresses = sorted({card.address for card in cards if card.node != own.node and card.address})
        numbers = sorted({card.worker for card in cards if card.node == own.node and card.member != own.member})
        asked = [Deferred.fromCoroutine(self._ask_node(address)) for address in addresses]
        asked += [self._ask_worker(number) for number in numbers]
        said: dict[str, Mapping[str, Any] | str] = {}
        for one in await gatherResults(asked):
            said.update(one)
        return said

    async def _ask_node(self, address: str) -> dict[str, Mapping[str, Any] | str]:
        peers = self._house.peers
        if peers is None:
            return {address: "this node has no [cluster] key and listen, and can ask nobody"}
        try:
            document = await peers.client.document(address, "GET", _TARGET, seconds=ASK_SECONDS)
        except (PeerUnreachable, PeerRefused) as fault:
            return {address: str(fault)}
        members = document.get("members")
        said = members if isinstance(members, list) else []
        return {str(one["member"]): one for one in said if isinstance(one, dict) and "member" in one}

    def _ask_worker(self, number: int) -> Deferred[dict[str, Mapping[str, Any] | str]]:
        node = self._house.configuration.node
        control = node.control.removesuffix(f".{self._house.configuration.worker}")
        path = control_of(control, number) if number else control
        asking = ask(self._house.reactor, path, "GET", b"/api/v1/member", b"", seconds=ASK_SECONDS)

        def answered(answer: Response) -> dict[str, Mapping[str, Any] | str]:
            value = answer.value
            return {str(value["member"]): value} if answer.status == 200 else {_place(number): "it refuses to say"}

        def silent(failure: Any) -> dict[str, Mapping[str, Any] | str]:
            failure.trap(NoAnswer)
            return {_place(number): f"it does not answer: {failure.value}"}

        return asking.addCallbacks(answered, silent)

    async def _give(self, call: PeerCall) -> Any:
        """Answer for all processes of this node: one of them listens for peers."""
        own = self.member()
        cards = [card for card in self._membership.roster.cards if card.node == own.node]
        said = await self._said(cards)
        return {"members": [as_json(own), *(one for one in said.values() if not isinstance(one, str))]}

    # pictures

    def _shown(self, card: Card, own: MemberPicture, said: Said) -> MemberPicture:
        word = said.get(card.member)
        trouble = ""
        if not isinstance(word, Mapping):
            ours = card.node == own.node
            trouble = str(said.get(_place(card.worker) if ours else card.address, ""))
            trouble = trouble or ("it has no address for peers" if not card.address else "its node did not speak of it")
            if ours and card.worker == own.worker:
                trouble = _TWIN
            word = {}
        return evolve(
            _of(card),
            skew=_number(word.get("skew")) if word else round(clock_error(card, ASK_SECONDS), 1),
            differs=unlike([card.fingerprint, self._membership.card().fingerprint]),
            hub=_text(word.get("hub")),
            sessions=_count(word.get("sessions")),
            queued=_count(word.get("queued")),
            drain=_text(word.get("drain")),
            trouble=trouble or _text(word.get("trouble")),
            ours=card.node == own.node,
        )


_TWIN = "it has this node's name: give each its own [node] hostname (or it is this one's last life, for half a minute)"


def _of(card: Card) -> MemberPicture:
    """Give what a member's card says of it, and nothing else."""
    return MemberPicture(
        member=card.member,
        node=card.node,
        worker=card.worker,
        version=card.version,
        address=card.address,
        state=card.state,
        part=card.part,
        heard=card.heard,
        stressed=card.stressed,
    )


def _missing(card: Card, *, left: bool) -> MemberPicture:
    # who is gone is under no stress, whatever its last card said
    return evolve(_of(card), state="left" if left else "lost", stressed=False)


def _place(worker: int) -> str:
    return f"worker {worker}"


def _text(value: object) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
