"""The storm: a node killed by SIGKILL again and again under load, while the customer's server flaps (D2, R12, R13).

``python -m tests.integration.kill_storm [--long] [--kills N] [--messages N] [--seed N] [--queued]`` runs it and prints
what came of it; exit status 1 when something that must hold did not. `test_kill_storm` runs the short one. Clients,
customer's server and node are processes and threads of their own; what the clients were promised is compared, octet by
octet, with what the customer's server took.

A *duplicate* is one more delivery of an acknowledged message to the same recipient. A message that was not
acknowledged may have arrived all the same (R13); its client would send it again, so these are counted too.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from shieldrelay.testing.nexthop import End, Step
from tests.integration.clients import Mix, Sender, Sent
from tests.integration.customer import Customer, Taken, say
from tests.integration.node import DOMAIN, OBSERVED, Node, wait_until

MOST_DUPLICATES = 0.01
STILLBORN = 0.2
"""Share of the kills that are followed by another one while the node starts."""
REFUSED_BY_THE_CUSTOMER = "ghost"
DRAIN_SECONDS = 240.0


@frozen
class Weather:
    """How hard the storm blows.

    :ivar kills: how often the node is killed.
    :ivar messages: acknowledged between two kills, at least.
    :ivar senders: clients at once.
    :ivar queued: whether everything is spooled first (``first_attempt = "queued"``).
    """

    kills: int
    messages: int = 300
    senders: int = 8
    seed: int = 1
    queued: bool = False


SHORT = Weather(kills=6)
LONG = Weather(kills=40)


@define
class Findings:
    """What came of it.

    :ivar lost: acknowledged and not delivered to a recipient, in words; ``altered`` delivered and not the same.
    :ivar duplicates: further deliveries of acknowledged messages; ``duplicated`` those messages.
    :ivar unacknowledged: messages whose client has no 250; ``arrived_anyway`` those of them that arrived.
    :ivar refused: messages by the code of their last reply, where that was not 250; 0: the connection broke.
    :ivar outages: seconds from SIGKILL to the next greeting.
    :ivar faults: anything else that must not be, in words.
    """

    weather: Weather
    acknowledged: int = 0
    deliveries: int = 0
    lost: list[str] = field(factory=list)
    altered: list[str] = field(factory=list)
    duplicates: int = 0
    duplicated: list[str] = field(factory=list)
    unacknowledged: int = 0
    arrived_anyway: int = 0
    refused: Counter[int] = field(factory=Counter)
    outages: list[float] = field(factory=list)
    moods: Counter[str] = field(factory=Counter)
    faults: list[str] = field(factory=list)
    storm_seconds: float = 0.0
    drain_seconds: float = 0.0

    @property
    def share(self) -> float:
        """Duplicates per acknowledged message."""
        return self.duplicates / max(1, self.acknowledged)

    @property
    def good(self) -> bool:
        """Whether everything held that must, the time to come back apart: that is the machine's too."""
        return not (self.lost or self.altered or self.faults) and self.share <= MOST_DUPLICATES

    def __str__(self) -> str:
        """Render them, a line each."""
        weather, outages = self.weather, self.outages or [0.0]
        first = "spooled first" if weather.queued else "offered inline"
        codes = dict(sorted(self.refused.items()))
        lines = (
            f"kills              {weather.kills}, {weather.senders} clients at full rate, {first}, seed {weather.seed}",
            f"acknowledged       {self.acknowledged} messages, {self.deliveries} deliveries to recipients",
            f"lost               {len(self.lost)}",
            f"altered            {len(self.altered)}",
            f"duplicates         {self.duplicates} ({100 * self.share:.2f} %) of {len(self.duplicated)} messages",
            f"not acknowledged   {self.unacknowledged} {codes}; {self.arrived_anyway} arrived all the same",
            f"back after a kill  median {statistics.median(outages):.2f} s, worst {max(outages):.2f} s",
            f"customer's moods   {dict(self.moods)}",
            f"the storm took     {self.storm_seconds:.0f} s, the drain {self.drain_seconds:.0f} s",
            *(f"LOST               {words}" for words in self.lost[:20]),
            *(f"ALTERED            {words}" for words in self.altered[:20]),
            *(f"FAULT              {words}" for words in self.faults[:20]),
        )
        return "\n".join(lines)


