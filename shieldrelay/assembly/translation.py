"""From the words of the configuration to what each room is built with.

Pure, apart from the files of secrets. No room below knows the configuration; this is where the two vocabularies meet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from shieldrelay.config.domain import Domain
from shieldrelay.config.networks import SmtpByNetwork
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import read_secret
from shieldrelay.config.smtp import BareNewlines, OfferDsn, Smtp
from shieldrelay.delivery.breaker import Breaker
from shieldrelay.delivery.guard import BounceGuard, GuardLimits
from shieldrelay.delivery.lane import Machines
from shieldrelay.delivery.pace import Pace
from shieldrelay.delivery.queue import Lifetimes
from shieldrelay.delivery.ramp import Ramp
from shieldrelay.delivery.route import Route
from shieldrelay.delivery.schedule import Schedule
from shieldrelay.smtp.limits import BareNewlines as ContentBareNewlines
from shieldrelay.smtp.limits import ContentRules, Limits
from shieldrelay.smtp.receiver_settings import ReceiverSettings
from shieldrelay.smtp.sender_context import Handover
from shieldrelay.smtp.sender_opening import Credentials
from shieldrelay.spool.headroom import Reserve
from shieldrelay.wire.certificates import CertificateFiles
from shieldrelay.wire.inbound_timing import Patience
from shieldrelay.wire.outbound_settings import OutboundSettings, Timeouts
from shieldrelay.wire.tls_client import ClientTlsSettings, TlsLevel
from shieldrelay.wire.tls_context import TlsVersion
from shieldrelay.wire.tls_server import ServerTlsSettings


def name_servers(configuration: Configuration) -> list[tuple[str, int]] | None:
    """Give address and port of the DNS servers, ``None`` for those of resolv.conf."""
    return [(server.host, server.port) for server in configuration.resolver.servers] or None


def balancer(configuration: Configuration) -> Callable[[str], bool] | None:
    """Give what tells whether an address is one of the balancers that speak PROXY; ``None`` when none is declared."""
    networks = configuration.listen.proxy
    if not networks:
        return None

    @lru_cache(maxsize=1024)
    def declared(address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed.version == network.version and parsed in network for network in networks)

    return declared


def certificate_files(certificate: str | None, private_key: str | None) -> CertificateFiles | None:
    """Give the two files of a certificate, ``None`` when it is not configured."""
    if certificate is None or private_key is None:
        return None
    return CertificateFiles(Path(certificate), Path(private_key))


def server_tls(configuration: Configuration) -> ServerTlsSettings:
    """Give the settings of TLS towards clients."""
    tls = configuration.tls
    return ServerTlsSettings(
        configuration.node.hostname,
        Path(configuration.node.state),
        certificate_files(tls.certificate, tls.private_key),
        {name: CertificateFiles(Path(pair.certificate), Path(pair.private_key)) for name, pair in tls.sni.items()},
        TlsVersion(tls.minimum_version.value),
    )


def client_tls(configuration: Configuration, domain: Domain) -> ClientTlsSettings:
    """Give the settings of TLS towards a domain's next hops."""
    return ClientTlsSettings(
        TlsLevel(domain.next_hop_tls.value),
        domain.next_hop_tls_name,
        Path(domain.next_hop_tls_ca) if domain.next_hop_tls_ca else None,
        domain.next_hop_tls_pins,
        certificate_files(domain.next_hop_certificate, domain.next_hop_key),
        TlsVersion(configuration.tls.minimum_version.value),
    )


def outbound(configuration: Configuration, domain: Domain | None) -> OutboundSettings:
    """Give the settings of connections to a domain's next hops, or of those that carry notices.

    :raises SecretFault: when the password's file cannot be read.
    """
    delivery = configuration.delivery
    auth = None if domain is None else domain.next_hop_auth
    handover = Handover.NONE if domain is None else Handover(domain.next_hop_context.value)
    return OutboundSettings(
        hostname=configuration.node.hostname,
        credentials=None if auth is None else Credentials(auth.user, _password(auth.password_file)),
        plaintext_auth=auth is not None and auth.without_tls,
        handover=handover,
        timeouts=Timeouts(
            connect=delivery.connect_timeout,
            greeting=delivery.greeting_timeout,
            hello=delivery.hello_timeout,
            mail=delivery.mail_timeout,
            rcpt=delivery.recipient_timeout,
            data=delivery.data_timeout,
            content=delivery.block_timeout,
            final=delivery.attempt_limit,
        ),
        idle_seconds=delivery.idle,
        messages_per_connection=1 if handover is Handover.XCLIENT else delivery.messages_per_connection,
        source=delivery.source_address,
        direct_writes=configuration.node.shortcuts,
    )


