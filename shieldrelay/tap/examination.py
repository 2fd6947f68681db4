"""``--check``: everything that a start would read, tried without starting; nothing is bound, written or changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from shieldrelay.config.domain import Domain
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.notes import notes
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.recipients.directory import Directory
from shieldrelay.recipients.loading import ListingFaults, load
from shieldrelay.wire.certificates import CertificateFault
from shieldrelay.wire.tls_client import ClientContexts, ClientTlsSettings
from shieldrelay.wire.tls_server import TlsFault, check

EX_CONFIG = 78
"""The exit status for a faulty configuration (sysexits.h)."""


def examine(file: str, out: TextIO, err: TextIO) -> int:
    """Try a configuration.

    :returns: the exit status, 0 or `EX_CONFIG`.
    """
    try:
        configuration = read(file)
    except ConfigurationFaults as faults:
        return tell(faults.faults, err)
    faulty: list[object] = []
    directory = None
    try:
        directory = load(configuration.domains)
    except ListingFaults as faults:
        faulty += faults.faults
    remarks = (*notes(configuration), *_try_server_tls(configuration, faulty))
    for domain in configuration.domains:
        _try_client_tls(configuration, domain, faulty)
    if faulty or directory is None:
        return tell(faulty, err)
    for remark in remarks:
        out.write(f"note: {remark}\n")
    out.write(f"{file}: valid\n")
    for domain in configuration.domains:
        out.write(f"  {_described(domain, directory)}\n")
    return 0


def tell(faults: Sequence[object], err: TextIO) -> int:
    """Tell faults, one a line, and give the exit status."""
    for fault in faults:
        err.write(f"{fault}\n")
    err.write(f"the configuration has {len(faults)} fault{'' if len(faults) == 1 else 's'}; nothing was started\n")
    return EX_CONFIG


def _described(domain: Domain, directory: Directory) -> str:
    size = directory.size(domain.domain)
    hops = ", then ".join(" and ".join(str(hop) for hop in group) for group in domain.next_hops)
    return f"{', '.join(domain.names)}: {'any recipient' if size is None else f'{size} recipients'}, next hops {hops}"


def _try_server_tls(configuration: Configuration, faulty: list[object]) -> Sequence[str]:
    """Read the node's certificates; give what is worth knowing about them."""
    from shieldrelay.assembly.translation import server_tls

    try:
        return check(server_tls(configuration), time.time())
    except TlsFault as fault:
        faulty += fault.faults
        return ()


def _try_client_tls(configuration: Configuration, domain: Domain, faulty: list[object]) -> None:
    """Read what a domain's next hops need for TLS."""
    from shieldrelay.assembly.translation import client_tls

    make: Callable[[ClientTlsSettings], object] = ClientContexts().context
    try:
        make(client_tls(configuration, domain))
    except CertificateFault as fault:
        faulty.append(f"{domain.domain}: {fault}")