# The customer's moods

REFUSING = {f"{REFUSED_BY_THE_CUSTOMER}@{DOMAIN}": say("550 5.1.1 nobody of that name")}
"""What the customer's server refuses in every mood."""

Mood = Callable[[Customer], None]


def _well(customer: Customer) -> None:
    """Take everything."""


def _down(customer: Customer) -> None:
    customer.down(End.RESET)


def _closing(customer: Customer) -> None:
    customer.down(End.CLOSE)
    customer.up()


def _slow(customer: Customer) -> None:
    customer.on(Step.MAIL, say("250 2.1.0 at last", delay=0.1))
    customer.on(Step.DATA, say("354 go on at last", delay=0.05))


def _later(customer: Customer) -> None:
    customer.on(Step.CONTENT, say("451 4.3.0 not now"))


def _no_recipient_now(customer: Customer) -> None:
    customer.on(Step.RCPT, say("450 4.2.1 not now"))


def _unavailable(customer: Customer) -> None:
    customer.on(Step.GREETING, say("421 4.3.2 no service", end=End.CLOSE))
    customer.on(Step.MAIL, say("421 4.3.2 closing", end=End.CLOSE))


def _hangs_up_at_data(customer: Customer) -> None:
    customer.on(Step.DATA, {"kind": "reset"})


MOODS: dict[str, Mood] = {
    "well": _well,
    "down": _down,
    "closing": _closing,
    "slow": _slow,
    "451 to content": _later,
    "450 to RCPT": _no_recipient_now,
    "421": _unavailable,
    "reset at DATA": _hangs_up_at_data,
}


class Flapping(threading.Thread):
    """Changes the customer's mood at random until it is ended, and leaves it well."""

    def __init__(self, customer: Customer, seed: int) -> None:
        super().__init__(name="flapping", daemon=True)
        self._customer = customer
        self._chance = random.Random(seed)
        self._ending = threading.Event()
        self.moods: Counter[str] = Counter()
        self.fault = ""

    def run(self) -> None:
        """Be well every other time."""
        try:
            while not self._ending.is_set():
                for name in ("well", self._chance.choice(list(MOODS))):
                    self._be(name)
                    self._ending.wait(self._chance.uniform(0.2, 1.5))
            self._be("well")
        except (AssertionError, OSError) as error:
            self.fault = f"the customer's server: {error}"

    def end(self) -> None:
        """Be well for good."""
        self._ending.set()
        self.join()

    def _be(self, name: str) -> None:
        self.moods[name] += 1
        self._customer.clear(REFUSING)
        self._customer.up()
        MOODS[name](self._customer)


# The storm