def _password(file: str) -> str:
    return read_secret(file).reveal().decode("utf-8")


def machines(configuration: Configuration, domain: Domain) -> Machines:
    """Make the machines of one domain's lane."""
    delivery, pace = configuration.delivery, domain.pace
    doubt = delivery.bounce_guard
    limits = GuardLimits(doubt.share, doubt.messages, doubt.senders, doubt.window, doubt.hold)
    return Machines(
        breaker=Breaker(delivery.breaker_failures, delivery.probe),
        ramp=Ramp(pace.connections, delivery.ramp),
        pace=Pace(
            pace.connections,
            None if pace.messages is None else pace.messages.per_second * 60,
            None if pace.octets is None else pace.octets.per_second,
        ),
        guard=None if domain.recipients.anyone else BounceGuard(limits),
        route=Route([len(group) for group in domain.next_hops]),
    )


def schedule(configuration: Configuration) -> Schedule:
    """Give the waits between attempts."""
    return Schedule(configuration.delivery.retry, configuration.delivery.jitter)


def lifetimes(configuration: Configuration) -> Lifetimes:
    """Give how long a message is kept."""
    return Lifetimes(configuration.delivery.lifetime, configuration.delivery.hard_lifetime)


def reserve(configuration: Configuration) -> Reserve:
    """Give what is kept free on the spool's disk."""
    disk = configuration.disk
    return Reserve(disk.reserve, configuration.smtp.message_size, disk.reserve_inodes, disk.warn, disk.domain_share)


def patience(smtp: Smtp) -> Patience:
    """Give how long clients may take."""
    return Patience(
        smtp.command_timeout,
        smtp.session_limit,
        smtp.content_timeout,
        smtp.minimum_rate.per_second,
        smtp.minimum_rate_window,
    )


def receiver_settings(configuration: Configuration, smtp: Smtp) -> ReceiverSettings:
    """Give what the receiver is built with, for the settings of one network."""
    return ReceiverSettings(
        hostname=configuration.node.hostname.encode("ascii"),
        limits=Limits(
            recipients=smtp.recipients,
            messages=smtp.messages_per_session,
            commands=smtp.commands_per_session,
            syntax_errors=smtp.syntax_errors,
            unknown_commands=smtp.unknown_commands,
            junk_commands=smtp.junk_commands,
            command_line=smtp.command_line,
        ),
        banner=smtp.greeting.encode("ascii"),
        rules=ContentRules(message_size=smtp.message_size, hops=smtp.hop_limit),
        offer_chunking=smtp.chunking,
        offer_smtputf8=smtp.smtputf8,
        offer_dsn=smtp.dsn is OfferDsn.ON,
        recipient_domains=smtp.recipient_domains,
    )


class ContentRulesByDomain:
    """What content must be like: the domain's word first, then the client's network's."""

    def __init__(self, configuration: Configuration, by_network: SmtpByNetwork) -> None:
        self._by_network = by_network
        self._own = {domain.domain: domain for domain in configuration.domains}
        self._size = {
            domain.domain: domain.message_size or configuration.smtp.message_size for domain in configuration.domains
        }
        self._made: dict[tuple[str, int], ContentRules] = {}

    def content_rules(self, domain: str, address: str) -> ContentRules:
        """Give the rules for a client's content for a domain."""
        smtp = self._by_network.settings_for(address)
        key = (domain, id(smtp))  # the same objects for as long as the configuration lasts
        rules = self._made.get(key)
        if rules is None:
            own = self._own[domain]
            bare = own.bare_newlines or smtp.bare_newlines
            wanted = ContentBareNewlines.REFUSE if bare is BareNewlines.REFUSE else ContentBareNewlines.NORMALIZE
            size = min(self._size[domain], smtp.message_size)
            rules = ContentRules(size, wanted, line=own.line_length, hops=smtp.hop_limit)
            self._made[key] = rules
        return rules
