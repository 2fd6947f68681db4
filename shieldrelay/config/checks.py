"""What one value alone cannot show: settings that contradict each other, and files that are not there.

Each check looks at built sections and yields `Finding` values; a finding that touches a setting which is already known
to be faulty is dropped by the reader. Looks at the file system only to ask whether a named file can be read. The
defences' own stand in ``config.shield_checks``, the lists' in ``config.recipients_checks``. Called by `config.reader`.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.admin_checks import check_admin
from shieldrelay.config.alarms_checks import check_alarms
from shieldrelay.config.cluster_checks import check_cluster
from shieldrelay.config.domain import Domain, NextHopTls
from shieldrelay.config.faults import Path
from shieldrelay.config.finding import Finding, readable, secret, together
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.recipients_checks import check_list
from shieldrelay.config.schema import Configuration
from shieldrelay.config.shield_checks import check_shield

_EVERYWHERE = ("0.0.0.0", "::")


def check_node(configuration: Configuration) -> Iterator[Finding]:
    """Look at everything but the domains."""
    yield from _check_tls(configuration)
    yield from _check_listen(configuration)
    yield from _check_times(configuration)
    yield from _check_memory(configuration)
    yield from check_shield(configuration)
    yield from check_cluster(configuration)
    yield from check_admin(configuration)
    yield from check_alarms(configuration)


def _check_tls(configuration: Configuration) -> Iterator[Finding]:
    tls = configuration.tls
    yield from together(("tls",), "certificate", tls.certificate, "private_key", tls.private_key)
    named: list[tuple[Path, str | None]] = [
        (("tls", "certificate"), tls.certificate),
        (("tls", "private_key"), tls.private_key),
    ]
    for host, pair in tls.sni.items():
        named.append((("tls", "sni", host, "certificate"), pair.certificate))
        named.append((("tls", "sni", host, "private_key"), pair.private_key))
    yield from readable(named)


def _check_listen(configuration: Configuration) -> Iterator[Finding]:
    seen: set[HostPort] = set()
    for address in configuration.listen.smtp:
        if address.port and address in seen:
            yield Finding((("listen", "smtp"),), f"{address} is there twice", "name each address once")
        seen.add(address)


def _check_times(configuration: Configuration) -> Iterator[Finding]:
    delivery = configuration.delivery
    if delivery.lifetime > delivery.hard_lifetime:
        yield Finding(
            (("delivery", "hard_lifetime"), ("delivery", "lifetime")),
            "hard_lifetime is shorter than lifetime",
            "hard_lifetime bounds what lifetime and the down-time of a next hop come to together",
        )
    if delivery.inline_timeout > delivery.attempt_limit:
        yield Finding(
            (("delivery", "inline_timeout"), ("delivery", "attempt_limit")),
            "inline_timeout is longer than attempt_limit",
            "an attempt outlives the sender's wait, never the other way round (R1)",
        )


def _check_memory(configuration: Configuration) -> Iterator[Finding]:
    smtp = configuration.smtp
    if smtp.memory_per_message > smtp.memory:
        yield Finding(
            (("smtp", "memory_per_message"), ("smtp", "memory")),
            "memory_per_message is more than memory",
            "memory is shared by the messages of all sessions",
        )


def check_domain(configuration: Configuration, domain: Domain) -> Iterator[Finding]:
    """Look at one domain beside the node's settings; paths are relative to the domain's table."""
    yield from _check_next_hop_tls(domain)
    yield from _check_loop(configuration, domain)
    yield from _check_auth(domain)
    yield from check_list(configuration, domain)
    if domain.message_size is not None and domain.message_size > configuration.smtp.message_size:
        yield Finding(
            (("message_size",),),
            "it is more than [smtp] message_size",
            f"at most {configuration.smtp.message_size} octets; a domain may only set less",
        )
    yield from readable(
        [
            (("next_hop_tls_ca",), domain.next_hop_tls_ca),
            (("next_hop_certificate",), domain.next_hop_certificate),
            (("next_hop_key",), domain.next_hop_key),
        ]
    )


def _check_next_hop_tls(domain: Domain) -> Iterator[Finding]:
    yield from together((), "next_hop_certificate", domain.next_hop_certificate, "next_hop_key", domain.next_hop_key)
    if domain.next_hop_tls is not NextHopTls.NONE:
        return
    for name in ("next_hop_tls_name", "next_hop_tls_ca", "next_hop_tls_pins", "next_hop_certificate"):
        if getattr(domain, name):
            yield Finding(
                ((name,), ("next_hop_tls",)),
                'it has no effect because next_hop_tls is "none"',
                'leave it out, or set next_hop_tls to "verified"',
            )


def _check_loop(configuration: Configuration, domain: Domain) -> Iterator[Finding]:
    for hop in (hop for group in domain.next_hops for hop in group):
        for own in configuration.listen.smtp:
            if own.port == hop.port and _reaches(hop.host, own.host):
                yield Finding(
                    (("next_hops",),), f"{hop} is this node itself", "the address of the server behind this node"
                )


def _reaches(host: str, own: str) -> bool:
    """Whether a connection to ``host`` ends at our own socket on ``own``, as far as addresses show it."""
    loopback = host.startswith("127.") or host in ("::1", "localhost")
    return host == own or host in _EVERYWHERE or (loopback and own in _EVERYWHERE)


def _check_auth(domain: Domain) -> Iterator[Finding]:
    auth = domain.next_hop_auth
    if auth is None:
        return
    if domain.next_hop_tls is NextHopTls.NONE and not auth.without_tls:
        yield Finding(
            (("next_hop_auth",), ("next_hop_tls",)),
            'the password could never be sent because next_hop_tls is "none"',
            "allow TLS, or set without_tls",
        )
    yield from secret(("next_hop_auth", "password_file"), auth.password_file)