class _Tide:
    """Counts acknowledgements, for who waits for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acknowledged = 0

    def count(self, sent: Sent) -> None:
        """Count one message."""
        with self._lock:
            self.acknowledged += sent.acknowledged

    def rise(self, messages: int) -> None:
        """Wait for so many more."""
        wanted = self.acknowledged + messages
        wait_until(lambda: self.acknowledged >= wanted, f"{messages} acknowledgements", 120)


def storm(weather: Weather, node: Node, customer: Customer) -> Findings:
    """Let it blow over a started node and a customer's server, wait until the queue is empty, and compare.

    :raises NotInTime: the node did not come back, took nothing, or did not deliver everything.
    """
    findings, tide = Findings(weather), _Tide()
    flapping = Flapping(customer, weather.seed)
    customer.clear(REFUSING)
    senders = [
        Sender(f"s{number}", node.port, Mix(), weather.seed * 1000 + number, tide.count)
        for number in range(weather.senders)
    ]
    begun = time.monotonic()
    flapping.start()
    for sender in senders:
        sender.start()
    try:
        findings.outages = _kill_again_and_again(weather, node, tide)
    finally:
        for sender in senders:
            sender.end()
        for sender in senders:
            sender.join()
        flapping.end()
    findings.moods = flapping.moods
    findings.storm_seconds = time.monotonic() - begun
    findings.drain_seconds = drain(node)
    compare(findings, [sent for sender in senders for sent in sender.sent], customer.taken())
    findings.faults += [flapping.fault] if flapping.fault else []
    findings.faults += [f"violation: {words}" for words in customer.violations()]
    findings.faults += [f"journal: {line}" for line in node.bugs()]
    return findings


def _kill_again_and_again(weather: Weather, node: Node, tide: _Tide) -> list[float]:
    """Kill and start the node so often; give the seconds without service."""
    chance, outages, never = random.Random(weather.seed), [], threading.Event()
    for _ in range(weather.kills):
        tide.rise(weather.messages)
        never.wait(chance.uniform(0, 0.5))
        killed = time.monotonic()
        node.kill()
        if chance.random() < STILLBORN:
            node.launch()
            never.wait(chance.uniform(0, 0.6))
            node.kill()
            killed = time.monotonic()
        node.start()
        outages.append(time.monotonic() - killed)
    tide.rise(weather.messages)
    return outages


def drain(node: Node, most_seconds: float = DRAIN_SECONDS) -> float:
    """Flush until the queue is empty; give the seconds."""
    begun = time.monotonic()
    while not node.drained():
        node.ask("POST", f"domains/{DOMAIN}/flush")
        never = threading.Event()
        never.wait(0.2)
        if time.monotonic() - begun > most_seconds:
            wait_until(node.drained, f"an empty queue ({node.domain_status()})\n{node.trouble()}", 1)
    return time.monotonic() - begun


def compare(findings: Findings, sent: Sequence[Sent], arrived: Sequence[Taken]) -> None:
    """Hold what was promised against what was taken."""
    by_token: dict[str, list[Taken]] = {}
    for delivery in arrived:
        by_token.setdefault(delivery.token, []).append(delivery)
    for one in sent:
        took = by_token.pop(one.token, [])
        findings.altered += [f"{one.token}: {copy}" for copy in took if not _is_whole(one, copy)]
        if one.acknowledged:
            _compare_acknowledged(findings, one, took)
        else:
            findings.unacknowledged += 1
            findings.refused[one.code] += 1
            findings.arrived_anyway += bool(took)
    findings.faults += [f"nobody sent {token!r}" for token in by_token]


def _is_whole(sent: Sent, took: Taken) -> bool:
    return took.digest == sent.digest and took.traced


def _compare_acknowledged(findings: Findings, sent: Sent, took: Sequence[Taken]) -> None:
    findings.acknowledged += 1
    expected = {f"{one}@{DOMAIN}" for one in sent.recipients if one != REFUSED_BY_THE_CUSTOMER}
    deliveries = Counter(recipient for one in took for recipient in one.recipients)
    findings.deliveries += sum(deliveries.values())
    findings.lost += [f"{sent} to {recipient}" for recipient in expected - deliveries.keys()]
    findings.faults += [f"{sent} went to {recipient}" for recipient in deliveries.keys() - expected]
    further = sum(count - 1 for count in deliveries.values())
    findings.duplicates += further
    if further:
        findings.duplicated.append(sent.token)


def run(weather: Weather) -> Findings:
    """Make a node and a customer's server, let the storm blow, and clean up."""
    customer = Customer(keep=False)
    delivery = {"inline_timeout": "2s", "first_attempt": "queued" if weather.queued else "inline"}
    node = Node([customer.port], {"delivery": delivery, "smtp": {"memory_per_message": "128KiB"}, **OBSERVED})
    try:
        node.start()
        findings = storm(weather, node, customer)
        node.stop()
        findings.faults += [f"left in the spool: {file}" for file in node.spool.glob(f"*/{DOMAIN}/tmp/*")]
        return findings
    finally:
        node.close()
        customer.close()


def main(words: Sequence[str]) -> int:
    """Run a storm and print its findings; 1 when they are not good."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.kill_storm", description="Kill a node a lot.")
    parser.add_argument("--long", action="store_true", help=f"{LONG.kills} kills instead of {SHORT.kills}")
    parser.add_argument("--kills", type=int, help="so many instead")
    parser.add_argument("--messages", type=int, default=SHORT.messages, help="acknowledged between kills, at least")
    parser.add_argument("--seed", type=int, default=SHORT.seed, help="of everything that is left to chance")
    parser.add_argument("--queued", action="store_true", help="spool everything before it is offered")
    wanted = parser.parse_args(words)
    kills = wanted.kills or (LONG if wanted.long else SHORT).kills
    findings = run(Weather(kills, wanted.messages, seed=wanted.seed, queued=wanted.queued))
    print(findings, flush=True)
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
