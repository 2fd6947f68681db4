"""A lost member's part becomes ours: by one rename, whole, once, and however often it is interrupted (R15)."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.outcome import Fate
from shieldrelay.spool.adoption import Adopted
from shieldrelay.spool.content import MemoryContent
from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import NotAdoptable, SpoolInUse, SpoolTaken, SpoolUnavailable
from shieldrelay.spool.ledger import Change, Interval
from shieldrelay.spool.maildir import Spool
from shieldrelay.spool.name import NOTICES
from shieldrelay.spool.progress import Progress
from shieldrelay.testing.disk import ForgetfulDisk, PowerCut
from tests.spool.heirs import KeepingHeir
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done

SETTLED = Progress({0: Fate.TAKEN}, attempts=1, reason="one is full")
WAITING = ("first", "settled", "third", "fourth", "fifth")
ALL = {*WAITING, "held", "notice"}
OTHER = "other.example"


class LocklessDisk(ForgetfulDisk):
    """A disk whose locks do not reach other members, like some that are shared over a network."""

    interrupted = True

    def lock(self, file: int) -> bool:
        """Let everybody have it."""
        super().lock(file)
        return True

    def interrupt(self, number: int, call: Callable[[], None]) -> None:
        """Call before the number-th step from now on, which then goes on."""
        self._at, self._call, self.interrupted = self.steps + number, call, False

    def _step(self, path: str | None = None) -> None:
        if not self.interrupted and self.steps + 1 == self._at:
            self.interrupted = True
            self._call()
        super()._step(path)


def fill(spool: Spool, ids: tuple[str, ...] = WAITING) -> None:
    """Let a member have mail of every kind."""
    spool.open()
    for part in (DOMAIN, NOTICES):
        done(spool.prepare(part))
    for number, id in enumerate(ids):
        progress = SETTLED if id == "settled" else None
        message = a_message(id, recipients=2)
        done(spool.store(message, MemoryContent((a_content(id),)), due=NOW + number, progress=progress))
    held = done(spool.store(a_message("held"), MemoryContent((a_content("held"),)), due=NOW))
    done(spool.defer(held, NOW + 7, SETTLED))
    done(spool.hold(held))
    done(spool.store(a_message("notice", domain=NOTICES), MemoryContent((a_content("notice"),)), due=NOW + 9))
    draft = done(spool.draft(a_message("never")))
    done(draft.append(b"half"))
    done(spool.append_ledger(DOMAIN, Change.DOWN, NOW - 100))
    done(spool.append_ledger(DOMAIN, Change.UP, NOW - 50))


def a_lost_node(disk: ForgetfulDisk) -> ForgetfulDisk:
    """Give a disk on which the member ``lost`` had mail when its machine died."""
    fill(a_spool(disk, member="lost"))
    return disk.after_kill()


def adopter(disk: ForgetfulDisk, member: str = "node1") -> Spool:
    """Start the node that takes over, with small batches."""
    spool = a_spool(disk, member=member)
    spool.adoption.batch = 2
    spool.open()
    for part in (DOMAIN, NOTICES):
        done(spool.prepare(part))
    return spool


def heirs_of(spool: Spool) -> dict[str, KeepingHeir]:
    """Give an heir for every part."""
    return {part: KeepingHeir(spool, part) for part in (DOMAIN, NOTICES)}


def bring(spool: Spool) -> list[Adopted]:
    """Bring over all that was claimed."""
    brought: list[Adopted] = done(Deferred.fromCoroutine(spool.adoption.bring(heirs_of(spool).get)))
    return brought


def waiting(spool: Spool) -> dict[str, Entry]:
    """Look what waits in all parts."""
    return {entry.id: entry for part in (DOMAIN, NOTICES) for entry in done(spool.window(part, 100)).entries}


def held(spool: Spool) -> set[str]:
    """Look what is on hold."""
    return {entry.id for entry in done(spool.held(DOMAIN))}


class AdoptionTests(SynchronousTestCase):
    def test_everything_comes_over(self):
        """Mail with due times and progress, holds, notices and down-times are ours; the place is gone."""
        disk = a_lost_node(ForgetfulDisk())
        spool = adopter(disk)
        done(spool.adoption.claim("lost"))
        (adopted,) = bring(spool)
        self.assertEqual((adopted.messages, adopted.held, adopted.aside, adopted.stuck), (6, 1, 0, 0))
        found = waiting(spool)
        self.assertEqual(found.keys(), {*WAITING, "notice"})
        self.assertEqual([found[id].due for id in WAITING], [NOW + number for number in range(5)])
        self.assertEqual(found["notice"].due, NOW + 9)
        self.assertEqual(done(spool.load(found["settled"])).progress.settled, SETTLED.settled)
        self.assertEqual(held(spool), {"held"})
        self.assertEqual(done(spool.load(done(spool.find("held")))).progress, SETTLED)
        self.assertEqual(done(spool.load_ledger(DOMAIN)).intervals, (Interval(NOW - 100, NOW - 50),))
        self.assertEqual(list(disk.names("/spool")), ["node1"])
        self.assertEqual(list(disk.names("/spool/node1/_adopted")), [])
        self.assertEqual(spool.count(DOMAIN).entries, 5)

    def test_heirs_are_told_of_every_message(self):
        """A queue need not look into the spool for what it was given, batch by batch."""
        spool = adopter(a_lost_node(ForgetfulDisk()))
        done(spool.adoption.claim("lost"))
        heirs = heirs_of(spool)
        done(Deferred.fromCoroutine(spool.adoption.bring(heirs.get)))
        self.assertEqual(heirs[DOMAIN].entries, {id: each for id, each in waiting(spool).items() if id != "notice"})
        self.assertEqual(heirs[NOTICES].entries.keys(), {"notice"})

    def test_a_part_that_lives_is_refused(self):
        """A directory whose lock is held is left alone, and the refusal says so; so is one's own."""
        disk = ForgetfulDisk()
        fill(a_spool(disk, member="lost"))
        spool = adopter(disk)
        self.assertEqual([(one.member, one.locked) for one in done(spool.adoption.others())], [("lost", True)])
        self.assertRaises(SpoolInUse, lambda: done(spool.adoption.claim("lost")))
        for name in ("node1", "never", "..", "_adopted", "a/b", ""):
            self.assertRaises(NotAdoptable, lambda name=name: done(spool.adoption.claim(name)))
        self.assertEqual(sorted(disk.names("/spool")), ["lost", "node1"])

    def test_of_two_adopters_one_has_it(self):
        """The second finds nothing to claim, and brings nothing."""
        disk = a_lost_node(ForgetfulDisk())
        first, second = adopter(disk), adopter(disk, "node2")
        done(first.adoption.claim("lost"))
        self.assertRaises(NotAdoptable, lambda: done(second.adoption.claim("lost")))
        bring(first)
        bring(second)
        self.assertEqual((waiting(first).keys() | held(first), waiting(second).keys()), (ALL, set()))

    def test_an_adopter_that_is_lost_is_adopted(self):
        """What it had brought over, and what it had only claimed, comes to the third."""
        disk = a_lost_node(ForgetfulDisk())
        second = adopter(disk, "node2")
        done(second.adoption.claim("lost"))
        second.adoption.stop()
        bring(second)
        disk = disk.after_kill()
        third = adopter(disk, "node3")
        done(third.adoption.claim("node2"))
        self.assertEqual({one.member for one in bring(third)}, {"node2", "lost"})
        self.assertEqual(waiting(third).keys() | held(third), ALL)
        self.assertEqual(list(disk.names("/spool/node3/_adopted")), [])

    def test_a_domain_that_is_not_protected_stays_aside(self):
        """Its mail is neither delivered nor lost, and comes over once the domain is protected."""
        disk = ForgetfulDisk()
        lost = a_spool(disk, member="lost")
        fill(lost)
        done(lost.prepare(OTHER))
        done(lost.store(a_message("other", domain=OTHER), MemoryContent((a_content("other"),)), due=NOW))
        spool = adopter(disk.after_kill())
        done(spool.adoption.claim("lost"))
        self.assertEqual([one.aside for one in bring(spool)], [1])
        self.assertEqual(done(spool.adoption.pending()), ["lost"])
        done(spool.prepare(OTHER))
        heir = KeepingHeir(spool, OTHER)
        done(Deferred.fromCoroutine(spool.adoption.bring(lambda domain: heir if domain == OTHER else None)))
        self.assertEqual((heir.entries.keys(), done(spool.adoption.pending())), ({"other"}, []))

    def test_a_name_that_is_taken_is_not_overwritten(self):
        """Another message of the same name stays where it is, and is told."""
        disk = a_lost_node(ForgetfulDisk())
        spool = adopter(disk)
        ours = done(spool.store(a_message("first", recipients=2), MemoryContent((a_content("first"),)), due=NOW + 500))
        done(spool.adoption.claim("lost"))
        (adopted,) = bring(spool)
        self.assertEqual(adopted.stuck, 2)  # once by its batch, once because its part stays for it
        self.assertEqual(waiting(spool)["first"], ours)
        (place,) = disk.names("/spool/node1/_adopted")
        self.assertEqual(list(disk.names(f"/spool/node1/_adopted/{place}/{DOMAIN}/new")), [ours.name])

    def test_files_that_are_no_messages_are_set_aside(self):
        """They come into our ``damaged/`` and are told, like our own."""
        disk = ForgetfulDisk()
        fill(a_spool(disk, member="lost"))
        disk.close(disk.create(f"/spool/lost/{DOMAIN}/new/core"))
        spool = adopter(disk.after_kill())
        done(spool.adoption.claim("lost"))
        self.assertEqual([one.damaged for one in bring(spool)], [1])
        self.assertEqual(list(spool._operations.names(f"/spool/node1/{DOMAIN}/damaged")), ["core"])
        self.assertEqual(spool._journal.named("damaged")[0]["file"], "core")  # type: ignore[attr-defined]

    def test_an_outage_that_lasts_here_swallows_theirs(self):
        """Down-times are united: nothing expires sooner because somebody else knew of the outage."""
        spool = adopter(a_lost_node(ForgetfulDisk()))
        done(spool.append_ledger(DOMAIN, Change.DOWN, NOW - 70))
        done(spool.adoption.claim("lost"))
        bring(spool)
        self.assertEqual(done(spool.load_ledger(DOMAIN)).intervals, (Interval(NOW - 100, None),))


