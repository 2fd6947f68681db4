"""The owner of a part stands still at each of its steps while another member takes its mail over (SIGSTOP, R15).

Whole nodes as processes of their own, on a disk whose locks tell nobody that they live, each with a customer of its
own. Some are driven side by side, every one stopped at another step. What is delivered twice must be named by its
owner, and be such that nobody could know better: its final dot had been written, or was about to be.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from twisted.internet.defer import Deferred

from shieldrelay.spool.entry import Entry
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.nexthop import Step
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.customer import TOKEN_FIELD, Customer, say
from tests.integration.node import DOMAIN, Node
from tests.spool.heirs import KeepingHeir
from tests.spool.samples import a_spool, done

OWNERS = 5
FEWEST_STEPS = 30
MOST_STEPS = 100
UNAVOIDABLE = 4
"""Steps at which a duplicate cannot be excluded are two, the write of the dot and the removal after its 250; what
timing shifts may have an owner meet one of them twice."""


class Lockless(FileOperations):
    """A disk whose locks keep nobody out."""

    def lock(self, file: int) -> bool:
        """Let everybody have it."""
        return True


class Owner(Node):
    """A node that stands still when it is told to.

    :ivar step: at which it is told to, last.
    """

    def __init__(self, customer: Customer) -> None:
        super().__init__([customer.port], {"delivery": {"retry": ["1s"], "first_attempt": "queued"}})
        self.customer = customer
        self.step = 0
        self._takeovers = 0
        self._reply = b""
        self._sending = threading.Thread()
        self._file = self.directory / "step"
        self.program = (sys.executable, "-m", "tests.integration.standing_node", str(self._file))

    @property
    def token(self) -> str:
        """The message of this step."""
        return f"step-{self.step}"

    def begin(self, step: int) -> None:
        """Send a message, and stand still before a step of what becomes of it.

        Its first RCPT is refused for now, so that it is deferred, and delivered when it is tried again.
        """
        self.step = step
        self._file.write_text(str(step))
        self.customer.clear()
        self.customer.once(Step.RCPT, say("450 4.2.0 not now"))
        self.signal(signal.SIGUSR1)
        self._sending = threading.Thread(target=self._send, daemon=True)
        self._sending.start()

    def _send(self) -> None:
        try:
            self._reply = send_one(self.port, self.token)
        except OSError as error:
            self._reply = repr(error).encode()

    def stands(self) -> bool:
        """Whether the process is stopped."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def is_through(self) -> bool:
        """Whether the message was delivered, and nothing of it is left."""
        left = [*self.spool.glob(f"*/{DOMAIN}/new/*"), *self.spool.glob(f"*/{DOMAIN}/state/*")]
        return self.delivered() > 0 and not left

    def delivered(self) -> int:
        """Count how often the customer got the message of this step."""
        return [one.token for one in self.customer.taken()].count(self.token)

    def has_ended(self) -> bool:
        """Whether it stands still, or there is nothing left to do."""
        return self.stands() or self.is_through()

    def go_on(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def begins_anew(self) -> bool:
        """Whether it has a new part, and takes mail again, after one more takeover."""
        if len(self.journal("spool_begun_anew")) <= self._takeovers:
            return False
        if self.ask("GET", "status")["spool"]["state"] != "ok":
            return False
        self._takeovers += 1
        return True

    def acknowledged(self) -> bool:
        """Whether the client heard 250."""
        self._sending.join(30)
        return self._reply.startswith(b"250")

    def named(self) -> set[str]:
        """Give the ids of messages that it found to be gone when it had delivered them."""
        return {one["message"] for one in self.journal("already_gone")}


class Adopter:
    """Another member, in the test's own process, on an owner's storage."""

    def __init__(self, owner: Owner) -> None:
        self.spool: Spool = a_spool(Lockless(), str(owner.spool), member="other.test", now=time.time())
        self.spool.open()
        done(self.spool.prepare(DOMAIN))

    def take_over(self) -> dict[str, str]:
        """Take over the owner's part, and deliver what is in it: gives the messages' tokens by id."""
        done(self.spool.adoption.claim("relay.test"))
        heirs = {DOMAIN: KeepingHeir(self.spool, DOMAIN)}
        done(Deferred.fromCoroutine(self.spool.adoption.bring(heirs.get)))
        entries = done(self.spool.window(DOMAIN, 100)).entries
        found = {entry.id: self._token(entry) for entry in entries}
        done(self.spool.remove(entries))
        return found

    def _token(self, entry: Entry) -> str:
        content: bytes = b"".join(done(self.spool.load(entry)).content.blocks)
        return content.partition(TOKEN_FIELD)[2].partition(b"\r\n")[0].decode()


class StepsTests(ProductCase):
    """From the client's first octet to the removal of the delivered message, with a deferral between."""

    def setUp(self) -> None:
        self.owners = [Owner(self.a_customer(keep=False)) for _ in range(OWNERS)]
        for owner in self.owners:
            self.addCleanup(owner.close)
            self.addCleanup(self._has_no_bugs, owner)
            owner.launch()
        for owner in self.owners:
            owner.wait_until_greeting()
        self.adopters = [Adopter(owner) for owner in self.owners]
        for adopter in self.adopters:
            self.addCleanup(adopter.spool.close)
        self.twice: list[str] = []

    def test_an_owner_that_stands_still_at_any_step_loses_nothing_and_names_what_comes_twice(self) -> None:
        """What it acknowledged is with the customer or with the adopter; with both only what it tells of."""
        step = 1
        while self.a_round(step):
            step += OWNERS
            self.assertLess(step, MOST_STEPS)
        self.assertGreater(step, FEWEST_STEPS)
        self.assertLessEqual(len(self.twice), UNAVOIDABLE, self.twice)

    def a_round(self, first: int) -> bool:
        """Stop each owner at another step; false when none had so many."""
        for number, owner in enumerate(self.owners):
            owner.begin(first + number)
        for owner in self.owners:
            self.wait(owner.has_ended, f"the end of {owner.token}")
        taken = [
            adopter.take_over() if owner.stands() else None
            for owner, adopter in zip(self.owners, self.adopters, strict=True)
        ]
        for owner in self.owners:
            owner.go_on()
        for owner, theirs in zip(self.owners, taken, strict=True):
            if theirs is not None:
                self.wait(owner.begins_anew, f"a new part after {owner.token}")
            self.check(owner, theirs or {})
        return any(theirs is not None for theirs in taken)

    def check(self, owner: Owner, theirs: dict[str, str]) -> None:
        """See that the message is in the world, and once, unless its owner says otherwise."""
        self.assertIn(list(theirs.values()), ([], [owner.token]))
        copies = owner.delivered() + len(theirs)
        if owner.acknowledged():
            self.assertGreaterEqual(copies, 1, owner.token)
        self.assertLessEqual(owner.delivered(), 1, owner.token)
        if copies > 1:
            self.assertLessEqual(set(theirs), owner.named(), owner.token)
            self.twice.append(owner.token)
