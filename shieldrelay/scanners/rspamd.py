"""rspamd as a check, by HTTP: what it wants refused is refused, what it wants marked is marked.

The plugin `plugins/rspamd.py` declares it. Connections are kept. Whatever is not a whole answer fails the check. What
its actions mean here (rspamd's documentation, "Actions"): ``reject`` refuses for good, ``soft reject`` and ``greylist``
for now, ``add header`` and ``rewrite subject`` mark, and ``no action`` lets pass; a subject is never rewritten, which
would break signatures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from treq import collect
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from shieldrelay.content.answers import ACCEPT, MOST_FIELDS, Annotate, Answer, HeaderField, Lasting, Refuse
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.plugin import Surroundings
from shieldrelay.ports import Content
from shieldrelay.scanners.line import ScannerFault
from shieldrelay.scanners.reading import Reading
from shieldrelay.scanners.wishes import CONNECT_SECONDS, printable, taken

DEFAULTS = {"url": "http://127.0.0.1:11333", "largest": 26214400, "mark": ("spam", "always", "never")}
"""``url``: of its normal worker. ``largest``: octets; what is larger is not scanned. ``mark``: what gets the fields."""
ANSWER_OCTETS = 1 << 20
KEPT_CONNECTIONS = 8
_SYMBOLS_TOLD = 8


class Rspamd:
    """The check."""

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        wishes = taken("rspamd", settings, DEFAULTS)
        if not wishes["url"].startswith(("http://", "https://")):
            raise ValueError(f"url begins with http:// or https://, unlike {wishes['url']!r}")
        self._url: str = wishes["url"].rstrip("/") + "/checkv2"
        self._largest: int = wishes["largest"]
        self._mark: str = wishes["mark"]
        self._hostname = surroundings.hostname
        pool: Any = HTTPConnectionPool(surroundings.reactor)
        pool.maxPersistentPerHost = KEPT_CONNECTIONS
        agent = Agent(surroundings.reactor, connectTimeout=CONNECT_SECONDS, pool=pool)
        self._http = HTTPClient(agent)

    def check(self, inspected: Inspected) -> Answer | Deferred[Answer]:
        """Judge one message."""
        if inspected.content.size > self._largest:
            return ACCEPT
        return Deferred.fromCoroutine(self._ask(inspected))

    async def _ask(self, inspected: Inspected) -> Answer:
        body = _Body(inspected.content)
        try:
            response: Any = await self._http.post(self._url, data=body, headers=self._headers(inspected))
            octets = await _body(response)
        finally:
            body.stopProducing()
        if response.code != 200:
            raise ScannerFault(f"rspamd answered {response.code}: {printable(octets.decode('utf-8', 'replace'), 100)}")
        return self._judged(_parsed(octets))

    def _headers(self, inspected: Inspected) -> Headers:
        """Say what is known of the message (rspamd's documentation, "HTTP headers")."""
        path = bytes(inspected.reverse_path)
        headers = Headers()
        for name, value in (
            (b"IP", inspected.address.encode()),
            (b"Helo", inspected.helo.encode()),
            (b"From", path or b"<>"),
            (b"Queue-Id", inspected.id.encode()),
            (b"MTA-Name", self._hostname.encode()),
        ):
            headers.addRawHeader(name, value)
        if inspected.name:
            headers.addRawHeader(b"Hostname", inspected.name.encode())
        for recipient in inspected.recipients:
            headers.addRawHeader(b"Rcpt", bytes(recipient))
        return headers

    def _judged(self, answer: Mapping[str, Any]) -> Answer:
        action = answer["action"]
        words = _words(answer)
        if action == "reject":
            return Refuse(f"rspamd: {words}", text=_said(answer) or "Message refused: it looks like spam")
        if action in ("soft reject", "greylist"):
            text = _said(answer) or "Message deferred, try again later"
            return Refuse(f"rspamd: {words}", Lasting.TEMPORARY, text)
        spam = action in ("add header", "rewrite subject")
        fields = _wished(answer)
        if self._mark == "always" or (spam and self._mark == "spam"):
            fields += [HeaderField("X-Spam-Status", printable(f"{'Yes' if spam else 'No'}, {words}", 900))]
        if spam and self._mark != "never":
            fields += [HeaderField("X-Spam", "Yes")]
        return Annotate(tuple(fields[-MOST_FIELDS:])) if fields else ACCEPT


def _parsed(octets: bytes) -> Mapping[str, Any]:
    """Read the answer.

    :raises ScannerFault: it is none.
    """
    try:
        answer = json.loads(octets)
    except ValueError as error:
        raise ScannerFault("rspamd's answer is no JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("action"), str):
        raise ScannerFault("rspamd's answer has no action")
    return answer


def _words(answer: Mapping[str, Any]) -> str:
    """Say what it found: score, threshold, and the symbols that weigh most."""
    symbols = answer.get("symbols")
    found = symbols.values() if isinstance(symbols, dict) else ()
    scored = [one for one in found if isinstance(one, dict) and isinstance(one.get("score"), (int, float))]
    scored.sort(key=lambda one: -abs(one["score"]))
    names = " ".join(f"{one.get('name')}({one['score']:g})" for one in scored[:_SYMBOLS_TOLD])
    return printable(f"{answer['action']}, score {answer.get('score')} of {answer.get('required_score')} {names}", 400)


def _said(answer: Mapping[str, Any]) -> str:
    """Give what rspamd wants the client to hear, if anything."""
    messages = answer.get("messages")
    said = messages.get("smtp_message") if isinstance(messages, dict) else None
    return printable(said, 200) if isinstance(said, str) else ""


def _wished(answer: Mapping[str, Any]) -> list[HeaderField]:
    """Give the fields that rspamd's modules want added; those that cannot stand on one line are left out."""
    milter = answer.get("milter")
    wished = milter.get("add_headers") if isinstance(milter, dict) else None
    fields: list[HeaderField] = []
    for name, values in wished.items() if isinstance(wished, dict) else ():
        for value in values if isinstance(values, list) else [values]:
            text = value.get("value") if isinstance(value, dict) else value
            try:
                fields.append(HeaderField(name, printable(str(text), 4000)))
            except ValueError:
                continue
    return fields


async def _body(response: IResponse) -> bytes:
    """Read an answer of bounded length."""
    octets = bytearray()

    def gather(block: bytes) -> None:
        octets.extend(block)
        if len(octets) > ANSWER_OCTETS:
            raise ScannerFault("rspamd's answer is too long")

    await collect(response, gather)
    return bytes(octets)


@implementer(IBodyProducer)
class _Body:
    """A message on its way to rspamd, read as fast as that takes it."""

    def __init__(self, content: Content) -> None:
        self.length = content.size
        self._content = content
        self._sending: Deferred[None] | None = None
        self._going_on: Deferred[None] | None = None
        self._paused = False

    def startProducing(self, consumer: Any) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Begin."""
        self._sending = Deferred.fromCoroutine(self._send(consumer))
        return self._sending

    def pauseProducing(self) -> None:
        """Write no more for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        going_on, self._going_on = self._going_on, None
        if going_on is not None and not going_on.called:
            going_on.callback(None)

    def stopProducing(self) -> None:
        """End, and let go of the content; allowed at any time."""
        sending, self._sending = self._sending, None
        if sending is not None and not sending.called:
            sending.addErrback(lambda _: None)
            sending.cancel()

    async def _send(self, consumer: Any) -> None:
        reading = Reading(self._content)
        try:
            while block := await reading.block():
                if self._paused:
                    going_on: Deferred[None] = Deferred()
                    self._going_on = going_on
                    await going_on
                consumer.write(block)
        finally:
            reading.close()
