"""Claims about lists as they change: versions, guards, pushes, rollback, observation, freshness, contradictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.reply import Reply
from shieldrelay.recipients import domain_list
from shieldrelay.recipients.contradictions import REMEMBERED, Sort
from shieldrelay.recipients.freshness import Freshness
from shieldrelay.recipients.guards import Guard, Override
from shieldrelay.recipients.lists import Lists
from shieldrelay.recipients.outcome import Adopted, Confirmed, Malformed, NotThere, Outcome, Pushed, Refused
from shieldrelay.recipients.settings import DAY, HOUR, Guards, ListKind, ListSettings
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Who
from tests.recipients.lists_fixture import NOW, ListsCase, fetched, names

LISTED, UNKNOWN, FORMER, TRAP = Standing.LISTED, Standing.UNKNOWN, Standing.FORMER, Standing.TRAP


def push_only(**settings: Any) -> ListSettings:
    """Give the settings of a domain whose list is pushed."""
    return fetched(kind=ListKind.PUSH, **settings)


class VersionTests(ListsCase):
    def test_versions_count_up_and_three_are_kept(self) -> None:
        """Each new list is a version with its record; the last three stay on disk, and survive a restart."""
        lists = self.lists(fetched())
        for number in range(1, 6):
            version = self.adopted(self.taken(lists, names(number), note=f"the {number}th", validator=f"e{number}"))
            self.assertEqual((version.number, version.listed, version.made_at), (number, number, NOW))
        kept = self.lists(fetched()).versions("example.com")
        self.assertEqual([each.number for each in kept], [5, 4, 3])
        self.assertEqual([each.origin.note for each in kept], ["the 5th", "the 4th", "the 3th"])
        self.assertEqual(
            self.files(), {"lock", "current", *(f"{n}.{suffix}" for n in (3, 4, 5) for suffix in ("mdb", "json"))}
        )
        self.assert_standing(self.lists(fetched()), LISTED, "user4")

    def test_same_list_is_no_version(self) -> None:
        """The same entries in another order confirm what is in force and make no version."""
        lists = self.lists(fetched())
        self.adopted(self.taken(lists, [b"a\n", b"b\tformer\n"]))
        outcome = self.taken(lists, [b"B\tformer\n", b"a\n", b"a\n"], validator="new", now=NOW + DAY)
        self.assertIsInstance(outcome, Confirmed)
        self.assertEqual([each.number for each in lists.versions("example.com")], [1])
        self.assertEqual(lists.known_source("example.com"), (None, "new"))
        self.assertIs(lists.picture("example.com", NOW + DAY).freshness, Freshness.FRESH)

    def test_only_the_owner_reads_the_files(self) -> None:
        """Directories are 0700 and files 0600."""
        lists = self.lists(fetched())
        self.taken(lists, names(3))
        lists.push("example.com", [b"x"], [], NOW)
        for each in (self.state / "recipients").rglob("*"):
            self.assertEqual(each.stat().st_mode & 0o777, 0o700 if each.is_dir() else 0o600, each)

    def test_a_domain_that_is_gone_is_not_ours(self) -> None:
        """What the configuration has no more is not ours, and its state is there when it comes back."""
        lists = self.lists(fetched(), fetched("example.org"))
        self.taken(lists, names(3))
        lists.install(lists.prepare([fetched("example.org")], NOW), NOW)
        self.assert_standing(lists, Standing.NOT_OURS, "user0")
        lists.install(lists.prepare([fetched(separator="+")], NOW), NOW)
        self.assert_standing(lists, LISTED, "user0+x")

    def test_unknown_domains_are_not_there(self) -> None:
        """What is asked of a domain that is not protected is not done, and nothing is left behind."""
        lists = self.lists()
        built = self.built(fetched(), names(3))
        self.assertIsInstance(lists.adopt("example.com", built, NOW), NotThere)
        self.assertEqual(self.files(), set())
        for outcome in (
            lists.push("example.com", [b"a"], [], NOW),
            lists.rollback("example.com", None, NOW),
            lists.replace("example.com", [b"a"], NOW),
            lists.accept_refused("example.com", NOW),
        ):
            self.assertIsInstance(outcome, NotThere)


class GuardTests(ListsCase):
    def refused(self, outcome: Outcome, guard: Guard, words: str) -> None:
        """Hold a refusal against what it should be."""
        assert isinstance(outcome, Refused), outcome
        self.assertIs(outcome.objection.guard, guard)
        self.assertEqual(str(outcome.objection), words)

    def test_a_list_that_shrinks_is_refused(self) -> None:
        """A version that loses more than a fifth and ten recipients is refused, and the old one stays."""
        lists = self.lists(fetched())
        self.taken(lists, names(100))
        self.adopted(self.taken(lists, names(80)))
        self.refused(self.taken(lists, names(63)), Guard.SHRUNK, "17 of 80 recipients would cease to exist, limit 20%")
        self.assert_standing(lists, LISTED, "user79")
        self.assertEqual(lists.picture("example.com", NOW).version.number, 2)  # type: ignore[union-attr]

    def test_few_may_go(self) -> None:
        """A small list may lose nine of ten."""
        lists = self.lists(fetched())
        self.taken(lists, names(10))
        self.adopted(self.taken(lists, names(1)))

    def test_others_in_their_place_are_a_loss(self) -> None:
        """A list of the same size with other people in it is refused: it is somebody else's."""
        lists = self.lists(fetched())
        self.taken(lists, names(100))
        others = self.taken(lists, names(100, "other"))
        self.refused(others, Guard.SHRUNK, "100 of 100 recipients would cease to exist, limit 20%")

    def test_former_recipients_are_a_loss(self) -> None:
        """Whoever turns into a former recipient ceases to exist."""
        lists = self.lists(fetched())
        self.taken(lists, names(30))
        gone = [b"user%d\tformer\n" % number for number in range(20)]
        self.refused(
            self.taken(lists, [*names(30)[20:], *gone]),
            Guard.SHRUNK,
            "20 of 30 recipients would cease to exist, limit 20%",
        )

    def test_an_empty_list_is_refused(self) -> None:
        """A list that becomes empty is refused however small it was, and so is a first one that is fetched."""
        lists = self.lists(fetched())
        self.refused(self.taken(lists, []), Guard.EMPTY, "nobody would exist")
        self.taken(lists, names(1))
        self.refused(self.taken(lists, [b"# nobody\n"]), Guard.EMPTY, "nobody would exist")

    def test_too_many_faults_are_refused(self) -> None:
        """A list with too many lines that are no recipients is refused, by number or share; few are left out."""
        settings = fetched(guards=Guards(faults_most=3, faults_share=0.1))
        lists = self.lists(settings)
        self.refused(
            self.taken(lists, [b"a", b"b c"], settings), Guard.FAULTS, "1 of 2 lines are no recipients, limit 10%"
        )
        self.refused(
            self.taken(lists, [*names(100), *[b"b c"] * 4], settings),
            Guard.FAULTS,
            "4 lines are no recipients, limit 3",
        )
        outcome = self.taken(lists, [*names(100), *[b"b c"] * 3], settings)
        assert isinstance(outcome, Adopted)
        self.assertEqual(str(outcome.faults[0]), "the directory:101: the local-part is malformed")

    def test_the_operator_knows_better(self) -> None:
        """What was refused is kept, and the operator may adopt it all the same; once."""
        lists = self.lists(fetched())
        self.taken(lists, names(100))
        self.taken(lists, names(5))
        shown = lists.picture("example.com", NOW).refused
        self.assertEqual(shown and shown.listed, 5)
        self.assertEqual(self.adopted(lists.accept_refused("example.com", NOW)).number, 2)
        self.assert_standing(lists, UNKNOWN, "user99")
        self.assertIsInstance(lists.accept_refused("example.com", NOW), NotThere)

    def test_a_version_in_between_is_compared_anew(self) -> None:
        """A build that was compared with what is in force no more is compared again when it is adopted."""
        lists = self.lists(fetched())
        self.taken(lists, names(100))
        stale = self.built(fetched(), names(50), lists.current("example.com"))
        self.assertEqual(stale.version.lost, 50)
        self.adopted(lists.adopt("example.com", self.built(fetched(), names(60)), NOW, Override.ALL))
        self.adopted(lists.adopt("example.com", stale, NOW))

    def test_two_builds_at_once(self) -> None:
        """Two builds of one domain do not meet; the later one to be adopted is in force."""
        lists = self.lists(fetched())
        one, other = self.built(fetched(), [b"one\n"]), self.built(fetched(), [b"other\n"])
        self.adopted(lists.adopt("example.com", one, NOW))
        self.assertEqual(self.adopted(lists.adopt("example.com", other, NOW)).number, 2)
        self.assert_standing(lists, LISTED, "other")
        self.assert_standing(lists, UNKNOWN, "one")