class InterruptedTests(SynchronousTestCase):
    """The adopter dies at its n-th file operation, for every n."""

    def adopt(self, disk: ForgetfulDisk) -> None:
        spool = adopter(disk)
        done(spool.adoption.claim("lost"))
        bring(spool)

    def steps(self) -> int:
        disk = a_lost_node(ForgetfulDisk())
        self.adopt(disk)
        return disk.steps

    def died_at(self, number: int) -> ForgetfulDisk:
        disk = a_lost_node(ForgetfulDisk())
        disk.die_at = number
        self.assertRaises(PowerCut, self.adopt, disk)
        return disk

    def check(self, disk: ForgetfulDisk, where: str) -> None:
        """Start again and deliver at every opportunity: each message is delivered once, and none is lost."""
        spool = adopter(disk)
        delivered = self.delivered(spool, where)
        if "lost" in disk.names("/spool"):
            done(spool.adoption.claim("lost"))
        for part in (DOMAIN, NOTICES):
            done(spool.sweep(part))
        bring(spool)
        again = self.delivered(spool, where)
        self.assertEqual(sorted(delivered + again), sorted(ALL), where)
        self.assertEqual(held(spool), set(), where)
        self.assertIn(Interval(NOW - 100, NOW - 50), done(spool.load_ledger(DOMAIN)).intervals, where)
        self.assertEqual(done(spool.adoption.pending()), [], where)
        self.assertEqual(list(disk.names("/spool")), ["node1"], where)
        self.assertEqual(spool._journal.named("damaged"), [], where)  # type: ignore[attr-defined]

    def delivered(self, spool: Spool, where: str) -> list[str]:
        """Deliver and remove everything that is to be seen."""
        if "held" in held(spool):
            done(spool.release(done(spool.find("held"))))
        found = waiting(spool)
        for id, entry in found.items():
            record = done(spool.load(entry))
            self.assertEqual(b"".join(record.content.blocks or ()), a_content(id), where)
            if id in ("settled", "held"):
                self.assertEqual(record.progress.settled, SETTLED.settled, where)
        done(spool.remove(list(found.values())))
        return list(found)

    def test_a_kill_at_any_step_loses_and_doubles_nothing(self):
        """After kill -9 of the adopter everything is somewhere, once."""
        steps = self.steps()
        self.assertGreater(steps, 100)
        for number in range(1, steps + 1):
            self.check(self.died_at(number).after_kill(), f"killed at {number}")

    def test_a_power_cut_at_any_step_loses_and_doubles_nothing(self):
        """Whatever part of what was not synced survives."""
        for number in range(1, self.steps() + 1):
            self.check(self.died_at(number).after_crash(), f"cut at {number}")
            for seed in range(3):
                coin = partial(random.Random(number * 100 + seed).choice, (True, False))
                self.check(self.died_at(number).after_crash(coin, coin), f"seed {seed} at {number}")

    def test_an_error_at_any_step_loses_and_doubles_nothing(self):
        """An input/output error stops the takeover; nothing is seen that could come twice, and it goes on later."""
        for number in range(1, self.steps() + 1):
            disk = a_lost_node(ForgetfulDisk())
            disk.fail_at, disk.failure = number, errno.EIO
            try:
                spool = adopter(disk)
            except SpoolUnavailable:
                continue  # the node does not start
            where = f"failed at {number}"
            delivered: list[str] = []
            for _ in range(3):
                try:
                    if "lost" in disk.names("/spool"):
                        done(spool.adoption.claim("lost"))
                    bring(spool)
                except SpoolUnavailable:
                    self.assertFalse(disk.dead)
                delivered += self.delivered(spool, where)
            self.assertEqual(sorted(delivered), sorted(ALL), where)


