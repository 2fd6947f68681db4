"""Are the nodes' addresses on DNS lists? Whoever is, has its failure notices refused, and its name doubted."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.subject import Subject
from shieldrelay.wire.dnsbl_names import FREE_POINT, LISTED_POINT, ListZone, Meaning, meaning, question

_PART = "lists"


def listings(subject: Subject, names: Names) -> Iterator[Finding]:
    """Ask every list about every address of every node, once it has shown that it answers."""
    addresses = list(_addresses(subject, names))
    for name in subject.lists:
        zone = ListZone(name)
        trouble = _unfit(zone, names)
        if trouble:
            yield Finding(
                _PART, Level.UNSURE, name, trouble,
                "ask through a resolver of your own by --resolver: many lists do not answer public ones",
            )  # fmt: skip
            continue
        found = [finding for node, address in addresses for finding in _listing(node, address, zone, names)]
        yield from found
        if addresses and not found:
            yield Finding(_PART, Level.GOOD, name, f"none of {len(addresses)} addresses of nodes is on it")


def _addresses(subject: Subject, names: Names) -> Iterator[tuple[str, str]]:
    for node in subject.nodes:
        try:
            found = names.addresses(node)
        except NoAnswer:
            continue  # told by check.records
        yield from ((node, address) for address in found if ip_address(address).is_global)


def _unfit(zone: ListZone, names: Names) -> str:
    """Say why a list cannot be gone by: it has no test points, or does not want our questions (RFC 5782 §5)."""
    try:
        listed = meaning(names.ask(question(LISTED_POINT, zone.name), "A"), zone)
        free = meaning(names.ask(question(FREE_POINT, zone.name), "A"), zone)
    except NoAnswer as fault:
        return str(fault)
    if Meaning.TROUBLE in (listed, free):
        return "the list does not want our questions"
    if listed is not Meaning.LISTED:
        return "the list does not have its own test point: it is dead, or DNS does not pass our questions on"
    return "" if free is Meaning.NOT_LISTED else "the list has everybody"


def _listing(node: str, address: str, zone: ListZone, names: Names) -> Iterator[Finding]:
    asked = question(address, zone.name)
    try:
        said = meaning(names.ask(asked, "A"), zone)
        if said is not Meaning.LISTED:
            return
        why = next(iter(names.ask(asked, "TXT")), "")
    except NoAnswer as fault:
        yield Finding(_PART, Level.UNSURE, node, str(fault))
        return
    words = f"{address} is on {zone.name}" + (f": {why[:200]}" if why else "")
    yield Finding(
        _PART, Level.WARNING, node, words,
        "find out why and ask to be taken off; a relay gets on lists by failure notices to forged senders",
    )  # fmt: skip
