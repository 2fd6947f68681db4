"""Looks at what an answer names: is the node's name in DNS, where does the domain's mail go, can the list be read.

Each gives findings and changes nothing; an error means that mail would not go.
"""

from __future__ import annotations

import grp
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from shieldrelay.check.certificate import found, of_files, trusting
from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.config.sources import RecipientSource

GROUP = "shieldrelay"
"""Whom the node's files are readable for."""


def look_at_host(hostname: str, names: Names) -> Iterator[Finding]:
    """Look at the node's name: its addresses, whether they are this machine's, and their names."""
    try:
        addresses = names.addresses(hostname)
        if not addresses:
            advice = "make the address record that is shown at the end"
            yield Finding("dns", Level.WARNING, hostname, "has no address in DNS yet", advice)
        for address in addresses:
            yield from _look_at_address(hostname, address, names)
    except NoAnswer as fault:
        yield Finding("dns", Level.UNSURE, hostname, str(fault))


def _look_at_address(hostname: str, address: str, names: Names) -> Iterator[Finding]:
    if not is_ours(address):
        advice = "unless something in front of it hands its connections on, mail does not come here"
        yield Finding("dns", Level.WARNING, hostname, f"is {address}, which this machine does not have", advice)
    called = names.reverse(address)
    if hostname in called:
        yield Finding("dns", Level.GOOD, hostname, f"is {address}, and {address} is called so")
    else:
        other = f"is called {', '.join(called)}" if called else "has no name"
        advice = "let its PTR record name the node: failure notices are refused elsewhere without"
        yield Finding("dns", Level.WARNING, hostname, f"is {address}, which {other}", advice)


def is_ours(address: str) -> bool:
    """Whether this machine has an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.bind((address, 0))
        except OSError:
            return False
    return True


def look_at_domain(domain: str, hostname: str, names: Names) -> Iterator[Finding]:
    """Look where the domain's mail goes today."""
    try:
        exchangers = sorted(each.partition(" ")[2] for each in names.ask(domain, "MX"))
    except NoAnswer as fault:
        yield Finding("dns", Level.UNSURE, domain, str(fault))
        return
    if exchangers == [hostname]:
        yield Finding("dns", Level.GOOD, domain, "its MX record names this node")
    elif exchangers:
        words = f"its mail goes to {', '.join(exchangers)} today"
        yield Finding("dns", Level.NOTE, domain, words, "change that last, when all is tried")
    else:
        yield Finding("dns", Level.NOTE, domain, "has no MX record today")


def look_at_list(source: RecipientSource) -> Iterator[Finding]:
    """Look whether a file of recipients can be read by the node; what is in it is tried with the configuration."""
    if source.path is None:
        if source.anyone:
            advice = "harvesters and spam for nobody reach the server behind: have a list as soon as you can"
            yield Finding("lists", Level.WARNING, str(source), "everybody is taken to exist", advice)
        return
    yield from _look_at_file(Path(source.path), "lists")


def look_at_certificate(certificate: Path, key: Path, hostname: str) -> Iterator[Finding]:
    """Look at a certificate as a client that verifies would, and whether the node may read it."""
    try:
        yield found(of_files(certificate, key, hostname, trusting("")), hostname, str(certificate))
    except OSError as error:
        words = f"cannot be used: {error.strerror or error}"
        yield Finding("tls", Level.ERROR, f"{certificate} with {key}", words, "name the chain and its key, both in PEM")
        return
    for file in (certificate, key):
        yield from _look_at_file(file, "tls")


def _look_at_file(file: Path, part: str) -> Iterator[Finding]:
    """Say when the node, which is not root, could not read a file."""
    try:
        status, gid = file.stat(), grp.getgrnam(GROUP).gr_gid
    except (OSError, KeyError):
        return
    if not (status.st_mode & 0o004 or (status.st_gid == gid and status.st_mode & 0o040)) and os.geteuid() == 0:
        advice = f"chgrp {GROUP} {file} && chmod g+r {file}"
        yield Finding(part, Level.ERROR, str(file), f"is not readable for the group {GROUP}", advice)
