"""What the spool's callers may rely on, on a disk in memory."""

from __future__ import annotations

import math

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import Fate
from shieldrelay.spool.content import FileContent, MemoryContent
from shieldrelay.spool.entry import Entry, Tally
from shieldrelay.spool.faults import Damaged, Gone, SpoolFull, SpoolInUse, SpoolUnavailable
from shieldrelay.spool.name import NOTICES
from shieldrelay.spool.progress import NO_PROGRESS, Progress
from shieldrelay.spool.recovery import Swept
from shieldrelay.testing.disk import ForgetfulDisk, PowerCut
from shieldrelay.testing.journal import ListJournal
from shieldrelay.testing.threads import HeldThreads
from tests.spool.samples import DOMAIN, NOW, a_content, a_message, a_spool, done
from tests.spool.test_content import read_all

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 10_000


class SpoolCase(SynchronousTestCase):
    def setUp(self):
        self.disk = ForgetfulDisk()
        self.journal = ListJournal()
        self.spool = self.started(self.disk)
        self.place = f"{self.spool.path}/{DOMAIN}"

    def started(self, disk, **options):
        spool = a_spool(disk, journal=self.journal, **options)
        spool.open()
        done(spool.prepare(DOMAIN))
        return spool

    def stored(self, id="M1", *, due=NOW, arrived=NOW, content=None, **options) -> Entry:
        content = a_content(id) if content is None else content
        message = a_message(id, arrived=arrived)
        entry: Entry = done(self.spool.store(message, MemoryContent((content,)), due=due, **options))
        return entry

    def names(self, directory):
        return sorted(self.disk.names(f"{self.place}/{directory}"))

    def wreck(self, entry, octets):
        """Let an entry's file hold something else."""
        file = self.disk.open_for_appending(f"{self.place}/new/{entry.name}")
        self.disk.replace_content(file, octets)
        self.disk.close(file)


class StoreTests(SpoolCase):
    def test_a_stored_message_comes_back_as_it_was(self):
        """Envelope, content and due time; no progress yet; nothing is left in ``tmp/``."""
        entry = self.stored()
        record = done(self.spool.load(entry))
        self.assertEqual(record.message, a_message())
        self.assertEqual(record.content.blocks, (a_content(),))
        self.assertEqual(record.progress, NO_PROGRESS)
        self.assertEqual(done(self.spool.window(DOMAIN, 9)).entries, (entry,))
        self.assertEqual(self.names("tmp"), [])

    def test_a_large_content_is_read_in_blocks(self):
        """It stays in its file and is the same."""
        content = done(self.spool.load(self.stored(content=LARGE))).content
        self.assertIsInstance(content, FileContent)
        self.assertEqual((content.size, content.ascii_header), (len(LARGE), True))
        self.assertEqual(b"".join(read_all(content.open())), LARGE)

    def test_a_header_that_needs_smtputf8_is_recognised_in_any_size(self):
        """Also when it is longer than the first read."""
        for padding in (0, 100_000):
            octets = b"X: " + b"x" * padding + b"\r\nSubject: \xc3\xbc\r\n\r\n" + LARGE
            record = done(self.spool.load(self.stored(f"P{padding}", content=octets)))
            self.assertFalse(record.content.ascii_header)

    def test_progress_is_part_of_the_message(self):
        """What an inline attempt settled is not lost with any sidecar."""
        progress = Progress({0: Fate.TAKEN}, 1, "busy", NOW, NOW)
        entry = self.stored(progress=progress)
        self.assertEqual(self.names("state"), [])
        self.assertEqual(done(self.spool.load(entry)).progress, progress)

    def test_a_name_is_never_overwritten(self):
        """The same message a second time fails and leaves the first alone."""
        entry = self.stored()
        self.assertRaises(SpoolUnavailable, self.stored)
        self.assertEqual(done(self.spool.load(entry)).message, a_message())
        self.assertEqual(self.names("tmp"), [])

    def test_a_domain_that_was_not_prepared_is_refused(self):
        """Without durable directories nothing is accepted."""
        stored = self.spool.store(a_message(domain="other.example"), MemoryContent((b"x",)), due=NOW)
        self.assertRaises(SpoolUnavailable, done, stored)

    def test_notices_have_a_part_of_their_own(self):
        """It is listed beside the domains."""
        done(self.spool.prepare(NOTICES))
        entry = done(self.spool.store(a_message("N1", domain=NOTICES), MemoryContent((b"\r\n",)), due=NOW))
        self.assertEqual(entry.domain, NOTICES)
        self.assertEqual(done(self.spool.domains()), [NOTICES, DOMAIN])

    def test_a_domain_that_leads_elsewhere_is_refused_at_once(self):
        """No path is ever built from it."""
        self.assertRaises(ValueError, self.spool.prepare, "../../etc")

    def test_a_full_disk_is_told_and_leaves_nothing(self):
        """SpoolFull, no file in ``tmp/`` and none in ``new/``."""
        for step in (1, 2, 3, 4):
            self.disk.fail_at, self.disk.failure = self.disk.steps + step, 28
            self.assertRaises(SpoolFull, self.stored)
            self.assertEqual(self.names("tmp") + self.names("new"), [])

    def test_a_failed_directory_sync_takes_the_message_out_again(self):
        """The sender hears 451 and the message is not delivered behind its back."""
        self.disk.fail_at = self.disk.steps + 8
        self.assertRaises(SpoolUnavailable, self.stored)
        self.assertEqual(self.names("new"), [])
        self.assertEqual(self.spool.count(DOMAIN), Tally())


