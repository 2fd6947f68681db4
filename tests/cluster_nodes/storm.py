"""The storm over a cluster: cables pulled, nodes killed and hung, Redis and the customer taken away, while mail flows.

``python -m tests.cluster_nodes.storm [--seconds N] [--seed N]`` runs it and prints what came of it; exit status 1 when
something that must hold did not. `test_storm` runs a short one. One trouble at a time, chosen by chance, each mended
before the next. What the senders were promised is compared with what the customer's server took, as in
`integration.kill_storm`; afterwards every counter must have come back to zero. Needs root.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from attrs import define, field

from shieldrelay.testing.nexthop import End
from tests.cluster_nodes.lawful import NETWORK, TRUSTED, Traffic
from tests.cluster_nodes.site import Site
from tests.integration import kill_storm
from tests.integration.node import wait_until

SHORT_SECONDS, LONG_SECONDS = 30.0, 300.0
SENDERS = 3
MOST_DUPLICATES = 0.05
"""A cable that is pulled between a final dot and its reply makes one each time (R13)."""
EXPIRY_SECONDS = 60.0
"""Members that were killed are gone from the hub by then, and so is what they held."""


@define
class Findings(kill_storm.Findings):
    """What came of it.

    :ivar troubles: by name, how often.
    :ivar most_connections: to the customer's server at once.
    :ivar gap: the longest time without any acknowledgement, in seconds.
    :ivar met_seconds: from the last trouble until all nodes were in one view again.
    """

    troubles: Counter[str] = field(factory=Counter)
    most_connections: int = 0
    gap: float = 0.0
    met_seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether everything held that must."""
        return not (self.lost or self.altered or self.faults) and self.share <= MOST_DUPLICATES

    def __str__(self) -> str:
        """Render them, a line each."""
        codes = dict(sorted(self.refused.items()))
        lines = (
            f"troubles           {dict(self.troubles)}, {SENDERS} senders, seed {self.weather.seed}",
            f"acknowledged       {self.acknowledged} messages, {self.deliveries} deliveries to recipients",
            f"lost               {len(self.lost)}",
            f"altered            {len(self.altered)}",
            f"duplicates         {self.duplicates} ({100 * self.share:.2f} %) of {len(self.duplicated)} messages",
            f"not acknowledged   {self.unacknowledged} {codes}; {self.arrived_anyway} arrived all the same",
            f"longest gap        {self.gap:.1f} s without an acknowledgement",
            f"customer           at most {self.most_connections} connections at once",
            f"one view again     {self.met_seconds:.1f} s after the last trouble",
            f"the storm took     {self.storm_seconds:.0f} s, the drain {self.drain_seconds:.0f} s",
            *(f"LOST               {words}" for words in self.lost[:20]),
            *(f"ALTERED            {words}" for words in self.altered[:20]),
            *(f"FAULT              {words}" for words in self.faults[:20]),
        )
        return "\n".join(lines)


# The troubles

Trouble = Callable[[Site, random.Random], None]


def _for_a_while(chance: random.Random) -> None:
    threading.Event().wait(chance.uniform(0.5, 4.0))


def _node_cut_off(site: Site, chance: random.Random) -> None:
    host = chance.choice(site.nodes).host
    host.cut()
    _for_a_while(chance)
    host.mend()


def _node_killed(site: Site, chance: random.Random) -> None:
    node = chance.choice(site.nodes)
    node.kill()
    _for_a_while(chance)
    node.start()


def _node_restarted(site: Site, chance: random.Random) -> None:
    node = chance.choice(site.nodes)
    node.stop()
    node.start()


def _node_hung(site: Site, chance: random.Random) -> None:
    node = chance.choice(site.nodes)
    node.send_signal(signal.SIGSTOP)
    _for_a_while(chance)
    node.send_signal(signal.SIGCONT)


def _master_hung(site: Site, chance: random.Random) -> None:
    host = site.redis.master()
    site.redis.signal_server(host, signal.SIGSTOP)
    _for_a_while(chance)
    site.redis.signal_server(host, signal.SIGCONT)


def _master_cut_off(site: Site, chance: random.Random) -> None:
    host = site.redis.master()
    host.cut()
    _for_a_while(chance)
    host.mend()