class OwnerTests(SynchronousTestCase):
    """What the owner does when it comes back, on a disk whose locks told nobody that it lives."""

    def taken(self, disk: ForgetfulDisk) -> Spool:
        """Have another node take everything."""
        other = adopter(disk, "node2")
        done(other.adoption.claim("lost"))
        bring(other)
        return other

    def test_it_finds_its_work_gone(self):
        """It sees nothing to deliver, cannot store, and may not end what it was delivering."""
        disk = LocklessDisk()
        owner = a_spool(disk, member="lost")
        fill(owner)
        entry = waiting(owner)["first"]
        self.assertTrue(owner.is_there(entry))
        other = self.taken(disk)
        self.assertFalse(owner.is_there(entry))
        self.assertRaises(SpoolTaken, lambda: done(owner.space()))
        self.assertRaises(SpoolUnavailable, lambda: done(owner.window(DOMAIN, 10)))
        self.assertRaises(SpoolUnavailable, lambda: done(owner.load(entry)))
        self.assertRaises(SpoolUnavailable, lambda: done(owner.defer(entry, NOW, Progress())))
        stored = owner.store(a_message("new"), MemoryContent((b"x",)), due=NOW)
        self.assertRaises(SpoolUnavailable, lambda: done(stored))
        done(owner.remove([entry]))
        self.assertEqual(owner._journal.named("already_gone")[0]["message"], "first")  # type: ignore[attr-defined]
        self.assertEqual(waiting(other).keys() | held(other), ALL)

    def test_it_begins_anew(self):
        """With an empty directory of its old name, which can be lost and adopted again."""
        disk = LocklessDisk()
        owner = a_spool(disk, member="lost")
        fill(owner)
        other = self.taken(disk)
        done(owner.begin_anew())
        for part in (DOMAIN, NOTICES):
            done(owner.prepare(part))
        self.assertEqual(waiting(owner), {})
        done(owner.space())
        done(owner.store(a_message("new"), MemoryContent((a_content("new"),)), due=NOW))
        self.assertEqual(waiting(owner).keys(), {"new"})
        done(other.adoption.claim("lost"))
        bring(other)
        self.assertEqual(waiting(other).keys() | held(other), {*ALL, "new"})


