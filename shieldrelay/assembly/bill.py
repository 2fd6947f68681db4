"""The bill of materials: every long-lived object of a node, built in one function, in the order of their needs.

Reads what the configuration names (lists, certificates, secrets) and takes the spool's lock; binds no port, starts no
thread and no timer: that is `assembly.service`. What cannot be had is an exception in words for the operator.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from shieldrelay.assembly import list_terms, translation
from shieldrelay.assembly.capacity import Capacity
from shieldrelay.assembly.checks import checks
from shieldrelay.assembly.drafts import Drafts
from shieldrelay.assembly.house import House
from shieldrelay.assembly.lists import RecipientLists
from shieldrelay.assembly.notice_way import notice_hop, notice_route, sender_standing
from shieldrelay.assembly.outages import Outages
from shieldrelay.assembly.peers import peers_of
from shieldrelay.assembly.reputation import NodeReputation
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.assembly.shield import Shield
from shieldrelay.assembly.terms import Surroundings, Terms, acceptance_ways
from shieldrelay.assembly.testimony import Testimony
from shieldrelay.assembly.trace import journal_output
from shieldrelay.assembly.ways import DomainWay, WayMaker, WayTools
from shieldrelay.config.schema import Configuration
from shieldrelay.delivery.aftermath import Aftermath
from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.delivery.notice_budget import NoticeAllowance, NoticeBudget
from shieldrelay.delivery.notice_queue import NoticeQueue
from shieldrelay.delivery.notices import Notices
from shieldrelay.delivery.refusals import RefusedRecipients
from shieldrelay.journal import Journal
from shieldrelay.mail.identity import MessageIds
from shieldrelay.ports import WallClock
from shieldrelay.spool.maildir import Spool
from shieldrelay.wire.deadlines import Deadlines
from shieldrelay.wire.inbound_tools import InboundTools
from shieldrelay.wire.listeners import ListenAddress, Listeners
from shieldrelay.wire.lookups import Lookups
from shieldrelay.wire.resolver import Resolver
from shieldrelay.wire.threads import Threads
from shieldrelay.wire.tls_client import ClientContexts
from shieldrelay.wire.tls_server import ServerTls

SPOOL_THREADS = 16
"""Messages that are synced to the disk at once: more bring nothing on ext4, fewer cost throughput."""


def appliance(
    configuration: Configuration, reactor: Any, wall: WallClock = time.time, inherited: Sequence[int] = ()
) -> ApplianceService:
    """Build a node, or one worker of it.

    :param reactor: with monotonic time under it (D11).
    :param wall: seconds since the epoch.
    :param inherited: descriptors of the listening sockets that the parent of a worker bound.
    :raises ListFaults: (CheckFaults, TlsFault, CertificateFault, SecretFault, SpoolUnavailable) what cannot be had, in
        words for the operator; nothing is left behind but directories.
    """
    with ExitStack() as undo:
        node = _built(configuration, reactor, wall, inherited, undo)
        undo.pop_all()
    return node


def _built(
    configuration: Configuration, reactor: Any, wall: WallClock, inherited: Sequence[int], undo: ExitStack
) -> ApplianceService:
    """Build it.

    :param undo: is told what must be let go of when something further on cannot be had.
    """
    rnd = random.SystemRandom().random
    installed = checks(configuration, reactor)
    tls = ServerTls(translation.server_tls(configuration), wall)
    contexts = ClientContexts()
    output, hostname = journal_output(configuration), configuration.node.hostname
    journal = Journal(output, node=hostname, wall=wall, worker=configuration.worker)
    undo.callback(journal.close)
    state = list_terms.state_directory(configuration)
    recipients = RecipientLists(configuration, reactor, wall, journal, state)
    recipients.load(configuration)
    threads = Threads(reactor, "spool", SPOOL_THREADS)
    spool = Spool(
        configuration.node.spool,
        configuration.member,
        threads=threads,
        journal=journal,
        wall_clock=wall,
        furthest_due_seconds=2 * translation.schedule(configuration).cap,
    )
    spool.open()
    undo.callback(spool.close)
    ids = MessageIds(os.urandom)

    def new_id() -> str:
        return ids.new(wall())

    beginning, numbers = new_id()[:12], itertools.count(1)
    lookups = Lookups(reactor, journal, translation.name_servers(configuration))
    reputation = NodeReputation(configuration, reactor, wall, journal, threads, recipients.importer, state)
    shield = Shield(
        configuration, reactor, wall, journal, lambda: f"{beginning}{next(numbers):x}", threads, state,
        reputation, lookups,
    )  # fmt: skip
    peers = peers_of(configuration, recipients, shield, reactor=reactor, wall=wall, journal=journal)
    outages = Outages(spool, kept=configuration.delivery.hard_lifetime, wall=wall, journal=journal)
    sessions, connections = Deadlines(reactor, journal), Deadlines(reactor, journal)
    resolver = Resolver(reactor, translation.name_servers(configuration))
    ways: dict[str, DomainWay] = {}
    notices = Notices(
        hostname=configuration.node.hostname,
        spool=spool,
        standing=sender_standing(configuration, reactor, lookups.spf),
        budget=NoticeBudget(NoticeAllowance(configuration.delivery.notice_budget), reactor.seconds()),
        journal=journal,
        clock=reactor,
        wall=wall,
        new_id=new_id,
        stored=lambda: notice_queue.look(),
    )
    notice_queue = NoticeQueue(
        spool=spool,
        route=notice_route(configuration, resolver),
        reconsider=notices.reconsider,
        next_hop=notice_hop(configuration, reactor, resolver, connections, journal, contexts),
        schedule=translation.schedule(configuration),
        lifetime=configuration.delivery.notice_lifetime,
        journal=journal,
        clock=reactor,
        wall=wall,
        rnd=rnd,
    )
    memory = RefusedRecipients()
    aftermath = Aftermath(notices, memory, reactor)
    testimony = Testimony(shield, recipients, reputation, lambda: terms.gate.harvest_acts)
    fellowship = shield.fellowship(
        configuration.member, lambda domain: ways[domain].lane if domain in ways else None
    )  # fmt: skip
    way_maker = WayMaker(
        WayTools(reactor, resolver, connections, spool, outages, aftermath, testimony, wall, rnd, journal, fellowship)
    )
    for domain in configuration.domains:
        ways[domain.domain] = way_maker.make(configuration, domain, contexts, None)
    drafts = Drafts(spool)
    capacity = Capacity(
        spool,
        translation.reserve(configuration),
        drafts=lambda: drafts.growing,
        domains=lambda: ways,
        clock=reactor,
        journal=journal,
    )
    surroundings = Surroundings(
        shield=shield,
        lists=recipients.lists,
        capacity=capacity,
        memory=memory,
        budget=MemoryBudget(configuration.smtp.memory),
        spool=spool,
        open_draft=drafts.open,
        aftermath=aftermath,
        ids=ids,
        suspicious=lambda domain: domain in ways and ways[domain].suspicious,
        next_hop_size=lambda domain: ways[domain].announced_size if domain in ways else None,
        clock=reactor,
        wall=wall,
        journal=journal,
    )
    terms = Terms(configuration, acceptance_ways(ways), surroundings, installed)
    inbound = InboundTools(terms, sessions, tls, reactor, journal, configuration.node.shortcuts)
    addresses = [ListenAddress(one.host, one.port) for one in configuration.listen.smtp]
    listeners = Listeners(reactor, addresses, inherited)
    return ApplianceService(
        House(
            reactor=reactor,
            wall=wall,
            journal=journal,
            configuration=configuration,
            threads=threads,
            spool=spool,
            shield=shield,
            reputation=reputation,
            recipients=recipients,
            outages=outages,
            capacity=capacity,
            notices=notices,
            notice_queue=notice_queue,
            way_maker=way_maker,
            ways=ways,
            surroundings=surroundings,
            tls=tls,
            sessions=sessions,
            connections=connections,
            inbound=inbound,
            listeners=listeners,
            terms=terms,
            peers=peers,
        )
    )