class RollbackTests(ListsCase):
    def test_rollback_is_a_version(self) -> None:
        """Going back makes a new version of the old entries, and says so."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        self.taken(lists, [b"b\n"])
        version = self.adopted(lists.rollback("example.com", None, NOW))
        self.assertEqual((version.number, version.origin.who), (3, Who.ROLLBACK))
        self.assertEqual(version.origin.note, "version 1 again")
        for opened in (lists, self.lists(fetched())):
            self.assert_standing(opened, LISTED, "a")
            self.assert_standing(opened, UNKNOWN, "b")

    def test_what_was_rolled_back_stays_out(self) -> None:
        """The next import of the same bad list is refused; a different one is not, and the operator may insist."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        self.taken(lists, [b"b\n"])
        lists.rollback("example.com", 1, NOW)
        again = self.taken(lists, [b"b\n"])
        assert isinstance(again, Refused)
        self.assertIs(again.objection.guard, Guard.ROLLED_BACK)
        self.adopted(self.taken(lists, [b"c\n"]))
        self.adopted(lists.adopt("example.com", self.built(fetched(), [b"b\n"]), NOW, Override.ALL))
        self.adopted(self.taken(lists, [b"c\n"]))
        self.adopted(self.taken(lists, [b"b\n"]))

    def test_only_what_is_there(self) -> None:
        """There is no going back to a version that is gone, or before the first."""
        lists = self.lists(fetched())
        self.assertIsInstance(lists.rollback("example.com", None, NOW), NotThere)
        self.taken(lists, [b"a\n"])
        self.assertIsInstance(lists.rollback("example.com", None, NOW), NotThere)
        self.assertIsInstance(lists.rollback("example.com", 7, NOW), NotThere)
        self.assert_standing(lists, LISTED, "a")

    def test_pushes_are_dropped(self) -> None:
        """Going back is going back: what was pushed since is gone."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        self.taken(lists, [b"a\n", b"b\n"])
        lists.push("example.com", [b"c"], [], NOW)
        lists.rollback("example.com", None, NOW)
        self.assert_standing(lists, UNKNOWN, "b", "c")
        self.assertFalse([each for each in self.files() if each.startswith("overlay")])


class PushTests(ListsCase):
    def test_a_push_is_in_force_and_durable(self) -> None:
        """Additions and removals hold at once, and after a restart."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n", b"b\n", b"c\n"])
        outcome = lists.push("example.com", [b"new", b"bait\ttrap", b"team-*", b"c\tformer"], [b"b", b"x"], NOW)
        self.assertEqual(outcome, Pushed("example.com", 6, 6))
        for opened in (lists, self.lists(fetched())):
            self.assert_standing(opened, LISTED, "a", "new", "team-1")
            self.assert_standing(opened, UNKNOWN, "b", "x")
            self.assert_standing(opened, TRAP, "bait")
            self.assert_standing(opened, FORMER, "c")

    def test_all_of_a_push_or_nothing(self) -> None:
        """A push with a line that is no recipient changes nothing."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        outcome = lists.push("example.com", [b"b", b"c d"], [b"a@example.org"], NOW)
        assert isinstance(outcome, Malformed)
        self.assertEqual(
            [str(each) for each in outcome.faults],
            ["add:2: the local-part is malformed", "remove:1: the address is not in example.com"],
        )
        self.assert_standing(lists, UNKNOWN, "b")
        self.assert_standing(lists, LISTED, "a")

    def test_pushes_are_folded_into_the_next_version(self) -> None:
        """The next version has what was pushed before it was built; what came later still lies on top of it."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n", b"b\n"])
        lists.push("example.com", [b"early", b"0"], [b"b"], NOW)
        built = self.built(fetched(), [b"a\n", b"b\n", b"z\n"], lists.current("example.com"))
        lists.push("example.com", [b"late"], [b"a"], NOW)
        version = self.adopted(lists.adopt("example.com", built, NOW))
        self.assertEqual((version.listed, version.folded), (4, 1))
        for opened in (lists, self.lists(fetched())):
            self.assert_standing(opened, LISTED, "early", "0", "z", "late")
            self.assert_standing(opened, UNKNOWN, "a", "b")
            self.assertEqual(opened.picture("example.com", NOW).waiting, 2)

    def test_the_first_push_is_a_list(self) -> None:
        """A domain whose list is only pushed gets its first version by its first push, enforced."""
        lists = self.lists(push_only())
        self.assertFalse(lists.enforced("example.com"))
        lists.push("example.com", [b"a"], [], NOW)
        self.assertTrue(lists.enforced("example.com"))
        self.assertEqual(lists.versions("example.com")[0].origin.who, Who.PUSH)
        self.assert_standing(self.lists(push_only()), UNKNOWN, "b")

    def test_a_push_is_not_the_first_fetched_list(self) -> None:
        """A name pushed before the first import has come keeps nobody out."""
        lists = self.lists(fetched())
        lists.push("example.com", [b"a"], [], NOW)
        self.assert_standing(lists, LISTED, "b")
        self.assertFalse(lists.enforced("example.com"))
        self.adopted(self.taken(lists, [b"c\n"]))
        self.assert_standing(lists, LISTED, "a", "c")

    def test_many_pushes_become_a_version(self) -> None:
        """What would be too much to hold on top is folded at once."""
        self.patch(domain_list, "PUSHES_MOST", 10)
        lists = self.lists(push_only())
        lists.replace("example.com", [b"a"], NOW)
        lists.push("example.com", names(10), [], NOW)
        self.assertEqual(lists.picture("example.com", NOW).waiting, 10)
        lists.push("example.com", [b"one-more"], [b"user3"], NOW)
        self.assertEqual(lists.picture("example.com", NOW).waiting, 0)
        self.assertEqual(lists.versions("example.com")[0].listed, 11)
        self.assert_standing(lists, UNKNOWN, "user3")

    def test_pushes_are_guarded(self) -> None:
        """Pushes that together remove more than the guard allows are refused unless the operator insists."""
        lists = self.lists(push_only())
        lists.replace("example.com", names(40), NOW)
        self.assertIsInstance(lists.push("example.com", [], names(9), NOW), Pushed)
        self.assertIsInstance(lists.push("example.com", [], [b"user9"], NOW), Refused)
        self.assertIsInstance(lists.push("example.com", [], [b"user9"], NOW, override=Override.ALL), Pushed)
        self.assert_standing(lists, UNKNOWN, "user0", "user9")
        self.assert_standing(lists, LISTED, "user10")

    def test_the_last_one_stays(self) -> None:
        """Pushes do not empty a list."""
        lists = self.lists(push_only())
        lists.replace("example.com", names(2), NOW)
        self.assertIsInstance(lists.push("example.com", [], names(2), NOW), Refused)

    def test_the_whole_list_is_pushed(self) -> None:
        """Replacing drops what is not in it, pushes included, through the guards."""
        lists = self.lists(push_only())
        lists.replace("example.com", names(20), NOW)
        lists.push("example.com", [b"extra"], [], NOW)
        version = self.adopted(lists.replace("example.com", names(18), NOW, note="by hand"))
        self.assertEqual((version.origin.who, version.origin.note), (Who.PUSH, "by hand"))
        self.assert_standing(lists, UNKNOWN, "extra", "user19")
        self.assertIsInstance(lists.replace("example.com", names(5), NOW), Refused)