def _master_killed(site: Site, chance: random.Random) -> None:
    host = site.redis.master()
    site.redis.kill_server(host)
    wait_until(lambda: site.redis.master() is not host, "another master")
    site.redis.start_server(host, site.redis.master().address)


def _customer_down(site: Site, chance: random.Random) -> None:
    site.customer.down(End.RESET)
    _for_a_while(chance)
    site.customer.up()


TROUBLES: dict[str, Trouble] = {
    "node cut off": _node_cut_off,
    "node killed": _node_killed,
    "node restarted": _node_restarted,
    "node hung": _node_hung,
    "Redis master hung": _master_hung,
    "Redis master cut off": _master_cut_off,
    "Redis master killed": _master_killed,
    "customer down": _customer_down,
}


def storm(site: Site, seconds: float, seed: int) -> Findings:
    """Let it blow over a started site; wait until all is delivered, compare, and look at the counters.

    :raises NotInTime: something did not come back.
    """
    chance, traffic = random.Random(seed), Traffic(site, SENDERS, seed)
    findings = Findings(kill_storm.Weather(0, senders=SENDERS, seed=seed))
    begun = time.monotonic()
    traffic.start()
    try:
        for name in _troubles(chance, begun + seconds):
            findings.troubles[name] += 1
            TROUBLES[name](site, chance)
            threading.Event().wait(chance.uniform(0.2, 1.5))
        findings.met_seconds = site.wait_until_met(EXPIRY_SECONDS)
    finally:
        sent = traffic.end()
    findings.storm_seconds = time.monotonic() - begun
    findings.gap = traffic.longest_gap()
    findings.drain_seconds = sum(kill_storm.drain(node) for node in site.nodes)
    findings.most_connections = site.customer.most_connections()
    kill_storm.compare(findings, sent, site.customer.taken())
    findings.faults += [f"violation: {words}" for words in site.customer.violations()]
    findings.faults += [f"journal of {node.host.address}: {line}" for node in site.nodes for line in node.bugs()]
    findings.faults += left_over(site)
    return findings


def _troubles(chance: random.Random, until: float) -> Iterator[str]:
    """Name troubles until the time is over: each kind once in a round, in any order."""
    while time.monotonic() < until:
        names = list(TROUBLES)
        chance.shuffle(names)
        for name in names:
            if time.monotonic() >= until:
                return
            yield name


def left_over(site: Site) -> list[str]:
    """Say what is still counted though nothing happens any more; waits for what is only late."""
    try:
        wait_until(lambda: not _counted(site), "all counters to be zero", EXPIRY_SECONDS)
    except AssertionError:
        return [f"left over: {words}" for words in _counted(site)]
    return []


def _counted(site: Site) -> list[str]:
    found = []
    source = NETWORK.partition("/")[0].replace("0.0", "1.")
    for node in site.nodes:
        status = node.ask("GET", "status")
        (domain,) = status["domains"]
        found += [f"{node.host.address}: {status['sessions']} sessions"] if status["sessions"] else []
        found += [f"{node.host.address}: {domain['in_flight']} in flight"] if domain["in_flight"] else []
        for number in range(SENDERS):
            told = node.ask("GET", f"sources/{source}{number + 1}")["defences"]
            words = [word for each in told for word in each["told"] if "sessions at once" in word]
            found += [f"{node.host.address} of {source}{number + 1}: {word}" for word in words if word[:2] != "0 "]
    return found


def run(seconds: float, seed: int) -> Findings:
    """Make a site, let the storm blow over it, and clean up."""
    site = Site(TRUSTED)
    try:
        site.start()
        return storm(site, seconds, seed)
    finally:
        site.close()


def main(words: Sequence[str]) -> int:
    """Run a storm and print its findings; 1 when they are not good."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster_nodes.storm", description="Break a cluster a lot.")
    parser.add_argument("--long", action="store_true", help=f"{LONG_SECONDS:.0f} s instead of {SHORT_SECONDS:.0f}")
    parser.add_argument("--seconds", type=float, help="so long instead")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance")
    wanted = parser.parse_args(words)
    findings = run(wanted.seconds or (LONG_SECONDS if wanted.long else SHORT_SECONDS), wanted.seed)
    print(findings, flush=True)
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
