"""Three nodes are one to an attacker: who spreads evenly over them gets no further than with one (R20, R28, R30)."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import count, cycle

from twisted.trial.unittest import SynchronousTestCase

from tests.capabilities import possible
from tests.cluster_nodes.site import ClusterNode, Site
from tests.integration.clients import Session
from tests.integration.node import Settings, wait_until

LOUD: Settings = {
    "shield.harvest": {"shield_floor": 100_000, "wary_floor": 100_000, "slow_floor": 100_000, "tarpit": "0s"},
    "shield.greeting": {"mode": "off"},
}
"""The sources are what is looked at here: a domain under attack by many would soon tell nobody anything. What is slow
on purpose is left out."""
TOLD = b"550"
DEADLINE_SECONDS = 1.0
SLACK = 5
"""How much later than promised on a machine that does ten things at once."""


@possible("root", "network namespaces", "redis-server", "ipv6")
class DefenceTests(SynchronousTestCase):
    """Three nodes that meet in Redis, and attackers with as many addresses as they like."""

    def setUp(self) -> None:
        self.site = Site(LOUD)
        self.addCleanup(self.site.close)
        self.addCleanup(lambda: self.assertEqual([bug for node in self.site.nodes for bug in node.bugs()], []))
        self.site.start()
        self._names = count()

    # -- a harvester

    def told(self, source: str, nodes: Sequence[int], sessions: int = 12) -> int:
        """Guess one name a session, one after the other, going round the nodes; give what one was told."""
        told = 0
        for _, node in zip(range(sessions), cycle(nodes), strict=False):
            told += self._guess(node, source, 1)
        return told

    def told_in_a_burst(self, source: str, nodes: Sequence[int], each: int) -> int:
        """Guess names on all these nodes at the same moment, so many pipelined on each; give what one was told."""
        ready = [self.site.session(node, source) for node in nodes]
        for session in ready:
            session.command(b"MAIL FROM:<me@attacker.test>")
        told = [0] * len(ready)

        def ask(number: int, session: Session) -> None:
            session.write(b"".join(self._question() for _ in range(each)))
            for _ in range(each):
                reply = self._heard(session)
                told[number] += reply.startswith(TOLD)
                if not reply or reply.startswith(b"421"):
                    break
            session.close()

        threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(ready)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(told)

    def _guess(self, node: int, source: str, names: int) -> int:
        told = 0
        try:
            with self.site.session(node, source) as session:
                session.command(b"MAIL FROM:<me@attacker.test>")
                for _ in range(names):
                    session.write(self._question())
                    told += self._heard(session).startswith(TOLD)
        except OSError:
            return told
        return told

    def _question(self) -> bytes:
        return b"RCPT TO:<guess%d@example.test>\r\n" % next(self._names)

    @staticmethod
    def _heard(session: Session) -> bytes:
        try:
            return session.reply()
        except OSError:
            return b""

    def test_a_harvester_learns_no_more_from_three_nodes_than_from_one(self) -> None:
        """One guess after the other, over IPv4 and IPv6: cut off after as many as on one node, within one guess."""
        for one, three in (("10.66.1.1", "10.67.1.1"), ("fd00:66::1", "fd00:67::1")):
            alone, spread = self.told(one, [0]), self.told(three, [0, 1, 2])
            self.assertGreater(alone, 0)
            self.assertLessEqual(abs(spread - alone), max(1, 0.2 * alone), (one, alone, spread))

    def test_a_burst_over_three_nodes_learns_at_most_twice_as_much(self) -> None:
        """All at the same moment on all nodes: at most twice what the same burst learns from one."""
        alone = self.told_in_a_burst("10.66.1.1", [0], 12)
        spread = self.told_in_a_burst("10.67.1.1", [0, 1, 2], 4)
        self.assertGreater(alone, 0)
        self.assertLessEqual(spread, 2 * alone, (alone, spread))

    # -- a ban

    def test_a_ban_on_one_node_is_in_force_on_all_within_a_second(self) -> None:
        """What an operator denies on one node, and releases on another, all nodes know within a second."""
        for source in ("10.68.1.1", "fd00:68::1"):
            self.assertEqual([self._greeting(node, source)[:3] for node in range(3)], [b"220"] * 3)
            self.site.nodes[0].ctl("deny", source, "--reason", "a test")
            self._all_say(source, b"554")
            self.site.nodes[1].ctl("revoke", source)
            self._all_say(source, b"220")

    def test_a_box_on_one_node_is_in_force_on_all_within_a_second(self) -> None:
        """Who is cut off by one node alone is answered alike by the others, for what is known and what is not."""
        source = "10.69.1.1"
        self.told(source, [0], 8)
        for node in (1, 2):
            with self.site.session(node, source) as session:
                session.command(b"MAIL FROM:<me@attacker.test>")
                replies = [session.command(b"RCPT TO:<%s@example.test>" % name)[:3] for name in (b"alice", b"nobody")]
            self.assertEqual(replies, [b"450", b"450"])

    def _all_say(self, source: str, code: bytes) -> None:
        begun = time.monotonic()
        for node in range(3):
            wait_until(partial(self._says, node, source, code), f"{code!r} on node {node}")
        self.assertLess(time.monotonic() - begun, DEADLINE_SECONDS * SLACK)

    def _says(self, node: int, source: str, code: bytes) -> bool:
        return self._greeting(node, source).startswith(code)

    def _greeting(self, node: int, source: str) -> bytes:
        with self.site.connect(node, source) as connection:
            return connection.recv(512)

    # -- sessions

    def test_sessions_of_a_source_are_counted_across_nodes(self) -> None:
        """A stranger's ten sessions are ten on all nodes together, and one that ends makes room on another node.

        A node that knows nothing of the source has heard of about so many; it knows exactly as soon as it is asked.
        """
        source = "10.70.1.1"
        held = [self.site.session(node, source) for node in (0, 0, 0, 0, 0, 1, 1, 1, 1, 1)]
        for node in range(3):
            self._greeting(node, source)
            took = wait_until(partial(self._has_sessions, 10, self.site.nodes[node], source), f"ten on node {node}")
            self.assertLess(took, DEADLINE_SECONDS * SLACK)
            self.assertEqual(self._greeting(node, source)[:3], b"421", f"node {node}")
        held.pop(0).quit()
        took = wait_until(lambda: self._greeting(2, source).startswith(b"220"), "room on the third node")
        self.assertLess(took, DEADLINE_SECONDS * SLACK)
        for session in held:
            session.close()
        for each in self.site.nodes:
            wait_until(partial(self._has_sessions, 0, each, source), "no session left")

    @staticmethod
    def _has_sessions(sessions: int, node: ClusterNode, source: str) -> bool:
        told = [words for each in node.ask("GET", f"sources/{source}")["defences"] for words in each["told"]]
        return any(words.startswith(f"{sessions} sessions at once") for words in told)
