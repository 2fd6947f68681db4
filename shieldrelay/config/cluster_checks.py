"""What ``[cluster]`` contradicts: itself, and the number of workers.

Looks at the file system only to ask whether a named file can be read. Called by ``config.checks``.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.cluster import Cluster, HubScheme
from shieldrelay.config.finding import Finding, readable, secret
from shieldrelay.config.schema import Configuration

_HUB = ("cluster", "hub")


def check_cluster(configuration: Configuration) -> Iterator[Finding]:
    """Look at the cluster's section beside the node's."""
    cluster = configuration.cluster
    yield from _check_workers(configuration)
    yield from _check_redis(cluster)
    yield from _check_peers(cluster)


def _check_workers(configuration: Configuration) -> Iterator[Finding]:
    workers = configuration.node.workers
    if configuration.cluster.hub.alone and workers > 1:
        yield Finding(
            (("node", "workers"), _HUB),
            f"{workers} processes cannot share a hub in memory",
            'set [cluster] hub to a Redis server, as in "redis+unix:///run/redis/redis.sock", or workers to 1',
        )


def _check_redis(cluster: Cluster) -> Iterator[Finding]:
    path = ("cluster", "password")
    yield from secret(path, cluster.password)
    if cluster.password is None and cluster.hub.user:
        yield Finding((_HUB, path), "a user is named and no password", "give password, a file, or no user")
    if cluster.ca is not None and cluster.hub.scheme not in (HubScheme.TLS, HubScheme.MEMORY):
        yield Finding((("cluster", "ca"), _HUB), "it has no effect without rediss://", "leave it out, or use rediss://")
    yield from readable([(("cluster", "ca"), cluster.ca)])


def _check_peers(cluster: Cluster) -> Iterator[Finding]:
    listen, key = ("cluster", "listen"), ("cluster", "key")
    yield from secret(key, cluster.key)
    if cluster.listen is not None and cluster.key is None:
        yield Finding((listen, key), "key is missing beside it", "nodes talk to nobody who cannot prove the key")
    if cluster.advertise is not None and cluster.listen is None:
        yield Finding((("cluster", "advertise"), listen), "listen is missing beside it", "give both or neither")
    if cluster.listen is not None and cluster.advertise is None and cluster.listen.host in ("0.0.0.0", "::"):
        yield Finding(
            (listen, ("cluster", "advertise")),
            f"nobody can be told to connect to {cluster.listen.host}",
            "an address of this node, or advertise beside it",
        )