class DraftTests(SpoolCase):
    def draft(self, *blocks):
        draft = done(self.spool.draft(a_message()))
        for block in blocks:
            done(draft.append(block))
        return draft

    def test_a_committed_draft_is_an_entry(self):
        """It equals a message that was stored at once."""
        entry = done(self.draft(LARGE[:70_000], LARGE[70_000:]).commit(due=NOW))
        record = done(self.spool.load(entry))
        self.assertEqual(b"".join(read_all(record.content.open())), LARGE)
        self.assertEqual((self.names("tmp"), self.names("new")), ([], [entry.name]))
        self.assertEqual(entry, self.entry_of_store(LARGE))

    def entry_of_store(self, octets):
        self.disk = ForgetfulDisk()
        self.spool = self.started(self.disk)
        return self.stored(content=octets)

    def test_its_content_can_be_read_before_and_after_the_commit(self):
        """A pass that has begun goes on, and one that begins later finds the file under its new name."""
        draft = self.draft(LARGE)
        content = draft.content(ascii_header=True)
        reader = content.open()
        begun = done(reader.read())
        done(draft.commit(due=NOW))
        self.assertEqual(begun + b"".join(read_all(reader)), LARGE)
        self.assertEqual(b"".join(read_all(content.open())), LARGE)

    def test_progress_comes_with_the_commit(self):
        """It is durable before the message is."""
        progress = Progress({0: Fate.TAKEN})
        entry = done(self.draft(b"x").commit(due=NOW, progress=progress))
        self.disk = self.disk.after_crash()
        self.assertEqual(done(self.started(self.disk).load(entry)).progress, progress)

    def test_a_discarded_draft_leaves_nothing(self):
        """However often it is discarded; it takes no more."""
        draft = self.draft(b"x")
        done(draft.discard())
        done(draft.discard())
        self.assertEqual(self.names("tmp"), [])
        self.assertEqual(self.disk._handles.keys(), self.started_handles())
        self.assertRaises(SpoolUnavailable, done, draft.append(b"y"))
        self.assertRaises(SpoolUnavailable, done, draft.commit(due=NOW))

    def started_handles(self):
        return {self.spool._lock._file}

    def test_calls_take_their_turns(self):
        """A discard that comes during a write waits for it; what comes after it is refused, and nothing is left."""
        threads = HeldThreads()
        self.spool = a_spool(self.disk, member="node2", threads=threads)
        self.spool.open()
        prepared, drafting = self.spool.prepare(DOMAIN), self.spool.draft(a_message())
        threads.go_on()
        draft = done(drafting)
        self.assertIsNone(done(prepared))
        written, discarded, late = draft.append(b"a"), draft.discard(), draft.append(b"b")
        self.assertEqual(len(threads.waiting), 1)
        threads.go_on()
        self.assertIsNone(done(written))
        self.assertIsNone(done(discarded))
        self.assertRaises(SpoolUnavailable, done, late)
        self.assertEqual(list(self.disk.names(f"{self.spool.path}/{DOMAIN}/tmp")), [])

    def test_discarding_after_the_commit_does_nothing(self):
        """The message stays."""
        draft = self.draft(b"x")
        entry = done(draft.commit(due=NOW))
        done(draft.discard())
        self.assertEqual(self.names("new"), [entry.name])

    def test_a_content_that_is_not_in_memory_is_copied(self):
        """A stored file content, of a notice for instance, is written block by block."""
        original = done(self.spool.load(self.stored(content=LARGE))).content
        entry = done(self.spool.store(a_message("M2"), original, due=NOW))
        self.assertEqual(b"".join(read_all(done(self.spool.load(entry)).content.open())), LARGE)

    def test_a_copy_that_cannot_be_read_leaves_nothing(self):
        """The draft is discarded."""
        entry = self.stored(content=LARGE)
        original = done(self.spool.load(entry)).content
        done(self.spool.remove([entry]))
        self.assertRaises(OSError, done, self.spool.store(a_message("M2"), original, due=NOW))
        self.assertEqual(self.names("tmp") + self.names("new"), [])


