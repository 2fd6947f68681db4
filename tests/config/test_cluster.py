"""The address of a hub, and what ``[cluster]`` contradicts."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from shieldrelay.config.cluster import Cluster, HubAddress, HubScheme, HubUrl
from shieldrelay.config.cluster_checks import check_cluster
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.kinds import Unfit
from shieldrelay.config.node import Node
from shieldrelay.config.schema import Configuration

GOOD = {
    "memory:": HubAddress(HubScheme.MEMORY),
    "redis://r.example": HubAddress(HubScheme.TCP, (HostPort("r.example", 6379),)),
    "redis://us-er@192.0.2.1:7000?db=3": HubAddress(
        HubScheme.TCP, (HostPort("192.0.2.1", 7000),), user="us-er", database=3
    ),
    "rediss://[2001:db8::1]:6380": HubAddress(HubScheme.TLS, (HostPort("2001:db8::1", 6380),)),
    "redis+unix:///run/redis/redis.sock?db=1": HubAddress(HubScheme.UNIX, path="/run/redis/redis.sock", database=1),
    "redis+unix://me@/run/redis.sock": HubAddress(HubScheme.UNIX, path="/run/redis.sock", user="me"),
    "redis+sentinel://a.example:26379,[2001:db8::1]:26379,192.0.2.3:1/our-master": HubAddress(
        HubScheme.SENTINEL,
        (HostPort("a.example", 26379), HostPort("2001:db8::1", 26379), HostPort("192.0.2.3", 1)),
        master="our-master",
    ),
}
BAD = {
    "memory": "is not the address of a hub",
    "http://r.example": "is not the address of a hub",
    "redis:r.example": "is not the address of a hub",
    "redis://": "is not of the form host:port",
    "redis://r.example:70000": "out of bounds",
    "redis://r.example/x": "is not the number of a database",
    "redis://r.example/1?db=1": "is not the number of a database",
    "redis://r.example?db=1024": "no number of a database",
    "redis://us er@r.example": "is not the name of a user",
    "redis+unix://run/redis.sock": "is not an absolute path",
    "redis+sentinel://a.example,b.example": "the name by which",
    "redis+sentinel://a.example,a.example/m": "named twice",
    "redis+sentinel:///m": "is not of the form host:port",
}


def configuration(cluster: Cluster, workers: int = 1) -> Configuration:
    return Configuration(node=Node(hostname="mx1.example", workers=workers), cluster=cluster)


class HubUrlTests(unittest.SynchronousTestCase):
    def test_addresses_are_taken_apart_and_shown(self) -> None:
        """Every form gives its parts, and what is shown of it gives the same parts again."""
        for written, address in GOOD.items():
            self.assertEqual(HubUrl().parse(written), address)
            self.assertEqual(HubUrl().parse(address.value), address)

    def test_a_database_may_stand_as_a_path(self) -> None:
        """What others write as the path of redis:// is the number of the database."""
        self.assertEqual(HubUrl().parse("redis://r.example:1/7").database, 7)

    def test_other_forms_are_refused_with_what_is_wrong(self) -> None:
        """Whatever is no address of a hub is refused, and said why."""
        for written, reason in BAD.items():
            fault = self.assertRaises(Unfit, HubUrl().parse, written)
            self.assertIn(reason, str(fault), written)

    def test_passwords_do_not_stand_in_addresses(self) -> None:
        """A password in the address is refused, and no error repeats it."""
        for written in (
            "redis://user:secret@r.example",
            "redis://:secret@r.example",
            "redis://user:sec@ret@r.example",
            "bedis://user:secret@r.example",
        ):
            fault = self.assertRaises(Unfit, HubUrl().parse, written)
            self.assertNotIn("secret", str(fault))
            self.assertNotIn("ret@", str(fault))


class ClusterCheckTests(unittest.SynchronousTestCase):
    def found(self, cluster: Cluster, workers: int = 1) -> str:
        return "; ".join(finding.wrong for finding in check_cluster(configuration(cluster, workers)))

    def secret(self, text: str = "secret\n") -> str:
        file = Path(self.mktemp())
        file.write_text(text)
        return str(file)

    def test_the_defaults_and_a_full_section_are_fine(self) -> None:
        """Neither a section without settings nor one with all of them is found fault with."""
        full = Cluster(
            hub=HubUrl().parse("rediss://user@192.0.2.1"),
            password=self.secret(),
            ca=self.secret(),
            key=self.secret(),
            listen=HostPort("0.0.0.0", 7025),
            advertise=HostPort("mx1.example", 7025),
        )
        self.assertEqual((self.found(Cluster()), self.found(full, workers=4)), ("", ""))

    def test_workers_need_a_hub_that_processes_share(self) -> None:
        """More than one worker and a hub in memory contradict each other, and it is said what to do."""
        (finding,) = check_cluster(configuration(Cluster(), 2))
        self.assertIn("2 processes cannot share", finding.wrong)
        self.assertIn("redis+unix:///", finding.valid)

    def test_what_has_no_effect_is_found(self) -> None:
        """Settings that need another setting are found fault with when it is not there."""
        redis = HubUrl().parse("redis://user@192.0.2.1")
        for cluster, wrong in (
            (Cluster(hub=redis), "a user is named and no password"),
            (Cluster(hub=redis, password=self.secret(), ca=self.secret()), "no effect without rediss"),
            (Cluster(hub=redis, password=self.secret("\n")), "its first line is empty"),
            (Cluster(hub=redis, password="/nowhere/at/all"), "no such file"),
            (Cluster(listen=HostPort("192.0.2.1", 7025)), "key is missing"),
            (Cluster(advertise=HostPort("mx1.example", 7025)), "listen is missing"),
            (Cluster(key=self.secret(), listen=HostPort("::", 7025)), "nobody can be told to connect to ::"),
        ):
            self.assertIn(wrong, self.found(cluster))