class TimeTests(ListsCase):
    def test_first_list_is_observed(self) -> None:
        """The first list of a directory is not enforced for a declared time; the second one begins no new time."""
        lists = self.lists(fetched(observe_first=3 * DAY))
        self.taken(lists, [b"a\n"])
        self.assert_standing(lists, UNKNOWN, "b")
        self.assertFalse(lists.enforced("example.com"))
        self.taken(lists, [b"a\n", b"c\n"], now=NOW + DAY)
        self.assertEqual(lists.picture("example.com", NOW + DAY).observing_until, NOW + 3 * DAY)
        self.assertEqual(lists.refresh(NOW + 3 * DAY - 1), ())
        self.assertFalse(lists.enforced("example.com"))
        self.assertEqual(lists.refresh(NOW + 3 * DAY), ("example.com",))
        self.assertTrue(lists.enforced("example.com"))

    def test_observation_survives_a_restart(self) -> None:
        """A restart neither ends an observation nor begins one."""
        settings = fetched(observe_first=DAY)
        self.taken(self.lists(settings), [b"a\n"])
        self.assertFalse(self.lists(settings, now=NOW + HOUR).enforced("example.com"))
        self.assertTrue(self.lists(settings, now=NOW + DAY).enforced("example.com"))

    def test_the_operator_decides(self) -> None:
        """The operator may enforce a list early, or observe one again."""
        lists = self.lists(fetched(observe_first=DAY))
        self.taken(lists, [b"a\n"])
        lists.observe("example.com", None, NOW)
        self.assertTrue(lists.enforced("example.com"))
        lists.observe("example.com", NOW + HOUR, NOW)
        self.assertFalse(lists.enforced("example.com"))

    def test_lists_age(self) -> None:
        """A fetched list that its source does not confirm is stale after a day and old after a week; still enforced."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        for age, expected in ((0, Freshness.FRESH), (DAY, Freshness.STALE), (7 * DAY, Freshness.OLD)):
            lists.refresh(NOW + age)
            self.assertIs(lists.picture("example.com", NOW + age).freshness, expected)
        self.assertTrue(lists.enforced("example.com"))
        lists.confirm("example.com", NOW + 8 * DAY, "digest", "etag")
        self.assertIs(lists.picture("example.com", NOW + 8 * DAY).freshness, Freshness.FRESH)
        self.assertEqual(lists.known_source("example.com"), ("digest", "etag"))

    def test_old_lists_may_let_go(self) -> None:
        """Where the operator wants it, an old list is not enforced until it is confirmed."""
        lists = self.lists(fetched(enforce_old=False))
        self.taken(lists, [b"a\n"])
        self.assertEqual(lists.refresh(NOW + 7 * DAY), ("example.com",))
        self.assertFalse(lists.enforced("example.com"))
        lists.confirm("example.com", NOW + 7 * DAY, None, None)
        self.assertTrue(lists.enforced("example.com"))

    def test_a_clock_that_went_back_makes_nothing_old(self) -> None:
        """A list confirmed in the future is fresh."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        self.assertIs(lists.picture("example.com", NOW - 30 * DAY).freshness, Freshness.FRESH)

    def test_pushed_and_plain_lists_do_not_age(self) -> None:
        """Only what is fetched ages."""
        lists = self.lists(push_only())
        lists.push("example.com", [b"a"], [], NOW)
        self.assertIs(lists.picture("example.com", NOW + 99 * DAY).freshness, Freshness.FRESH)