class WindowTests(SpoolCase):
    def test_those_due_first_come_first(self):
        """By due time, then by arrival; the rest is counted and lies beyond the horizon."""
        for id, due, arrived in (("c", 30, 3), ("a", 10, 1), ("b2", 20, 2), ("b1", 20, 1), ("d", 40, 1)):
            self.stored(id, due=NOW - 100 + due, arrived=NOW + arrived)
        window = done(self.spool.window(DOMAIN, 3))
        self.assertEqual([entry.id for entry in window.entries], ["a", "b1", "b2"])
        self.assertEqual((window.total, window.horizon), (5, NOW - 80))
        self.assertEqual(window.octets, sum(entry.size for entry in done(self.spool.window(DOMAIN, 9)).entries))

    def test_known_good_mail_has_a_window_of_its_own(self):
        """However many others are due before it, it is found; each precedence has its horizon."""
        for number in range(6):
            self.stored(f"S{number}", due=NOW - 100 + number)
        for number in range(4):
            message = evolve(a_message(f"K{number}"), precedence=Precedence.KNOWN_GOOD)
            done(self.spool.store(message, MemoryContent((a_content(),)), due=NOW - 10 + number))
        window = done(self.spool.window(DOMAIN, 3))
        self.assertEqual([entry.id for entry in window.entries], ["S0", "S1", "S2", "K0", "K1", "K2"])
        self.assertEqual((window.total, window.horizon, window.known_good_horizon), (10, NOW - 98, NOW - 8))
        self.assertEqual({entry.precedence for entry in window.entries[3:]}, {Precedence.KNOWN_GOOD})
        all_of_it = done(self.spool.window(DOMAIN, 6))
        self.assertEqual((all_of_it.horizon, all_of_it.known_good_horizon), (math.inf, math.inf))
        record = done(self.spool.load(window.entries[5]))
        self.assertIs(record.message.precedence, Precedence.KNOWN_GOOD)

    def test_a_window_that_holds_everything_has_no_horizon(self):
        """An empty one too."""
        self.assertEqual(done(self.spool.window(DOMAIN, 3)).horizon, math.inf)
        self.stored()
        self.assertEqual(done(self.spool.window(DOMAIN, 1)).horizon, math.inf)

    def test_an_mtime_too_far_ahead_means_due(self):
        """A clock that was wrong once keeps no mail back."""
        self.stored("far", due=NOW + 3601)
        self.stored("near", due=NOW + 3600)
        dues = {entry.id: entry.due for entry in done(self.spool.window(DOMAIN, 9)).entries}
        self.assertEqual(dues, {"far": NOW, "near": NOW + 3600})

    def test_the_count_goes_on_between_looks(self):
        """What is stored, removed, held and released is counted without a look."""
        first, second = self.stored("M1"), self.stored("M2")
        self.assertEqual(self.spool.count(DOMAIN), Tally(2, first.size + second.size))
        done(self.spool.hold(first))
        self.assertEqual(self.spool.count(DOMAIN), Tally(1, second.size))
        done(self.spool.release(first))
        done(self.spool.remove([first, second]))
        self.assertEqual(self.spool.count(DOMAIN), Tally())


