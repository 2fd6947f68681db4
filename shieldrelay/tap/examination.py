"""``--check``: everything that a start would read, tried without starting; nothing is bound, written or changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from shieldrelay.config.domain import Domain
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.notes import notes
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.content.loading import CheckFaults
from shieldrelay.recipients.builder import Lines, examine
from shieldrelay.recipients.fault import ListingFault
from shieldrelay.recipients.plain_file import files_of
from shieldrelay.recipients.settings import ListKind
from shieldrelay.wire.certificates import CertificateFault
from shieldrelay.wire.tls_client import ClientContexts, ClientTlsSettings
from shieldrelay.wire.tls_server import TlsFault, check

EX_CONFIG = 78
"""The exit status for a faulty configuration (sysexits.h)."""


def try_configuration(file: str, out: TextIO, err: TextIO) -> int:
    """Try a configuration.

    :returns: the exit status, 0 or `EX_CONFIG`.
    """
    try:
        configuration = read(file)
    except ConfigurationFaults as faults:
        return tell(faults.faults, err)
    faulty: list[object] = []
    remarks = [*notes(configuration), *_try_server_tls(configuration, faulty)]
    _try_checks(configuration, faulty)
    sizes = {domain.domain: _try_list(configuration, domain, faulty, remarks) for domain in configuration.domains}
    for domain in configuration.domains:
        _try_client_tls(configuration, domain, faulty)
    if faulty:
        return tell(faulty, err)
    for remark in remarks:
        out.write(f"note: {remark}\n")
    out.write(f"{file}: valid\n")
    for domain in configuration.domains:
        out.write(f"  {_described(domain, sizes[domain.domain])}\n")
    return 0


def tell(faults: Sequence[object], err: TextIO) -> int:
    """Tell faults, one a line, and give the exit status."""
    for fault in faults:
        err.write(f"{fault}\n")
    err.write(f"the configuration has {len(faults)} fault{'' if len(faults) == 1 else 's'}; nothing was started\n")
    return EX_CONFIG


def _described(domain: Domain, listed: str) -> str:
    hops = ", then ".join(" and ".join(str(hop) for hop in group) for group in domain.next_hops)
    return f"{', '.join(domain.names)}: {listed}, next hops {hops}"


def _try_list(configuration: Configuration, domain: Domain, faulty: list[object], remarks: list[str]) -> str:
    """Read a domain's list, if it is a file that the operator names; give what there is, in words."""
    from shieldrelay.assembly.list_terms import list_settings

    settings = list_settings(configuration, domain)
    if settings.kind is ListKind.ANY:
        return "any recipient"
    if settings.kind is not ListKind.FILE:
        return f"recipients from {domain.recipients}"
    try:
        with ExitStack() as opened:
            sources = [
                Lines(path, opened.enter_context(Path(path).open("rb")), standing)
                for path, standing in files_of(settings)
            ]
            count, faults = examine(settings, sources)
    except OSError as error:
        faulty.append(ListingFault(settings.location, None, (error.strerror or "it cannot be read").lower()))
        return "no recipients"
    if len(faults) > settings.guards.faults_most or len(faults) > settings.guards.faults_share * (count + len(faults)):
        faulty += faults
    else:
        remarks += [str(fault) for fault in faults]
    return f"{count} recipients"


def _try_checks(configuration: Configuration, faulty: list[object]) -> None:
    """Load the plugins."""
    from shieldrelay.assembly.checks import checks

    try:
        checks(configuration)
    except CheckFaults as faults:
        faulty += faults.faults


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
