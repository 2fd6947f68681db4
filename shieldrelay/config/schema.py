"""The whole configuration: every setting of the node and of its domains, declared once.

The sections stand in files of their names (``config.node``, ``config.smtp``, ``config.shield`` ...); their enums come
with them. A `Configuration` is valid or was never built (`config.reader.read` is the door; tests may build one
directly). Immutable: a reload makes a new one. Knows no file and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from shieldrelay.config.admin import Admin
from shieldrelay.config.alarms import Alarms
from shieldrelay.config.check import Check
from shieldrelay.config.cluster import Cluster
from shieldrelay.config.content import Content
from shieldrelay.config.delivery import Delivery
from shieldrelay.config.domain import Domain
from shieldrelay.config.hosts import IpNetwork, Network
from shieldrelay.config.manhole import Manhole
from shieldrelay.config.node import Disk, Listen, Node, Resolver, Tls
from shieldrelay.config.recipients import Recipients
from shieldrelay.config.setting import keyed, required_subsection, section, subsection
from shieldrelay.config.shield import Shield
from shieldrelay.config.smtp import NetworkOverrides, Smtp
from shieldrelay.config.stress import Stress
from shieldrelay.config.trace import Trace
from shieldrelay.mail.address import Mailbox, parse_mailbox


@section
class Configuration:
    """Everything an operator can set.

    :ivar domains: the protected domains, those of ``[[domain]]`` tables first, then the files of
        ``domains.d/`` by name, then those that were pushed.
    :ivar pushed: which of them were; ``hidden`` those that were and are not in force, since a file of the
        configuration has one of their names.
    :ivar path: the main file, ``""`` when it was built without one.
    :ivar origins: where each setting comes from: ``"smtp.message_size"`` to ``"file:line"``; what is
        missing is a default.
    :ivar fingerprint: 12 hexadecimal digits that differ when any configuration file does.
    :ivar worker: which process of the node goes by it, from 1; 0 for a node of one process, and for the parent of
        several. ``workers`` is how many there are. See ``config.workers``.
    """

    node: Node = required_subsection(Node, help="")
    listen: Listen = subsection(Listen, factory=Listen, help="")
    tls: Tls = subsection(Tls, factory=Tls, help="")
    cluster: Cluster = subsection(Cluster, factory=Cluster, help="")
    admin: Admin = subsection(Admin, factory=Admin, help="")
    alarms: Alarms = subsection(Alarms, factory=Alarms, help="")
    smtp: Smtp = subsection(Smtp, factory=Smtp, help="")
    networks: Mapping[IpNetwork, NetworkOverrides] = keyed(
        Network(),
        NetworkOverrides,
        factory=dict,
        example="192.0.2.0/24",
        help="Settings of [smtp], and limits of connections, for single networks.",
    )
    shield: Shield = subsection(Shield, factory=Shield, help="")
    stress: Stress = subsection(Stress, factory=Stress, help="")
    recipients: Recipients = subsection(Recipients, factory=Recipients, help="")
    content: Content = subsection(Content, factory=Content, help="")
    delivery: Delivery = subsection(Delivery, factory=Delivery, help="")
    trace: Trace = subsection(Trace, factory=Trace, help="")
    disk: Disk = subsection(Disk, factory=Disk, help="")
    resolver: Resolver = subsection(Resolver, factory=Resolver, help="")
    check: Check = subsection(Check, factory=Check, help="")
    manhole: Manhole = subsection(Manhole, factory=Manhole, help="")
    domains: tuple[Domain, ...] = attrs.field(default=())
    pushed: tuple[str, ...] = attrs.field(default=())
    hidden: tuple[str, ...] = attrs.field(default=())
    path: str = attrs.field(default="", eq=False)
    origins: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)
    fingerprint: str = attrs.field(default="", eq=False)
    worker: int = attrs.field(default=0, eq=False)
    workers: int = attrs.field(default=1, eq=False)

    @property
    def member(self) -> str:
        """The node's directory within the spool."""
        return self.node.member or self.node.hostname

    @property
    def postmaster(self) -> Mailbox:
        """Where ``<postmaster>`` without a domain goes."""
        if self.node.postmaster is not None:
            return self.node.postmaster
        domain = self.domains[0].domain if self.domains else self.node.hostname
        return parse_mailbox(b"postmaster@" + domain.encode("ascii"))

    def domains_by_name(self) -> dict[str, Domain]:
        """Give every protected domain under each of its names, as `Mailbox.domain_key` spells them."""
        return {name: domain for domain in self.domains for name in domain.names}
