"""What our own list answers: octets of a question in, octets of an answer out (RFC 5782, RFC 1035).

The zone has an A and a TXT record for each source with a bad name, and the test points. Authoritative for itself only:
other names are refused, nothing is ever looked up. Answers are hardly larger than questions. Never raises. Used by
`wire.zone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from twisted.names import dns

from shieldrelay.mail.client import client_of
from shieldrelay.shield.reputation_export import Exported
from shieldrelay.wire.dnsbl_names import LISTED_POINT, address_of

TTL = 300
QUESTION_OCTETS = 512
"""The longest question; without EDNS, which we do not speak, none is longer (RFC 1035 §2.3.4)."""
_TEXT_OCTETS = 200
_REFRESH, _RETRY, _EXPIRE = 600, 300, 86400
_TEST_TEXT = "this address is a test point (RFC 5782)"


@frozen
class ListedZone:
    """Our list as it is now; replaced whole.

    :ivar name: of the zone, in lower case.
    :ivar server: the name of this server.
    :ivar serial: seconds since the epoch at which it was made.
    :ivar sources: by their octets (`mail.client`).
    """

    name: str
    server: str
    serial: int = 0
    sources: Mapping[bytes, Exported] = field(factory=dict, repr=False)


def answer(octets: bytes, zone: ListedZone) -> bytes | None:
    """Answer a question; ``None`` when it is none, or not fit to be answered at all."""
    question = _read(octets)
    if question is None:
        return None
    reply = dns.Message(id=question.id, answer=1, opCode=question.opCode, recDes=question.recDes, auth=False)
    if question.opCode != dns.OP_QUERY:
        reply.rCode = dns.ENOTIMP
        return bytes(reply.toStr())
    reply.queries = question.queries
    asked = question.queries[0]
    name = asked.name.name.decode("ascii", "replace").lower().rstrip(".")
    if asked.cls not in (dns.IN, dns.ANY) or not (name == zone.name or name.endswith("." + zone.name)):
        reply.rCode = dns.EREFUSED
        return bytes(reply.toStr())
    reply.auth = True
    _fill(reply, asked, name, zone)
    return bytes(reply.toStr())


def _read(octets: bytes) -> Any:
    """Take a question apart; ``None`` when it cannot be, or is an answer, which nobody may be made to bounce."""
    message = dns.Message()
    if len(octets) > QUESTION_OCTETS:
        return None
    try:
        message.fromStr(octets)
    except Exception:  # noqa: BLE001 - the decoder fails with whatever it meets; these octets are a stranger's
        return None
    return None if message.answer or len(message.queries) != 1 else message


def _fill(reply: Any, asked: Any, name: str, zone: ListedZone) -> None:
    """Put the answer in: records, or the start of authority that says how long there are none (RFC 2308)."""
    apex = name == zone.name
    records = _apex(zone) if apex else _listed(name, zone)
    wanted = [
        dns.RRHeader(asked.name.name, record.TYPE, ttl=TTL, payload=record, auth=True)
        for record in records
        if asked.type in (record.TYPE, dns.ALL_RECORDS)
    ]
    reply.answers = wanted
    if not wanted:
        soa = _soa(zone)
        reply.authority = [dns.RRHeader(zone.name.encode("ascii"), dns.SOA, ttl=TTL, payload=soa, auth=True)]
        reply.rCode = dns.OK if records else dns.ENAME


def _soa(zone: ListedZone) -> Any:
    mailbox = f"hostmaster.{zone.server}"
    return dns.Record_SOA(
        zone.server, mailbox, zone.serial & 0xFFFFFFFF, _REFRESH, _RETRY, _EXPIRE, minimum=TTL, ttl=TTL
    )


def _apex(zone: ListedZone) -> list[Any]:
    return [_soa(zone), dns.Record_NS(zone.server, ttl=TTL)]


def _listed(name: str, zone: ListedZone) -> list[Any]:
    """Give the records of an address, none when it is not listed."""
    address = address_of(name[: -len(zone.name) - 1].split("."))
    if address is None:
        return []
    text = str(address)
    mapped = getattr(address, "ipv4_mapped", None)
    if text == LISTED_POINT or (mapped is not None and str(mapped) == LISTED_POINT):
        return _records(_TEST_TEXT)
    known = None if mapped is not None else zone.sources.get(client_of(text).source)
    return [] if known is None else _records(f"score {known.score:.0f}: {', '.join(known.signals)}")


def _records(text: str) -> list[Any]:
    return [
        dns.Record_A(LISTED_POINT, ttl=TTL),
        dns.Record_TXT(text.encode("ascii", "replace")[:_TEXT_OCTETS], ttl=TTL),
    ]
