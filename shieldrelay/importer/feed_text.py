"""From the text of a feed to networks: an address or a network a line, comments behind ``#`` or ``;``.

A few lines that are neither are left out; more of them, or networks that cover much of the internet, and it is no feed.
Blocking: runs in a thread. What cannot be is an `ImportFault`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from attrs import frozen

from shieldrelay.importer.fault import FaultKind, ImportFault, shown, system_words
from shieldrelay.recipients.shelf import write_aside
from shieldrelay.shield.reputation_networks import Networks, parse_line

FAULTS_MOST, FAULTS_SHARE = 20, 0.01
"""Lines that may be nonsense, and their share of all; the smaller of the two holds."""
COVERED_MOST = 1 / 8
"""The share of all IPv4 addresses that a feed may have: active spammers are fewer."""


@frozen
class FeedText:
    """A feed that was read.

    :ivar skipped: lines that were nonsense.
    """

    networks: Networks
    skipped: int = 0


def read(file: Path) -> FeedText:
    """Read a feed.

    :raises ImportFault: it is none.
    """
    networks: list[IPv4Network | IPv6Network] = []
    lines, faults, first = 0, 0, ""
    try:
        with file.open("rb") as opened:
            for line in opened:
                lines += 1
                try:
                    network = parse_line(line)
                except ValueError:
                    faults += 1
                    first = first or shown(line.strip(), 60)
                    continue
                if network is not None:
                    networks.append(network)
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{file}: {system_words(error)}") from None
    if faults > min(FAULTS_MOST, FAULTS_SHARE * lines):
        raise ImportFault(FaultKind.MALFORMED, f"{faults} of {lines} lines are no networks; {first}")
    return FeedText(_believed(networks), faults)


def adopt(fetched: Path, kept: Path) -> FeedText:
    """Read what was fetched and, if it is a feed, keep it in place of the last one; the fetched file is gone then.

    :raises ImportFault: it is none, or cannot be kept; the last one stays.
    """
    try:
        found = read(fetched)
        write_aside(kept, fetched.read_bytes())
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{kept}: {system_words(error)}") from None
    finally:
        fetched.unlink(missing_ok=True)
    return found


def _believed(networks: list[IPv4Network | IPv6Network]) -> Networks:
    made = Networks(networks)
    if made.covered > COVERED_MOST:
        raise ImportFault(FaultKind.MALFORMED, f"it has {made.covered:.0%} of all IPv4 addresses: that is no feed")
    return made