class ContradictionTests(ListsCase):
    def contradicted(self, lists: Lists, name: str, code: int, now: float = NOW) -> bool:
        """Say what a next hop answered."""
        return lists.contradicted(parse_mailbox(f"{name}@example.com".encode()), Reply(code, None, ("no",)), now)

    def test_both_ways_are_reported(self) -> None:
        """What is refused for good although listed, and taken although not, is remembered with its times."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n", b"b\n", b"gone\tformer\n"])
        self.assertTrue(self.contradicted(lists, "a", 550))
        self.assertFalse(self.contradicted(lists, "A", 553, NOW + 5))
        self.assertTrue(self.contradicted(lists, "gone", 250, NOW + 9))
        for name, code in (("b", 250), ("b", 450), ("x", 550), ("x", 450)):
            self.assertFalse(self.contradicted(lists, name, code))
        gone, a = lists.contradictions("example.com")
        self.assertEqual((gone.sort, gone.times), (Sort.TAKEN, 1))
        self.assertEqual((a.sort, a.times, a.first, a.last, a.reply), (Sort.REFUSED, 2, NOW, NOW + 5, "553 no"))
        self.assert_standing(lists, LISTED, "a")

    def test_what_was_mended_is_shown_no_more(self) -> None:
        """Once the list says the same as the next hop there is no contradiction."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n", b"b\n"])
        self.contradicted(lists, "a", 550)
        lists.push("example.com", [], [b"a"], NOW)
        self.assertEqual(lists.contradictions("example.com"), ())

    def test_they_are_bounded(self) -> None:
        """Of each domain the latest are remembered."""
        lists = self.lists(fetched())
        self.taken(lists, [b"a\n"])
        for number in range(3 * REMEMBERED):
            self.contradicted(lists, f"x{number}", 250)
        shown = lists.contradictions("example.com")
        self.assertEqual(len(shown), REMEMBERED)
        self.assertEqual(str(shown[0].mailbox), f"x{3 * REMEMBERED - 1}@example.com")