class ChangeTests(SpoolCase):
    def test_deferring_keeps_the_progress_and_the_time(self):
        """Both are there after a restart, and the file is unchanged."""
        entry = self.stored()
        progress = Progress({0: Fate.REFUSED}, 3, "it is full", NOW, NOW + 5)
        later = done(self.spool.defer(entry, NOW + 60.5, progress))
        self.assertEqual(later, entry.due_at(NOW + 60.5))
        spool = self.started(self.disk.after_kill())
        self.assertEqual(done(spool.window(DOMAIN, 9)).entries, (later,))
        self.assertEqual(done(spool.load(later)).progress, progress)

    def test_an_unreadable_sidecar_counts_as_none(self):
        """The message is delivered again rather than lost."""
        entry = done(self.spool.defer(self.stored(), NOW, Progress(attempts=1)))
        file = self.disk.open_for_appending(f"{self.place}/state/{entry.name}.json")
        self.disk.replace_content(file, b'{"version":1,"settl')
        self.assertEqual(done(self.spool.load(entry)).progress, NO_PROGRESS)

    def test_what_is_gone_is_told_as_gone(self):
        """Deferring, loading, holding: an operator may have removed it. Nothing is left of it."""
        entry = self.stored()
        done(self.spool.remove([entry]))
        for act in (self.spool.load(entry), self.spool.defer(entry, NOW, NO_PROGRESS), self.spool.hold(entry)):
            self.assertRaises(Gone, done, act)
        self.assertEqual(self.names("state"), [])
        done(self.spool.remove([entry]))

    def test_removing_takes_the_sidecar_too(self):
        """Of many entries of several domains in one call."""
        done(self.spool.prepare("other.example"))
        other = done(self.spool.store(a_message("O", domain="other.example"), MemoryContent((b"x",)), due=NOW))
        entry = done(self.spool.defer(self.stored(), NOW, Progress(attempts=1)))
        done(self.spool.remove([entry, other]))
        done(self.spool.remove([]))
        self.assertEqual(self.names("new") + self.names("state"), [])
        self.assertIsNone(done(self.spool.find("O")))

    def test_a_removal_in_several_domains_fails_as_one_in_one(self):
        """With what went wrong, in our words."""
        done(self.spool.prepare("other.example"))
        other = done(self.spool.store(a_message("O", domain="other.example"), MemoryContent((b"x",)), due=NOW))
        entry = self.stored()
        self.disk.fail_at = self.disk.steps + 1
        self.assertRaises(SpoolUnavailable, done, self.spool.remove([entry, other]))

    def test_one_that_cannot_be_removed_does_not_keep_the_others(self):
        """The failure is told, the others are gone."""
        first, second = self.stored("M1"), self.stored("M2")
        self.disk.fail_at = self.disk.steps + 1
        self.assertRaises(SpoolUnavailable, done, self.spool.remove([first, second]))
        self.assertEqual(self.names("new"), [first.name])

    def test_what_is_held_is_in_no_window(self):
        """It is listed, found, loaded and removed as before, and waits again after its release."""
        entry, other = self.stored("M1"), self.stored("M2")
        done(self.spool.hold(entry))
        done(self.spool.hold(other))
        self.assertEqual(done(self.spool.window(DOMAIN, 9)).entries, ())
        self.assertEqual([held.id for held in done(self.spool.held(DOMAIN))], ["M1", "M2"])
        self.assertEqual(done(self.spool.find("M1")), entry)
        self.assertEqual(done(self.spool.load(entry)).message.id, "M1")
        done(self.spool.release(entry))
        done(self.spool.remove([other]))
        self.assertEqual(done(self.spool.window(DOMAIN, 9)).entries, (entry,))
        self.assertEqual(done(self.spool.held(DOMAIN)), ())

    def test_holding_what_is_held_changes_nothing(self):
        """Nor does releasing what waits; it is counted once."""
        entry = self.stored()
        for act, count in (
            (self.spool.release, 1),
            (self.spool.hold, 0),
            (self.spool.hold, 0),
            (self.spool.release, 1),
        ):
            done(act(entry))
            self.assertEqual(self.spool.count(DOMAIN).entries, count)

    def test_an_id_is_found_in_any_domain(self):
        """Only a whole id; what can be no id is refused before anything is looked at."""
        entry = self.stored("M12")
        self.assertEqual(done(self.spool.find("M12")), entry)
        self.assertIsNone(done(self.spool.find("M1")))
        self.assertRaises(ValueError, self.spool.find, "../M1")


