"""The hub that the configuration names, bound to the reactor: in memory for a process alone, or a Redis server.

Called by `assembly.shield`. A node with a Redis server that is away is built and started all the same: nothing is
connected before something is asked. The room of Redis is imported only where it is used.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from shieldrelay.cluster.hub import Hub
from shieldrelay.cluster.kinds import Kind
from shieldrelay.cluster.memory_hub import MemoryHub
from shieldrelay.config.cluster import Cluster, HubScheme
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import read_secret
from shieldrelay.ports import WallClock

if TYPE_CHECKING:
    from shieldrelay.redis.hub import Way
    from shieldrelay.redis.server import Login, Place

TIMEOUT_SECONDS = 2.0
"""For a connection, and for an answer."""
_SENTINEL_SECONDS = 0.8
"""Likewise of each Sentinel, within the time for a connection."""


def hub_of(
    configuration: Configuration, kinds: Iterable[Kind], reactor: Any, wall: WallClock
) -> tuple[Hub, Callable[[], object]]:
    """Make the hub; gives with it what lets go of it at the end.

    :raises SecretFault: a declared secret cannot be read.
    :raises ValueError: the file of authorities has no certificate.
    :raises OSError: it cannot be read.
    """
    cluster = configuration.cluster
    if cluster.hub.alone:
        return MemoryHub(kinds, reactor, wall), bool
    from shieldrelay.redis.hub import RedisHub

    hub = RedisHub(
        _way(cluster, reactor),
        kinds,
        reactor,
        secrets.randbelow,
        name=cluster.name,
        identity=_identity(cluster),
        timeout=TIMEOUT_SECONDS,
    )
    return hub, hub.close


def _identity(cluster: Cluster) -> str:
    """Give what tells clusters of one name apart, and says nothing of the key."""
    if cluster.key is None:
        return ""
    return hashlib.sha256(b"shieldrelay cluster " + read_secret(cluster.key).reveal()).hexdigest()[:16]


def _way(cluster: Cluster, reactor: Any) -> Way:
    from shieldrelay.redis.sentinels import BySentinels
    from shieldrelay.redis.server import Direct, tcp_place

    if cluster.hub.scheme is not HubScheme.SENTINEL:
        return Direct(reactor, _place(cluster, reactor), _login(cluster))
    places = [tcp_place(reactor, each.host, each.port, _SENTINEL_SECONDS) for each in cluster.hub.servers]
    return BySentinels(
        reactor,
        places,
        cluster.hub.master,
        _login(cluster),
        lambda host, port: tcp_place(reactor, host, port, TIMEOUT_SECONDS),
        _SENTINEL_SECONDS,
    )


def _place(cluster: Cluster, reactor: Any) -> Place:
    from shieldrelay.redis.server import authorities_of, tcp_place, tls_place, unix_place

    if cluster.hub.scheme is HubScheme.UNIX:
        return unix_place(reactor, cluster.hub.path, TIMEOUT_SECONDS)
    (server,) = cluster.hub.servers
    if cluster.hub.scheme is HubScheme.TCP:
        return tcp_place(reactor, server.host, server.port, TIMEOUT_SECONDS)
    authorities = None if cluster.ca is None else authorities_of(cluster.ca)
    return tls_place(reactor, server.host, server.port, TIMEOUT_SECONDS, authorities)


def _login(cluster: Cluster) -> Login:
    from shieldrelay.redis.server import Login

    password = None if cluster.password is None else read_secret(cluster.password).reveal()
    return Login(cluster.hub.user, password, cluster.hub.database)