class PlainFileTests(ListsCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp()).absolute()
        self.settings = fetched(kind=ListKind.FILE, location=str(self.path))

    def test_it_is_read_when_it_changed(self) -> None:
        """A plain file is in force at once; unchanged it makes no version, changed it makes one."""
        self.path.write_bytes(b"a\nB  # bob\n")
        lists = self.lists(self.settings)
        self.assertTrue(lists.enforced("example.com"))
        self.assert_standing(lists, LISTED, "a", "b")
        self.assertEqual(len(self.lists(self.settings).versions("example.com")), 1)
        self.path.write_bytes(b"a\nb\nc\n")
        self.assertEqual(self.lists(self.settings).versions("example.com")[0].listed, 3)

    def test_nothing_changes_before_the_installation(self) -> None:
        """A reload that is given up leaves the list and the disk as they were."""
        self.path.write_bytes(b"a\n")
        lists = self.lists(self.settings)
        files = self.files()
        self.path.write_bytes(b"b\n")
        lists.discard(lists.prepare([self.settings], NOW))
        self.assert_standing(lists, LISTED, "a")
        self.assertEqual(self.files(), files)

    def test_settings_that_matter_build_anew(self) -> None:
        """A file is read again when what decides how it is read has changed."""
        self.path.write_bytes(b"Alice\nbob@example.net\n")
        prepared = Lists(self.state).prepare([self.settings], NOW)
        self.assertEqual([str(each) for each in prepared.faults], [f"{self.path}:2: the address is not in example.com"])
        self.assert_standing(
            self.lists(fetched(kind=ListKind.FILE, location=str(self.path), aliases=("example.net",))), LISTED, "alice"
        )
        sensitive = fetched(
            kind=ListKind.FILE, location=str(self.path), aliases=("example.net",), case_sensitive=True
        )
        self.assert_standing(self.lists(sensitive), UNKNOWN, "alice")

    def test_former_and_traps_have_files(self) -> None:
        """Former recipients and traps may stand in files of their own, without a word on each line."""
        former, traps = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        self.path.write_bytes(b"a\n")
        former.write_bytes(b"b\na\n")
        traps.write_bytes(b"c\n")
        lists = self.lists(
            fetched(
                kind=ListKind.FILE, location=str(self.path), former_file=str(former), traps_file=str(traps)
            )
        )
        self.assert_standing(lists, LISTED, "a")
        self.assert_standing(lists, FORMER, "b")
        self.assert_standing(lists, TRAP, "c")

    def test_without_any_list_faults_are_told(self) -> None:
        """A first file that cannot be read, or has wrong lines, is a fault, all of them at once."""
        self.path.write_bytes(b"a b\n")
        other = fetched("example.org", kind=ListKind.FILE, location="/nowhere/list")
        prepared = Lists(self.state).prepare([self.settings, other], NOW)
        self.assertEqual(
            [str(each) for each in prepared.faults],
            [f"{self.path}:1: the local-part is malformed", "/nowhere/list: no such file or directory"],
        )

    def test_with_a_list_the_old_one_stays(self) -> None:
        """A file that became unreadable or faulty keeps what is in force, and is told."""
        self.path.write_bytes(b"a\n")
        lists = self.lists(self.settings)
        for spoil in (lambda: self.path.write_bytes(b"a b\n"), self.path.unlink):
            spoil()
            prepared = lists.prepare([self.settings], NOW)
            self.assertEqual((len(prepared.kept), prepared.faults), (1, ()))
            lists.install(prepared, NOW)
            self.assert_standing(lists, LISTED, "a")

    def test_the_shrink_guard_holds(self) -> None:
        """A file that lost too many is refused at a reload, and adopted when the operator insists."""
        self.path.write_bytes(b"".join(names(50)))
        lists = self.lists(self.settings)
        self.path.write_bytes(b"".join(names(20)))
        (outcome,) = lists.install(lists.prepare([self.settings], NOW), NOW)
        self.assertIsInstance(outcome, Refused)
        self.assert_standing(lists, LISTED, "user49")
        self.adopted(lists.import_file("example.com", NOW, Override.ALL))
        self.assert_standing(lists, UNKNOWN, "user49")
        self.assertIsInstance(lists.import_file("example.com", NOW), Confirmed)