class StoppedTests(SynchronousTestCase):
    """The owner stands still before its n-th file operation, for every n, while another node takes over (R15)."""

    def stopped_at(self, number: int, *, notices: bool) -> None:
        """Have another node take over before so many of the owner's steps.

        :param notices: whether the owner begins anew at once, with its call under way, as another thread of it would.
        """
        where = f"stopped at {number}, {'anew' if notices else 'unaware'}"
        disk = LocklessDisk()
        owner = a_spool(disk, member="lost")
        fill(owner)
        other = adopter(disk, "node2")
        day = OwnersDay(owner)

        def taken() -> None:
            done(other.adoption.claim("lost"))
            bring(other)
            if notices:
                done(owner.begin_anew())
                for part in (DOMAIN, NOTICES):
                    done(owner.prepare(part))

        disk.interrupt(number, taken)
        day.run()
        self.assertTrue(disk.interrupted, where)
        theirs, ours = waiting(other).keys() | held(other), self.seen(owner)
        self.assertEqual(theirs & ours, set(), where)
        self.assertLessEqual(day.kept, theirs | ours, where)
        if day.holds:
            self.assertIn("first", held(other) if "first" in theirs else held(owner), where)
        for id, entry in waiting(other).items():
            record = done(other.load(entry))
            self.assertEqual(b"".join(record.content.blocks or ()), a_content(id), where)
            if id in day.settled:
                self.assertEqual(record.progress.settled, SETTLED.settled, where)

    def seen(self, owner: Spool) -> set[str]:
        try:
            return waiting(owner).keys() | held(owner)
        except SpoolUnavailable:
            return set()

    def steps(self) -> int:
        disk = LocklessDisk()
        owner = a_spool(disk, member="lost")
        fill(owner)
        before = disk.steps
        OwnersDay(owner).run()
        return disk.steps - before

    def test_what_was_acknowledged_is_in_one_place(self):
        """Whatever the owner was doing: all that it acknowledged is there, whole and once, and what it noted too."""
        steps = self.steps()
        self.assertGreater(steps, 30)
        for number in range(1, steps + 1):
            self.stopped_at(number, notices=False)

    def test_a_fresh_part_is_not_mistaken_for_the_old_one(self):
        """The same when the owner has made its new directories before the call under way goes on."""
        for number in range(1, self.steps() + 1):
            self.stopped_at(number, notices=True)


