"""Our own worst sources, as a list that others can use: from rows to lines and to answers of a zone.

Looking through a full table takes a tenth of a second, so it is looked through in slices, with turns of the reactor in
between (`wire.zone_file`). Who is known-good is never exported. Pure; cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv6Address

from attrs import frozen

from shieldrelay.shield.reputation import Reputation
from shieldrelay.shield.reputation_kinds import HALF_LIFE
from shieldrelay.shield.reputation_score import Band, band_of, judged

SLICE = 200
"""Rows looked at in one turn."""


@frozen
class Exported:
    """One source with a bad name of its own.

    :ivar source: `mail.client`'s octets.
    :ivar score: 0 to 100, without what lists of others say.
    :ivar signals: why, in words.
    """

    source: bytes
    score: float
    band: Band
    signals: tuple[str, ...]


def survey(
    reputation: Reputation, now: float, good: Callable[[bytes], bool], found: list[Exported]
) -> Iterator[None]:
    """Look through all sources, and stop after each slice; touches no row.

    :param good: whether a source is known-good.
    :param found: where the worst are put, in no order.
    """
    settings, table = reputation.settings, reputation.sources
    for number, row in enumerate(table):
        if number % SLICE == SLICE - 1:
            yield
        counts = judged(table.totals(row), settings, 0.5 ** (max(0.0, now - row.at) / HALF_LIFE))
        if not counts.enough or counts.score < settings.tempfail or good(row.key):
            continue
        found.append(
            Exported(row.key, counts.score, band_of(counts.score, len(counts.signals), settings), counts.signals)
        )


def worst(found: Iterable[Exported], most: int) -> tuple[Exported, ...]:
    """Give the worst of them, worst first."""
    return tuple(sorted(found, key=lambda each: (-each.score, each.source))[:most])


def network_text(source: bytes) -> str:
    """Give a source as an address, or a /64."""
    if len(source) == 4:
        return ".".join(map(str, source))
    return f"{IPv6Address(source + bytes(8))}/64"


def render(sources: Iterable[Exported], made: str) -> bytes:
    """Write a list: a source a line, its score and why behind ``#``; a feed for other nodes.

    :param made: when, in words.
    """
    lines = [f"# sources with a bad name, made {made}"]
    lines += [f"{network_text(each.source)} # score {each.score:.0f}: {', '.join(each.signals)}" for each in sources]
    return "\n".join([*lines, ""]).encode("ascii")