class DamageTests(SpoolCase):
    def damaged(self):
        return [(one["domain"], one["file"], one["reason"]) for one in self.journal.named("damaged")]

    def test_a_torn_file_is_set_aside_by_the_look_that_finds_it(self):
        """The others are found all the same; the reason is told once."""
        entry, other = self.stored("M1"), self.stored("M2")
        self.wreck(entry, b"torn")
        for _ in range(2):
            self.assertEqual(done(self.spool.window(DOMAIN, 9)).entries, (other,))
        reason = f"it has 4 octets instead of {entry.size}"
        self.assertEqual(self.damaged(), [(DOMAIN, entry.name, reason)])
        self.assertEqual(self.names("damaged"), [entry.name])

    def test_a_file_that_is_none_of_ours_is_set_aside(self):
        """A directory too; two of the same name do not replace each other."""
        self.disk.make_directory(f"{self.place}/new/strange")
        self.assertEqual(done(self.spool.window(DOMAIN, 9)).total, 0)
        self.disk.make_directory(f"{self.place}/new/strange")
        done(self.spool.window(DOMAIN, 9))
        self.assertEqual(self.names("damaged"), ["strange", "strange.1"])

    def test_a_file_whose_envelope_cannot_be_read_is_set_aside_when_loaded(self):
        """No block, a later version, another message's envelope: each with its reason."""
        for id, change, reason in (
            ("none", lambda octets: b"x" * len(octets), "does not begin with an envelope block"),
            ("later", lambda octets: octets.replace(b"Envelope: 1", b"Envelope: 7"), "version 7"),
            ("other", lambda octets: octets.replace(b'"id":"other"', b'"id":"wrong"'), "another message"),
            ("broken", lambda octets: octets.replace(b'{"id"', b'("id"'), "cannot be read"),
        ):
            entry = self.stored(id)
            self.wreck(entry, change(self.octets(entry)))
            fault = self.assertRaises(Damaged, done, self.spool.load(entry))
            self.assertIn(reason, str(fault))
            self.assertIn(reason, self.damaged()[-1][2])
            self.assertEqual(self.names("new"), [])
        self.assertEqual(self.spool.count(DOMAIN), Tally())

    def octets(self, entry):
        file = self.disk.open(f"{self.place}/new/{entry.name}")
        octets = self.disk.read(file, 0, 1 << 20)
        self.disk.close(file)
        return octets

    def test_a_file_that_cannot_be_read_is_set_aside(self):
        """An input/output error stops one message and nothing else."""
        entry, other = self.stored("M1"), self.stored("M2")
        self.disk.fail_at = self.disk.steps + 1
        self.assertRaises(Damaged, done, self.spool.load(entry))
        self.assertEqual(done(self.spool.load(other)).message.id, "M2")
        self.assertEqual(self.names("damaged"), [entry.name])

    def test_our_own_trouble_damages_nothing(self):
        """With too many open files the message stays where it is."""
        entry = self.stored()
        self.disk.fail_at, self.disk.failure = self.disk.steps + 1, 24
        fault = self.assertRaises(SpoolUnavailable, done, self.spool.load(entry))
        self.assertNotIsInstance(fault, Damaged)
        self.assertEqual(done(self.spool.load(entry)).message, a_message())


