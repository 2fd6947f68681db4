"""What is valid in a configuration and still worth knowing; ``--check`` prints it.

Pure: looks at the settings only.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.delivery import NoticeSenders
from shieldrelay.config.domain import Domain, NextHopTls
from shieldrelay.config.list_sources import Form, Https
from shieldrelay.config.mode import Mode
from shieldrelay.config.recipients_checks import uses_csv
from shieldrelay.config.schema import Configuration
from shieldrelay.config.smtp import BareNewlines
from shieldrelay.config.sources import SourceKind

WIDE = {4: 8, 6: 19}
"""IP version: prefix length up to which a network in a list is wider than anybody's own."""


def notes(configuration: Configuration) -> tuple[str, ...]:
    """Give one sentence, without its full stop, for each thing that an operator may have overlooked."""
    of_domains = (note for domain in configuration.domains for note in _of_domain(configuration, domain))
    return (*_of_node(configuration), *of_domains)


def _of_node(configuration: Configuration) -> Iterator[str]:
    if not configuration.domains:
        yield "no domain is protected yet: every recipient is put off (451); put a file for each into domains.d/"
    if configuration.node.user == "root":
        yield '[node] user is "root": the node keeps all its rights when it is started as root'
    if configuration.smtp.bare_newlines is BareNewlines.NORMALIZE:
        yield "[smtp] bare_newlines: content that could smuggle messages is repaired instead of refused"
    yield from _of_shield(configuration)
    if configuration.delivery.notice_senders is NoticeSenders.ALL:
        yield "[delivery] notice_senders: failure notices go to forged senders too"


def _of_domain(configuration: Configuration, domain: Domain) -> Iterator[str]:
    yield from _of_list(configuration, domain)
    if domain.recipients.anyone:
        yield f"{domain.domain}: every recipient is taken; what does not exist is refused by the next hop only"
    if domain.next_hop_tls is NextHopTls.NONE:
        yield f"{domain.domain}: mail goes to its next hops without TLS"
    lower = configuration.smtp.bare_newlines is not BareNewlines.NORMALIZE
    if domain.bare_newlines is BareNewlines.NORMALIZE and lower:
        yield f"{domain.domain}: content that could smuggle messages is repaired instead of refused"
    if domain.harvest is not Mode.ENFORCE and configuration.shield.harvest.mode is Mode.ENFORCE:
        yield f"{domain.domain}: harvesting its recipients is not refused"


def _of_shield(configuration: Configuration) -> Iterator[str]:
    shield = configuration.shield
    for name in ("greeting", "connections", "analysis", "harvest", "reputation"):
        mode = getattr(shield, name).mode
        if mode is not Mode.ENFORCE:
            yield f"[shield.{name}] mode: it refuses nobody ({mode.value})"
    for name, networks in (("allow", shield.allow), ("deny", shield.deny)):
        for network in networks:
            if network.prefixlen <= WIDE[network.version]:
                yield f"[shield] {name}: {network} is a large part of the internet"


def _of_list(configuration: Configuration, domain: Domain) -> Iterator[str]:
    """What is written about a list and has no effect, and what may be read on the way."""
    source, ldap = domain.recipients, domain.ldap
    used = {
        "csv": uses_csv(domain),
        "ldap": source.kind.is_directory or source.kind is SourceKind.LDIF or _is_ldif(domain),
        "https": source.kind is SourceKind.HTTPS,
    }
    for name, matters in used.items():
        if getattr(domain, name) is not None and not matters:
            yield f"{domain.domain}: [{name}] has no effect, recipients come from {source}"
    if source.kind.is_directory and ldap is not None and not ldap.verify:
        yield f"{domain.domain}: whoever is between can make up the list, because [ldap] verify is false"
    if source.anyone and (domain.sub_addressing or domain.shrink_guard is not None or domain.traps):
        yield f"{domain.domain}: settings of its list have no effect, because every recipient is taken"


def _is_ldif(domain: Domain) -> bool:
    return domain.recipients.kind is SourceKind.HTTPS and (domain.https or Https()).form is Form.LDIF
