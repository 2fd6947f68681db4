"""``python -m shieldrelay.check``: run the looks that were asked for, in order, and tell. ``admin.ctl_check`` runs it.

Arguments come as one JSON object, as that command made them of what was typed; see `Wanted`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from shieldrelay.check.certificate import trusting
from shieldrelay.check.finding import Finding, Level, status_of
from shieldrelay.check.leaks import HEADER_OCTETS, header_leaks, leaks
from shieldrelay.check.lists import listings
from shieldrelay.check.names import Names
from shieldrelay.check.outside import SMTP_PORT, Reach, elsewhere, outside
from shieldrelay.check.policies import keys, policies, policy_of
from shieldrelay.check.records import records
from shieldrelay.check.report import as_json, report
from shieldrelay.check.settings import certificates, settings
from shieldrelay.check.subject import Subject, configured, typed
from shieldrelay.config.check import Check
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.hosts import HostPort, ServerAddress, ServerIp
from shieldrelay.config.kinds import Unfit
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration

USAGE = 2
"""The exit status for what cannot be understood."""


@frozen(kw_only=True)
class Wanted:
    """What was typed.

    :ivar config: the configuration's file; ``""``: go by what else was typed.
    :ivar domains: protected domains, with their ``servers`` and ``nodes``.
    :ivar resolver: name servers to ask, in the place of the configured ones.
    :ivar message: a file with a message that the customer sent; ``-`` is standard input.
    :ivar trust: a file of certificates that are trusted, in the place of the system's.
    :ivar outside: try what can be reached, and nothing of the node's own files.
    """

    config: str = ""
    domains: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    resolver: tuple[str, ...] = ()
    message: str = ""
    trust: str = ""
    outside: bool = False
    smtp_port: int = SMTP_PORT
    json: bool = False
    quiet: bool = False


def run(wanted: Wanted) -> Iterator[Finding]:
    """Look.

    :raises Unfit: something was typed that cannot be.
    :raises OSError: a file that was named cannot be read.
    """
    servers = [ServerAddress().parse(each) for each in wanted.servers]
    resolvers = [ServerIp(53).parse(each) for each in wanted.resolver]
    try:
        client = trusting(wanted.trust)
    except OSError as error:
        raise Unfit(f"{wanted.trust}: {error.strerror or error}") from error
    configuration = None
    if not wanted.domains:
        if not wanted.outside:
            yield from settings(wanted.config)
        try:
            configuration = read(wanted.config)
        except ConfigurationFaults as faults:
            if wanted.outside:
                yield Finding("configuration", Level.ERROR, wanted.config, str(faults.faults[0]))
            return
        if not wanted.outside:
            yield from certificates(configuration, client)
    subject = _subject(wanted, configuration, servers)
    names = Names(resolvers or (configuration.resolver.servers if configuration is not None else ()))
    yield from records(subject, names)
    shown = keys(configuration) if configuration is not None else {}
    yield from policies(subject, names, shown, lambda host: policy_of(host, client))
    yield from leaks(subject, names)
    if wanted.message:
        yield from header_leaks(_message(wanted.message), wanted.message, subject, names)
    if wanted.outside:
        yield from outside(subject, names, client, Reach(wanted.smtp_port))
    elif subject.domains:
        words = "whether its servers are closed to strangers can be told from another machine only"
        yield Finding("outside", Level.NOTE, subject.domains[0].name, words, "run there: " + elsewhere(subject))
    yield from listings(subject, names)


def _subject(wanted: Wanted, configuration: Configuration | None, servers: list[HostPort]) -> Subject:
    if configuration is not None:
        return configured(configuration, wanted.nodes)
    look = Check()
    defaults = Subject((), (), look.lists, look.guessed)
    return typed(wanted.domains, servers, wanted.nodes, defaults)


def _message(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(HEADER_OCTETS)
    with Path(name).open("rb") as stream:
        return stream.read(HEADER_OCTETS)


def main(argv: list[str]) -> int:
    """Look, print, and give the exit status."""
    given: dict[str, Any] = json.loads(argv[0])
    words: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    wanted = Wanted(**words)
    try:
        findings = list(dict.fromkeys(run(wanted)))
    except (Unfit, OSError) as fault:
        sys.stderr.write(f"shieldrelayctl: {fault}\n")
        return USAGE
    status = status_of(findings)
    told = json.dumps(as_json(findings, status), indent=2) if wanted.json else report(findings, quiet=wanted.quiet)
    sys.stdout.write(told + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