class StartTests(SpoolCase):
    def test_a_second_instance_is_told_who_has_the_spool(self):
        """It gets SpoolInUse with the process id, and the first goes on; after its end the second may start."""
        second = a_spool(self.disk)
        fault = self.assertRaises(SpoolInUse, second.open)
        self.assertIsNotNone(fault.process)
        self.assertIn(f"process {fault.process}", str(fault))
        self.stored()
        self.spool.close()
        self.spool.close()
        second.open()

    def test_another_member_has_its_own_lock(self):
        """Members share the root and nothing else."""
        other = a_spool(self.disk, member="node2")
        other.open()

    def test_a_member_name_is_a_plain_name(self):
        """Nothing that leads elsewhere."""
        for member in ("", "a/b", "..", ".a"):
            self.assertRaises(ValueError, a_spool, self.disk, member=member)

    def test_a_disk_that_cannot_be_written_is_told_at_the_start(self):
        """Read-only, full, failing: whatever step meets it, the fault is ours, and the lock is let go."""
        steps = ForgetfulDisk()
        a_spool(steps).open()
        for number in range(1, steps.steps + 1):
            disk = ForgetfulDisk(fail_at=number, failure=30)
            fault = self.assertRaises(SpoolUnavailable, a_spool(disk).open)
            self.assertIn("read-only", str(fault))
            a_spool(disk).open()

    def test_a_start_that_died_leaves_nothing(self):
        """Whatever step it died at, the next start finds a clean directory or makes it so."""
        steps = ForgetfulDisk()
        a_spool(steps).open()
        for number in range(1, steps.steps + 1):
            disk = ForgetfulDisk(die_at=number)
            self.assertRaises(PowerCut, a_spool(disk).open)
            found = disk.after_kill()
            spool = a_spool(found)
            spool.open()
            self.assertEqual(list(found.names(spool.path)), ["_lock"])

    def test_a_sweep_removes_what_a_crash_left(self):
        """Temporary files of earlier runs and sidecars without messages; nothing of this run, and no message."""
        entry = done(self.spool.defer(self.stored(), NOW, Progress(attempts=1)))
        for path in ("tmp/old.1", "tmp/old.2", f"state/{entry.name[:-1]}9.json", "state/odd"):
            self.disk.close(self.disk.create(f"{self.place}/{path}"))
        draft = done(self.spool.draft(a_message("D")))
        self.assertEqual(done(self.spool.sweep(DOMAIN)), Swept(unfinished=2, doubled=0, orphans=2))
        self.assertEqual(self.journal.named("swept"), [{"domain": DOMAIN, "unfinished": 2, "doubled": 0, "orphans": 2}])
        done(draft.commit(due=NOW))
        self.assertEqual(done(self.spool.load(entry)).progress.attempts, 1)
        self.assertFalse(done(self.spool.sweep(DOMAIN)))

    def test_a_hold_cut_short_is_a_hold(self):
        """With a name in both places the message is on hold after the sweep."""
        entry = self.stored()
        self.disk.link(f"{self.place}/new/{entry.name}", f"{self.place}/held/{entry.name}")
        done(self.spool.sweep(DOMAIN))
        self.assertEqual((self.names("new"), self.names("held")), ([], [entry.name]))

    def test_space_is_asked_of_the_disk(self):
        """As it is, and through a thread."""
        self.disk.space_left = evolve(self.disk.space_left, octets_free=7)
        self.assertEqual(done(self.spool.space()).octets_free, 7)
        self.assertIsInstance(self.spool.space(), Deferred)
