"""The spool dies, or is failed, at its n-th file operation, for every n: nothing acknowledged is gone (R13)."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterable
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.outcome import Fate
from shieldrelay.ports import ThreadRunner
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import SpoolUnavailable
from shieldrelay.spool.ledger import Change
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.progress import Progress
from shieldrelay.testing.disk import ForgetfulDisk, PowerCut
from shieldrelay.testing.threads import HeldThreads
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done

SETTLED = Progress({0: Fate.TAKEN}, attempts=1, reason="one is full")


class Promises:
    """What was acknowledged, as the sender of the mail and the operator see it.

    :ivar kept: ids of messages that must be there.
    :ivar settled: ids whose settled recipients must be remembered.
    :ivar held: ids that must be on hold.
    :ivar unsure: ids about which nothing was promised: they may be there.
    """

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.settled: set[str] = set()
        self.held: set[str] = set()
        self.unsure: set[str] = set()
        self.down_noted = False


class Scenario:
    """A day in the life of a spool; each step is told to `Promises` once it was acknowledged.

    :param stubborn: go on after a step that failed, as the appliance does; but without a spool or a prepared domain it
        does not begin.
    """

    first: Entry | None = None
    second: Entry | None = None

    def __init__(self, spool: Spool, *, stubborn: bool = False) -> None:
        self.spool = spool
        self.promises = Promises()
        self.stubborn = stubborn

    def run(self) -> None:
        self.open()
        steps: list[Callable[[], None]] = [
            self.store, self.store_settled, self.draft, self.discard, self.defer, self.settle, self.hold,
            self.remove, self.ledger, self.compact, self.release, self.sweep,
        ]  # fmt: skip
        for step in steps:
            try:
                step()
            except SpoolUnavailable:
                if not self.stubborn:
                    raise

    def open(self) -> None:
        self.spool.open()
        done(self.spool.prepare(DOMAIN))

    def stored(self, id: str, progress: Progress | None = None) -> Entry:
        self.promises.unsure.add(id)
        message, content = a_message(id, recipients=2), MemoryContent((a_content(id),))
        entry: Entry = done(self.spool.store(message, content, due=NOW, progress=progress))
        self.promises.kept.add(id)
        if progress is not None:
            self.promises.settled.add(id)
        return entry

    def store(self) -> None:
        self.first = self.stored("first")
        self.second = self.stored("second")

    def store_settled(self) -> None:
        self.stored("third", SETTLED)

    def draft(self) -> None:
        self.promises.unsure.add("drafted")
        draft = done(self.spool.draft(a_message("drafted", recipients=2)))
        content = a_content("drafted")
        for block in (content[:100], content[100:]):
            done(draft.append(block))
        done(draft.commit(due=NOW, progress=SETTLED))
        self.promises.kept.add("drafted")
        self.promises.settled.add("drafted")

    def discard(self) -> None:
        draft = done(self.spool.draft(a_message("discarded")))
        done(draft.append(b"never"))
        done(draft.discard())

    def defer(self) -> None:
        if self.first is None:
            return
        self.first = done(self.spool.defer(self.first, NOW + 60, Progress().failed(NOW, "it is down")))

    def settle(self) -> None:
        if self.first is None:
            return
        self.first = done(self.spool.defer(self.first, NOW + 90, SETTLED))
        self.promises.settled.add("first")

    def hold(self) -> None:
        if self.first is None:
            return
        done(self.spool.hold(self.first))
        self.promises.held.add("first")

    def remove(self) -> None:
        if self.second is None:
            return
        self.promises.kept.discard("second")
        done(self.spool.remove([self.second]))

    def ledger(self) -> None:
        done(self.spool.append_ledger(DOMAIN, Change.DOWN, NOW))
        self.promises.down_noted = True

    def compact(self) -> None:
        for change, at in ((Change.UP, NOW + 1), (Change.DOWN, NOW + 5)):
            done(self.spool.append_ledger(DOMAIN, change, at))
        done(self.spool.compact_ledger(DOMAIN, NOW + 3))

    def release(self) -> None:
        if self.first is None:
            return
        self.promises.held.discard("first")
        done(self.spool.release(self.first))

    def sweep(self) -> None:
        done(self.spool.sweep(DOMAIN))


class CrashPointTests(SynchronousTestCase):
    def check(self, disk: ForgetfulDisk, promises: Promises, where: str) -> None:
        """Start again on what the crash left, and hold it against what was promised."""
        spool = a_spool(disk)
        spool.open()
        done(spool.prepare(DOMAIN))
        if where.endswith("swept first"):
            done(spool.sweep(DOMAIN))
        window = done(spool.window(DOMAIN, 100))
        self.assertEqual(spool._journal.named("damaged"), [], where)  # type: ignore[attr-defined]
        waiting = {entry.id: entry for entry in window.entries}
        held = {entry.id: entry for entry in done(spool.held(DOMAIN))}
        for id in promises.kept:
            self.assertIn(id, waiting.keys() | held.keys(), where)
        self.assertLessEqual(waiting.keys() | held.keys(), promises.unsure, where)
        self.assertLessEqual(promises.held, held.keys(), where)
        for id, entry in {**held, **waiting}.items():
            self.check_record(spool, id, entry, promises, where)
        self.assertFalse(promises.down_noted and not done(spool.load_ledger(DOMAIN)).intervals, where)
        done(spool.sweep(DOMAIN))
        self.assertEqual(list(disk.names(f"{spool.path}/{DOMAIN}/tmp")), [], where)
        self.stored_again(spool, where)

    def check_record(self, spool: Spool, id: str, entry: Entry, promises: Promises, where: str) -> None:
        record = done(spool.load(entry))
        self.assertEqual(record.message, a_message(id, recipients=2), where)
        self.assertEqual(b"".join(record.content.blocks or ()), a_content(id), where)
        if id in promises.settled:
            self.assertEqual(record.progress.settled, SETTLED.settled, where)

    def stored_again(self, spool: Spool, where: str) -> None:
        """The spool works as if nothing had happened."""
        entry = done(spool.store(a_message("again"), MemoryContent((a_content("again"),)), due=NOW))
        self.assertEqual(done(spool.find("again")), entry, where)

    def steps_of_a_day(self) -> int:
        disk = ForgetfulDisk()
        Scenario(a_spool(disk)).run()
        return disk.steps

    def died_at(self, number: int) -> tuple[ForgetfulDisk, Promises]:
        disk = ForgetfulDisk(die_at=number)
        scenario = Scenario(a_spool(disk))
        self.assertRaises(PowerCut, scenario.run)
        return disk, scenario.promises

    def test_a_day_without_trouble_keeps_every_promise(self):
        """The scenario itself does all its steps, more than a hundred file operations."""
        disk = ForgetfulDisk()
        scenario = Scenario(a_spool(disk))
        scenario.run()
        self.assertEqual(scenario.promises.kept, {"first", "third", "drafted"})
        self.assertGreater(disk.steps, 100)
        self.check(disk.after_kill(), scenario.promises, "a good day")

    def test_a_kill_at_any_step_loses_nothing(self):
        """After kill -9 everything that was acknowledged is there, whole."""
        for number in range(1, self.steps_of_a_day() + 1):
            disk, promises = self.died_at(number)
            self.check(disk.after_kill(), promises, f"killed at {number}")

    def test_a_power_cut_at_any_step_that_forgets_everything_loses_nothing(self):
        """Names without a directory fsync and content without fsync are gone; what was acknowledged is not."""
        for number in range(1, self.steps_of_a_day() + 1):
            disk, promises = self.died_at(number)
            self.check(disk.after_crash(), promises, f"cut at {number}")

    def test_a_power_cut_that_keeps_names_but_not_content_shows_nothing_partial(self):
        """Names that got to the disk by themselves never stand for half a message in ``new/``."""
        for number in range(1, self.steps_of_a_day() + 1):
            disk, promises = self.died_at(number)
            self.check(disk.after_crash(remembers_name=lambda: True), promises, f"names kept at {number}")

    def test_a_power_cut_that_keeps_any_part_loses_nothing(self):
        """Whatever part of the unsynced names and contents survives: the promises hold."""
        for number in range(1, self.steps_of_a_day() + 1):
            for seed in range(8):
                disk, promises = self.died_at(number)
                coin = partial(random.Random(number * 100 + seed).choice, (True, False))
                found = disk.after_crash(coin, coin)
                self.check(found, promises, f"seed {seed} at {number}, {'swept first' if seed % 2 else ''}")

    def failed_at(self, number: int, failure: int) -> tuple[ForgetfulDisk, Promises]:
        disk = ForgetfulDisk(fail_at=number, failure=failure)
        scenario = Scenario(a_spool(disk), stubborn=True)
        try:
            scenario.run()
        except SpoolUnavailable:
            # Opening failed, or preparing the domain: nothing is accepted then.
            self.assertEqual(scenario.promises.unsure, set())
        return disk, scenario.promises

    def test_an_error_at_any_step_is_told_and_loses_nothing(self):
        """An input/output error or a full disk at any step fails that step only; a crash afterwards loses nothing."""
        for number in range(1, self.steps_of_a_day() + 1):
            for failure in (errno.EIO, errno.ENOSPC):
                disk, promises = self.failed_at(number, failure)
                where = f"{errno.errorcode[failure]} at {number}"
                self.check(disk.after_kill(), promises, f"{where}, killed")
                self.check(disk.after_crash(), promises, f"{where}, cut")


class ConcurrentCrashTests(SynchronousTestCase):
    """Many stores at once, their thread calls in any order, and a power cut in the midst of them."""

    def acknowledged(self, disk: ForgetfulDisk, seed: int, callers: int) -> Iterable[str]:
        """Store in a random order until the power is cut; give the ids that were acknowledged."""
        order, threads = random.Random(seed), HeldThreads()
        runner: ThreadRunner = threads
        acknowledged: list[str] = []
        spool = a_spool(disk, threads=runner)
        try:
            spool.open()
            prepared = spool.prepare(DOMAIN)
            threads.go_on()
            done(prepared)
            for number in range(callers):
                stored = spool.store(a_message(f"c{number}"), MemoryContent((a_content(f"c{number}"),)), due=NOW)
                stored.addCallbacks(lambda entry: acknowledged.append(entry.id), lambda failure: None)
            while threads.waiting:
                threads.go(order.randrange(len(threads.waiting)))
        except PowerCut:
            self.assertTrue(disk.dead)
        return acknowledged

    def test_group_commit_acknowledges_only_what_is_durable(self):
        """Whichever thread finishes first, and wherever the power is cut, an acknowledged name is on the disk."""
        whole = ForgetfulDisk()
        self.assertEqual(len(list(self.acknowledged(whole, 0, 12))), 12)
        for seed in range(3):
            for number in range(1, whole.steps + 1):
                disk = ForgetfulDisk(die_at=number)
                acknowledged = set(self.acknowledged(disk, seed, 12))
                found = a_spool(disk.after_crash())
                found.open()
                done(found.prepare(DOMAIN))
                entries = done(found.window(DOMAIN, 100)).entries
                self.assertLessEqual(acknowledged, {entry.id for entry in entries}, f"seed {seed}, cut at {number}")
                self.assertEqual([done(found.load(entry)).message.id for entry in entries], [e.id for e in entries])