class OwnersDay:
    """What an owner does; each step counts once it was acknowledged.

    :ivar kept: ids that must be somewhere; ``settled`` those whose progress must be remembered.
    """

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.entries = waiting(spool)
        self.kept = set(ALL)
        self.settled = {"settled"}
        self.holds = False

    def run(self) -> None:
        """Go on with the next step whatever became of the one before."""
        for step in (self.store, self.draft, self.settle, self.remove, self.hold):
            try:
                step()
            except SpoolUnavailable:
                continue

    def store(self) -> None:
        done(self.spool.store(a_message("new", recipients=2), MemoryContent((a_content("new"),)), due=NOW))
        self.kept.add("new")

    def draft(self) -> None:
        draft = done(self.spool.draft(a_message("drafted", recipients=2)))
        done(draft.append(a_content("drafted")))
        try:
            done(draft.commit(due=NOW, progress=SETTLED))
            self.kept.add("drafted")
            self.settled.add("drafted")
        finally:
            done(draft.discard())

    def settle(self) -> None:
        done(self.spool.defer(self.entries["third"], NOW + 60, SETTLED))
        self.settled.add("third")

    def remove(self) -> None:
        if self.spool.is_there(self.entries["fourth"]):
            self.kept.discard("fourth")
            done(self.spool.remove([self.entries["fourth"]]))

    def hold(self) -> None:
        done(self.spool.hold(self.entries["first"]))
        self.holds = True
