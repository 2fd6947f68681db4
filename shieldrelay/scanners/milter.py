"""A milter as a check: the whole session is told to it over once more when the message is complete.

The plugin `plugins/milter.py` declares it. One connection for each message: negotiation, connect, helo, mail, every
rcpt, every header field, the body, the end. What a milter may do here: refuse, for now or for good, at any of these;
add fields, which come on top; quarantine, which is what the setting of that name says. A field that it changes is put
on top with the new value; what came in is never altered or taken away, for signatures' sake. A body, a sender or a
recipient that it wants changed is more than we do, and fails the check: nothing is done by half. A refused recipient
refuses the message, and one that it wants dropped in silence is refused too: nothing is lost without a word.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from shieldrelay.content.answers import (
    ACCEPT,
    LONGEST_FIELD,
    MOST_FIELDS,
    Annotate,
    Answer,
    HeaderField,
    Lasting,
    Refuse,
)
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.plugin import Surroundings
from shieldrelay.ports import Content
from shieldrelay.scanners.line import Line, ScannerFault, connect
from shieldrelay.scanners.milter_packets import (
    BODY_OCTETS,
    Leave,
    Packet,
    Unpacking,
    agreed,
    connected,
    macros,
    options,
    packet,
    raw,
    strings,
)
from shieldrelay.scanners.reading import Reading
from shieldrelay.scanners.wishes import endpoint, printable, taken

DEFAULTS = {"server": "", "largest": 26214400, "quarantine": ("mark", "refuse", "accept")}
"""``server``: where the milter listens. ``largest``: octets; what is larger is not shown to it. ``quarantine``: what
becomes of a message that it wants kept aside: marked with a field, refused, or nothing."""
HEADER_OCTETS = 1 << 20

_CONTINUE, _ACCEPT, _REJECT, _TEMPFAIL, _REPLY, _DISCARD = b"c", b"a", b"r", b"t", b"y", b"d"
_PROGRESS, _SKIP, _SHUTDOWN = b"p", b"s", b"4"
_ADD, _INSERT, _CHANGE, _QUARANTINE = b"h", b"i", b"m", b"q"


class Milter:
    """The check."""

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        wishes = taken("milter", settings, DEFAULTS)
        self._largest: int = wishes["largest"]
        self._quarantine: str = wishes["quarantine"]
        self._hostname = surroundings.hostname
        self._where = endpoint(surroundings.reactor, wishes["server"])

    def check(self, inspected: Inspected) -> Answer | Deferred[Answer]:
        """Judge one message."""
        if inspected.content.size > self._largest:
            return ACCEPT
        return Deferred.fromCoroutine(self._converse(inspected))

    async def _converse(self, inspected: Inspected) -> Answer:
        line = await connect(self._where)
        try:
            answer = await _Talk(line, self._quarantine).over(inspected, self._hostname)
            await line.write(raw(b"Q"))
        except BaseException:
            line.close()
            raise
        line.end()
        return answer


class _Ended(Exception):
    """The milter has said its last word; ``answer`` is what it comes to."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("the milter has answered")
        self.answer = answer


