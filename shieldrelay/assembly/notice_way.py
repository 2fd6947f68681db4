"""Who is sent notices, and how they leave (R8): the judge and the route that the configuration names, and next hops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shieldrelay.assembly import translation
from shieldrelay.config.delivery import NoticeSenders
from shieldrelay.config.routes import NoticeWay
from shieldrelay.config.schema import Configuration
from shieldrelay.delivery.notice_route import (
    SMTP_PORT,
    MxRoute,
    NextHopsOf,
    NoticeRoute,
    OwnNextHopRoute,
    SmartHostRoute,
)
from shieldrelay.delivery.standing import EveryoneStanding, SenderStanding, SpfCheck, SpfStanding
from shieldrelay.journal import Journal
from shieldrelay.ports import NextHop, Resolver
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.outbound import PooledNextHop
from shieldrelay.wire.outbound_settings import Reactor
from shieldrelay.wire.resolver import NoSuchName
from shieldrelay.wire.tls_client import ClientContexts, ClientTls, ClientTlsSettings


def sender_standing(configuration: Configuration, reactor: Reactor, spf: SpfCheck) -> SenderStanding:
    """Make who judges senders, by ``notice_senders``.

    :param spf: the node's one pool of evaluations.
    """
    if configuration.delivery.notice_senders is NoticeSenders.ALL:
        return EveryoneStanding()
    return SpfStanding(spf, reactor)


def notice_route(configuration: Configuration, resolver: Resolver) -> NoticeRoute:
    """Make the route that ``notices`` names."""
    wanted = configuration.delivery.notices
    if wanted.way is NoticeWay.SMARTHOST and wanted.smarthost is not None:
        return SmartHostRoute(wanted.smarthost.host, wanted.smarthost.port)
    next_hops = _next_hops_of(configuration)
    if wanted.way is NoticeWay.NEXT_HOP:
        return OwnNextHopRoute(next_hops)
    ours = [one.host for one in configuration.listen.smtp]
    return MxRoute(resolver, [configuration.node.hostname.lower()], ours, next_hops, NoSuchName, SMTP_PORT)


def notice_hop(
    configuration: Configuration,
    reactor: Reactor,
    resolver: Resolver,
    deadlines: Deadlines,
    journal: Journal,
    contexts: ClientContexts,
) -> Callable[[str, int], NextHop]:
    """Give what makes a next hop for a server that a notice goes to: opportunistic TLS, no credentials."""
    settings = translation.outbound(configuration, None)

    def made(host: str, port: int) -> NextHop:
        return PooledNextHop(
            reactor,
            host,
            port,
            resolver=resolver,
            settings=settings,
            deadlines=deadlines,
            journal=journal,
            tls=ClientTls(ClientTlsSettings(), contexts),
        )

    return made


def _next_hops_of(configuration: Configuration) -> NextHopsOf:
    servers = {
        name: [(hop.host, hop.port) for group in domain.next_hops for hop in group]
        for name, domain in configuration.domains_by_name().items()
    }

    def next_hops(domain: str) -> Sequence[tuple[str, int]]:
        return servers.get(domain, ())

    return next_hops
