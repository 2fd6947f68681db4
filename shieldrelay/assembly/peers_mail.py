"""Mail that goes from node to node, when one is taken out of service (D10): what is taken here, and how it is given.

A message is ours once the other node has it on its disk and says so, and gone from there only then: a crash between
duplicates, and never loses. A message longer than a request comes in pieces, into a draft of the spool. Envelope, what
attempts came to, due time, arrival (and so its expiry) and a hold go with it. Used by `assembly.peers` and
`assembly.handover`.
"""

from __future__ import annotations

import secrets
from typing import TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from shieldrelay.assembly.house import House
from shieldrelay.peers.client import PeerClient
from shieldrelay.peers.router import PIECE_OCTETS, PeerCall, PeerRefusal, PeerRoute
from shieldrelay.spool.draft import Draft
from shieldrelay.spool.entry import Entry, Record
from shieldrelay.spool.envelope_block import (
    FIRST_OCTETS,
    BlockFault,
    EnvelopeBlock,
    block_octets,
    decode_block,
    encode_block,
)
from shieldrelay.spool.faults import Gone
from shieldrelay.spool.headroom import Level
from shieldrelay.spool.name import NOTICES

DRAFTS_MOST = 32
"""Messages that come in pieces at once."""
PIECE_SECONDS = 60.0
"""How long the next piece may take."""
_OCTETS_MOST = 1 << 40
_DUE_MOST = 1 << 43
_TARGET = "/peer/v1/mail"

T = TypeVar("T")


@define
class _Coming:
    """A message that comes in pieces."""

    draft: Draft
    block: EnvelopeBlock
    octets: int
    due: float
    held: bool
    alarm: IDelayedCall | None = None


class MailTaking:
    """Takes what other nodes hand over."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._coming: dict[str, _Coming] = {}

    def routes(self) -> tuple[PeerRoute, ...]:
        """Give what other nodes may ask."""
        return (PeerRoute("POST", _TARGET, self._begin), PeerRoute("POST", _TARGET + "/{token}", self._go_on))

    async def _begin(self, call: PeerCall) -> object:
        """Take a message, or its beginning."""
        block, content = _opened(call.body)
        message = block.message
        self._check(message.domain)
        if call.number("again", 1) and await self._is_here(message.id, message.domain):
            return {"stored": True}
        octets = call.number("octets", _OCTETS_MOST)
        due, held = call.number("due", _DUE_MOST) / 1000.0, bool(call.number("held", 1))
        if len(self._coming) >= DRAFTS_MOST:
            raise PeerRefusal(503, "too many messages come in pieces already")
        draft = await _disk(self._house.spool.draft(message))
        return await self._take(_Coming(draft, block, octets, due, held), content)

    async def _go_on(self, call: PeerCall) -> object:
        """Take the next piece."""
        coming = self._forget(call.path["token"])
        if coming is None:
            raise PeerRefusal(404, "nothing is known of this message's beginning")
        if call.number("at", _OCTETS_MOST) != coming.draft.size or not call.body:
            await coming.draft.discard()
            raise PeerRefusal(400, "the piece does not go on where the last one ended")
        return await self._take(coming, call.body)

    async def _take(self, coming: _Coming, piece: bytes) -> object:
        """Write a piece; the last one makes the message durable, and then it is delivered from here."""
        try:
            if piece:
                await _disk(coming.draft.append(piece))
            if coming.draft.size > coming.octets:
                raise PeerRefusal(400, "the message is longer than was said")
            if coming.draft.size == coming.octets:
                await self._store(coming)
                return {"stored": True}
        except BaseException:
            await coming.draft.discard()
            raise
        token = secrets.token_hex(16)
        self._coming[token] = coming
        coming.alarm = self._house.reactor.callLater(PIECE_SECONDS, self._give_up, token)
        return {"token": token}

    async def _store(self, coming: _Coming) -> None:
        house, message = self._house, coming.block.message
        way = house.ways.get(message.domain)
        if way is not None and coming.held:
            way.queue.coming(message.id)  # so that no look into the spool has it delivered before it is on hold
        try:
            entry = await _disk(coming.draft.commit(due=coming.due, progress=coming.block.progress))
            if coming.held:
                await _disk(house.spool.hold(entry))
        finally:
            if way is not None and coming.held:
                way.queue.not_stored(message.id)
        house.journal.event("taken_over", message=message.id, domain=message.domain, size=entry.size)
        if way is None:
            house.notice_queue.look()
        elif not coming.held:
            way.queue.stored(entry)

    def _forget(self, token: str) -> _Coming | None:
        coming = self._coming.pop(token, None)
        if coming is not None and coming.alarm is not None and coming.alarm.active():
            coming.alarm.cancel()
        return coming

    def _give_up(self, token: str) -> None:
        coming = self._forget(token)
        if coming is not None:
            coming.draft.discard()

    async def stop(self) -> None:
        """Give up what has come by half; whoever gives it has it still."""
        for token in list(self._coming):
            coming = self._forget(token)
            if coming is not None:
                await coming.draft.discard()

    def _check(self, domain: str) -> None:
        house = self._house
        if house.shield.membership.state != "up":
            raise PeerRefusal(503, "this node is being taken out of service itself")
        if domain not in house.ways and domain != NOTICES:
            raise PeerRefusal(404, "the domain is not protected here")
        if house.capacity.headroom.level is Level.REFUSE:
            raise PeerRefusal(503, f"its spool takes nothing more: {house.capacity.headroom.reason}")

    async def _is_here(self, id: str, domain: str) -> bool:
        entry = await self._house.spool.find(id)
        return entry is not None and entry.domain == domain


async def _disk(work: Deferred[T]) -> T:
    try:
        return await work
    except (OSError, MemoryError) as fault:
        raise PeerRefusal(503, f"its spool cannot take it: {fault}") from fault


def _opened(body: bytes) -> tuple[EnvelopeBlock, bytes]:
    """Read the envelope block at the beginning of a message; gives what follows, too."""
    try:
        octets = block_octets(body[:FIRST_OCTETS])
        return decode_block(body[:octets]), body[octets:]
    except BlockFault as fault:
        raise PeerRefusal(400, str(fault)) from None


async def give(
    client: PeerClient, address: str, entry: Entry, record: Record, *, held: bool, again: bool
) -> None:
    """Give one message to a node; it has it on its disk when this returns.

    :param again: it may have it already, of an attempt whose answer did not come.
    :raises PeerUnreachable: it may have it or not.
    :raises PeerRefused: it has it not.
    :raises OSError: our own file cannot be read.
    """
    block = encode_block(record.message, record.progress)
    due = int(max(0.0, entry.due) * 1000)
    target = f"{_TARGET}?octets={record.content.size}&due={due}&held={int(held)}&again={int(again)}"
    reader = record.content.open()
    try:
        piece, at, over = bytearray(block), -len(block), False
        while not over:
            while not over and len(piece) < PIECE_OCTETS // 2:
                read = reader.read()
                octets = await read if isinstance(read, Deferred) else read
                over = not octets
                piece += octets
            answer = await client.document(address, "POST", target, bytes(piece))
            if answer.get("stored") is True:
                return
            at += len(piece)
            target, piece = f"{_TARGET}/{answer.get('token', '')}?at={at}", bytearray()
    finally:
        reader.close()
    raise Gone(entry.name)