class _Talk:
    """One message told to a milter."""

    def __init__(self, line: Line, quarantine: str) -> None:
        self._line = line
        self._packets = Unpacking()
        self._quarantine = quarantine
        self._leave = Leave(0)
        self._fields: list[HeaderField] = []

    async def over(self, inspected: Inspected, hostname: str) -> Answer:
        """Tell everything, and give the answer."""
        await self._line.write(options())
        self._leave = agreed(await self._next())
        try:
            await self._envelope(inspected, hostname)
            await self._content(inspected.content)
            await self._line.write(raw(b"E"))
            return await self._verdict()
        except _Ended as ended:
            return ended.answer

    async def _envelope(self, inspected: Inspected, hostname: str) -> None:
        leave, name = self._leave, hostname.encode()
        client = inspected.address.encode()
        await self._line.write(macros(b"C", {b"j": name, b"{daemon_name}": name, b"v": b"shieldrelay"}))
        if not leave & Leave.NO_CONNECT:
            await self._ask(connected(inspected.address, inspected.name), Leave.UNANSWERED_CONNECT)
        if not leave & Leave.NO_HELO:
            await self._ask(packet(b"H", inspected.helo.encode().replace(b"\0", b"")), Leave.UNANSWERED_HELO)
        path = bytes(inspected.reverse_path)
        told = {b"i": inspected.id.encode(), b"{mail_addr}": path, b"{client_addr}": client}
        if not leave & Leave.NO_MAIL:
            await self._line.write(macros(b"M", told))
            await self._ask(packet(b"M", b"<" + path + b">"), Leave.UNANSWERED_MAIL)
        for recipient in inspected.recipients if not leave & Leave.NO_RCPT else ():
            mailbox = bytes(recipient)
            await self._line.write(macros(b"R", {b"{rcpt_addr}": mailbox}))
            await self._ask(packet(b"R", b"<" + mailbox + b">"), Leave.UNANSWERED_RCPT)
        if not leave & Leave.NO_DATA:
            await self._line.write(macros(b"T", {b"i": inspected.id.encode()}))
            await self._ask(raw(b"T"), Leave.UNANSWERED_DATA)

    async def _content(self, content: Content) -> None:
        reading = Reading(content)
        try:
            header, rest = await _header(reading)
            if not self._leave & Leave.NO_FIELDS:
                for name, value in _fields(header, spaced=bool(self._leave & Leave.LEADING_SPACE)):
                    await self._ask(packet(b"L", name, value), Leave.UNANSWERED_FIELDS)
            if not self._leave & Leave.NO_END_OF_FIELDS:
                await self._ask(raw(b"N"), Leave.UNANSWERED_END_OF_FIELDS)
            if not self._leave & Leave.NO_BODY:
                await self._body(reading, rest)
        finally:
            reading.close()

    async def _body(self, reading: Reading, block: bytes) -> None:
        while block or (block := await reading.block()):
            piece, block = block[:BODY_OCTETS], block[BODY_OCTETS:]
            if await self._ask(raw(b"B", piece), Leave.UNANSWERED_BODY) is _SKIP:
                return

    async def _ask(self, octets: bytes, unanswered: Leave) -> bytes:
        """Send a packet, and act on its answer, if one comes.

        :raises _Ended: it was the last word.
        """
        await self._line.write(octets)
        if self._leave & unanswered:
            return _CONTINUE
        answer = await self._next()
        while answer.letter == _PROGRESS:
            answer = await self._next()
        if answer.letter == _CONTINUE:
            return _CONTINUE
        if answer.letter == _SKIP:
            return _SKIP
        raise _Ended(self._final(answer))

    async def _verdict(self) -> Answer:
        """Take changes and the last word, behind the end of the message."""
        while True:
            answer = await self._next()
            if answer.letter in (_ADD, _INSERT, _CHANGE):
                self._add(answer)
            elif answer.letter == _QUARANTINE:
                self._aside(answer)
            elif answer.letter != _PROGRESS:
                return self._final(answer)

    def _add(self, wish: Packet) -> None:
        """Note a field; an empty value takes one away, which we do not do."""
        name, value = [*strings(wish.rest if wish.letter == _ADD else wish.rest[4:]), b"", b""][:2]
        room = LONGEST_FIELD - len(name) - 2
        text = printable(value.decode("utf-8", "replace"), room)
        if text and len(self._fields) < MOST_FIELDS - 1:
            try:
                self._fields.append(HeaderField(name.decode("ascii", "replace"), text))
            except ValueError as error:
                raise ScannerFault(f"the milter wants to add what is no field: {error}") from error

    def _aside(self, wish: Packet) -> None:
        reason = printable(wish.rest.rstrip(b"\0").decode("utf-8", "replace"), 200) or "no reason given"
        if self._quarantine == "refuse":
            raise _Ended(Refuse(f"the milter wants it in quarantine: {reason}"))
        if self._quarantine == "mark":
            self._fields.append(HeaderField("X-Quarantine", reason))

    def _final(self, answer: Packet) -> Answer:
        """Read a last word."""
        letter = answer.letter
        if letter in (_CONTINUE, _ACCEPT):
            return Annotate(tuple(self._fields[::-1][:MOST_FIELDS])) if self._fields else ACCEPT
        if letter == _REJECT:
            return Refuse("the milter rejects it")
        if letter == _TEMPFAIL:
            return Refuse("the milter wants it to come again", Lasting.TEMPORARY, "Message deferred, try again later")
        if letter == _REPLY:
            return _replied(printable(answer.rest.rstrip(b"\0").decode("utf-8", "replace"), 400))
        if letter == _DISCARD:
            return Refuse("the milter wants it dropped in silence")
        raise ScannerFault(f"the milter says {letter!r}, which we cannot do")

    async def _next(self) -> Packet:
        """Wait for the next packet."""
        while (found := self._packets.next()) is None:
            octets = await self._line.read()
            if not octets:
                raise ScannerFault("the milter closed the connection")
            self._packets.feed(octets)
        if found.letter == _SHUTDOWN:
            raise ScannerFault("the milter shuts down")
        return found


def _replied(words: str) -> Answer:
    """Read a reply that a milter wants said: code, enhanced code, text; ours has codes of its own."""
    code, _, text = words.partition(" ")
    first, _, rest = text.partition(" ")
    if first.count(".") == 2 and first.replace(".", "").isdigit():
        text = rest
    lasting = Lasting.PERMANENT if code.startswith("5") else Lasting.TEMPORARY
    return Refuse(f"the milter says {words}", lasting, text[:200].strip() or "Message refused by policy")


async def _header(reading: Reading) -> tuple[bytes, bytes]:
    """Give the header section and what came behind it."""
    held = b""
    while True:
        if held.startswith(b"\r\n"):
            return b"", held[2:]
        header, end, rest = held.partition(b"\r\n\r\n")
        if end:
            return header + b"\r\n", rest
        block = await reading.block()
        if not block:
            return held, b""
        held += block
        if len(held) > HEADER_OCTETS + len(block):
            raise ScannerFault(f"its header section is larger than {HEADER_OCTETS} octets")


def _fields(header: bytes, *, spaced: bool) -> list[tuple[bytes, bytes]]:
    """Take a header section apart: names and values, folded lines within a value parted by LF.

    :param spaced: whether the blank behind the colon belongs to the value.
    """
    fields: list[tuple[bytes, bytes]] = []
    for line in header.replace(b"\0", b"").removesuffix(b"\r\n").split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = name, value + b"\n" + line
            continue
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name, value if spaced else value.removeprefix(b" ")))
    return fields
