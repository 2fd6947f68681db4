"""What is valid in a configuration and still worth knowing; ``--check`` prints it.

Pure: looks at the settings only.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.delivery import NoticeSenders
from shieldrelay.config.domain import Domain, NextHopTls
from shieldrelay.config.schema import Configuration
from shieldrelay.config.smtp import BareNewlines


def notes(configuration: Configuration) -> tuple[str, ...]:
    """Give one sentence, without its full stop, for each thing that an operator may have overlooked."""
    of_domains = (note for domain in configuration.domains for note in _of_domain(configuration, domain))
    return (*_of_node(configuration), *of_domains)


def _of_node(configuration: Configuration) -> Iterator[str]:
    if configuration.node.user == "root":
        yield '[node] user is "root": the node keeps all its rights when it is started as root'
    if configuration.smtp.bare_newlines is BareNewlines.NORMALIZE:
        yield "[smtp] bare_newlines: content that could smuggle messages is repaired instead of refused"
    if configuration.delivery.notice_senders is NoticeSenders.ALL:
        yield "[delivery] notice_senders: failure notices go to forged senders too"


def _of_domain(configuration: Configuration, domain: Domain) -> Iterator[str]:
    if domain.recipients.anyone:
        yield f"{domain.domain}: every recipient is taken; what does not exist is refused by the next hop only"
    if domain.next_hop_tls is NextHopTls.NONE:
        yield f"{domain.domain}: mail goes to its next hops without TLS"
    lower = configuration.smtp.bare_newlines is not BareNewlines.NORMALIZE
    if domain.bare_newlines is BareNewlines.NORMALIZE and lower:
        yield f"{domain.domain}: content that could smuggle messages is repaired instead of refused"
