"""Claims about what an operator may do with lists of recipients, on a whole node."""

from __future__ import annotations

from shieldrelay.admin.api_lists import PushChange
from shieldrelay.admin.picture_lists import ImportPicture
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.assembly.steering_lists import Edit, ListSteering
from shieldrelay.mail.address import Mailbox, parse_mailbox
from shieldrelay.mail.reply import Reply
from tests.assembly.node_case import NodeCase

DOMAIN = "example.test"


def mailbox(written: str) -> Mailbox:
    """Read an address."""
    return parse_mailbox(written.encode("ascii"), utf8=True)


class ListCase(NodeCase):
    """A node with one list, and what an operator may ask of it."""

    source = "file"

    async def start(self, **sections: str) -> ApplianceService:
        self.file = self.directory / "recipients"
        self.list_of("alice", "bob", "carol")
        recipients = f"{self.source}:{self.file}" if self.source in ("file", "csv", "ldif") else self.source
        self.domains = {DOMAIN: {"recipients": recipients}}
        node = await super().start(**sections)
        self.lists = ListSteering(node.house)
        return node

    def list_of(self, *names: str) -> None:
        """Write the list's file."""
        self.file.write_text("".join(f"{name}@{DOMAIN}\n" for name in names))

    async def standing(self, name: str) -> tuple[str, bool, str]:
        """Say how a recipient stands."""
        found = await self.lists.check(mailbox(f"{name}@{DOMAIN}"))
        return found.standing, found.taken, found.why

    async def push(self, change: PushChange, lines: bytes, *, force: bool = False) -> tuple[str, str]:
        """Push; give the result and its words."""
        done = await self.lists.push(DOMAIN, change, lines, force=force, by="me")
        return done.result, done.words


class FileTests(ListCase):
    """A plain file, and pushes into it."""

    async def test_shown(self) -> None:
        """A list is shown with its version in force, and an address with its standing."""
        await self.start()
        shown = await self.lists.picture(DOMAIN)
        self.assertEqual((shown.kind, shown.state, shown.entries, shown.freshness), ("file", "enforced", 3, "fresh"))
        self.assertEqual([(each.number, each.who, each.in_force) for each in shown.versions], [(1, "file", True)])
        self.assertEqual(await self.standing("alice"), ("listed", True, ""))
        self.assertEqual(await self.standing("nobody"), ("unknown", False, ""))
        elsewhere = await self.lists.check(mailbox("x@other.test"))
        self.assertEqual((elsewhere.standing, elsewhere.taken), ("not ours", False))

    async def test_an_edit_is_one_change(self) -> None:
        """Additions and removals hold together or not at all, and a name in both stays."""
        await self.start()
        self.assertEqual(await self.push(PushChange.EDIT, b"-alice\n-bob\n+bob\n+dave"), ("pushed", ""))
        standings = [(await self.standing(name))[0] for name in ("alice", "bob", "dave")]
        self.assertEqual(standings, ["unknown", "listed", "listed"])
        result, words = await self.push(PushChange.EDIT, b"-carol\n+no good@@")
        self.assertEqual((result, (await self.standing("carol"))[0]), ("malformed", "listed"))
        self.assertIn("nothing was changed", words)
        self.assertEqual((await self.push(PushChange.EDIT, b"eve"))[0], "malformed")
        (line,) = self.journal("list_pushed")
        self.assertEqual((line["changes"], line["by"]), (3, "me"))

    async def test_again_changes_nothing(self) -> None:
        """Each push may be repeated."""
        await self.start()
        for _ in range(2):
            self.assertEqual((await self.push(PushChange.ADD, b"dave"))[0], "pushed")
            self.assertEqual((await self.push(PushChange.REMOVE, b"alice"))[0], "pushed")
        self.assertEqual((await self.lists.picture(DOMAIN)).waiting, 2)
        replaced = [(await self.push(PushChange.REPLACE, b"alice\nbob\n"))[0] for _ in range(2)]
        self.assertEqual(replaced, ["adopted", "unchanged"])

    async def test_a_wrong_line_refuses_a_replacement(self) -> None:
        """A replacement with a wrong line changes nothing and names the line; forced, it is left out."""
        await self.start()
        done = await self.lists.push(DOMAIN, PushChange.REPLACE, b"eve\nno good@@\n", force=False, by="me")
        self.assertEqual((done.result, done.version, len(done.faults)), ("malformed", 1, 1))
        self.assertIn("pushed:2:", done.faults[0])
        done = await self.lists.push(DOMAIN, PushChange.REPLACE, b"eve\nno good@@\n", force=True, by="me")
        self.assertEqual((done.result, done.entries, len(done.faults)), ("adopted", 1, 1))

    async def test_a_guard_refuses_and_the_operator_accepts(self) -> None:
        """A list of nobody is refused in words, shown with them, and accepted on purpose, once."""
        await self.start()
        self.assertEqual(await self.push(PushChange.REPLACE, b""), ("refused", "nobody would exist"))
        shown = await self.lists.picture(DOMAIN)
        self.assertEqual((shown.refused and shown.refused.entries, shown.refused_why), (0, "nobody would exist"))
        self.assertEqual((await self.lists.accept(DOMAIN, "me")).result, "adopted")
        self.assertEqual((await self.lists.accept(DOMAIN, "me")).result, "absent")
        self.assertEqual((await self.standing("alice"))[:2], ("unknown", False))

    async def test_a_rollback_is_not_rolled_back(self) -> None:
        """A second rollback changes nothing, nor does one to what is in force; a version that is gone is named."""
        await self.start()
        await self.push(PushChange.REPLACE, b"eve\n")
        done = [await self.lists.rollback(DOMAIN, None, "me") for _ in range(2)]
        self.assertEqual([(each.result, each.version, each.entries) for each in done],
                         [("adopted", 3, 3), ("unchanged", 3, 3)])  # fmt: skip
        self.assertEqual((await self.lists.rollback(DOMAIN, 1, "me")).result, "unchanged")
        gone = await self.lists.rollback(DOMAIN, 77, "me")
        self.assertEqual((gone.result, gone.words), ("absent", "version 77 is not kept (there are: 3, 2, 1)"))
        self.assertEqual([line["by"] for line in self.journal("list_adopted")], ["configuration", "me", "me"])

    async def test_the_file_is_read_again(self) -> None:
        """An import of a file that did not change is none; of one that did, it is the next version."""
        await self.start()
        first = await self.lists.start_import(DOMAIN, force=False, by="me")
        self.list_of("alice", "dave")
        second = await self.lists.start_import(DOMAIN, force=False, by="me")
        outcomes = [each.outcome and each.outcome.result for each in (first, second)]
        self.assertEqual((outcomes, first.running), (["unchanged", "adopted"], False))
        self.file.unlink()
        third = await self.lists.start_import(DOMAIN, force=False, by="me")
        self.assertEqual(third.outcome and third.outcome.result, "malformed")
        self.assertEqual((await self.standing("dave"))[0], "listed")

    async def test_observe_and_enforce(self) -> None:
        """An observed list takes everybody and says why; each change is told once, with who wanted it."""
        await self.start()
        for _ in range(2):
            observed = await self.lists.observe(DOMAIN, 60.0, "me")
            self.assertEqual((observed.state, observed.observing_until is not None), ("observed", True))
        self.assertEqual(await self.standing("nobody"), ("unknown", True, "the list only observes"))
        self.assertEqual((await self.lists.enforce(DOMAIN, "me")).state, "enforced")
        self.assertEqual([line["state"] for line in self.journal("list_enforced")], ["observed", "enforced"])

    async def test_what_a_next_hop_refused(self) -> None:
        """A listed recipient that a next hop refused within the hour is refused, and it is said who said so."""
        node = await self.start()
        alice = mailbox(f"alice@{DOMAIN}")
        node.house.surroundings.memory.remember(alice, 550, (5, 1, 1), node.house.reactor.seconds())
        self.assertEqual(
            await self.standing("alice"), ("listed", False, "its next hop refused it within the hour: 550 5.1.1")
        )
        node.house.recipients.contradicted(alice, Reply(550, (5, 1, 1), ("no",)), "M1")
        (found,) = (await self.lists.picture(DOMAIN)).contradictions
        self.assertEqual((found.address, found.sort), (str(alice), "refused although listed"))


    async def test_what_was_refused_before_a_doubt(self) -> None:
        """What a next hop refused before its refusals were doubted is held against nobody, then and after."""
        node = await self.start()
        house, alice = node.house, mailbox(f"alice@{DOMAIN}")
        house.surroundings.memory.remember(alice, 550, (5, 1, 1), house.reactor.seconds())
        guard = house.ways[DOMAIN].lane.machines.guard
        assert guard is not None
        self.assertEqual((await self.send(f"alice@{DOMAIN}"))[0], 550)
        guard.outage_over(house.reactor.seconds())
        self.assertEqual((await self.send(f"alice@{DOMAIN}"))[0], 250)
        guard.believe(house.reactor.seconds())
        self.assertEqual((await self.send(f"alice@{DOMAIN}"))[0], 250)


class AnyTests(ListCase):
    """A domain without a list."""

    source = "any"

    async def test_there_is_nothing_to_change(self) -> None:
        """Everybody is taken; nothing can be pushed, imported, accepted or enforced, and each says so."""
        await self.start()
        self.assertEqual(await self.standing("nobody"), ("listed", True, "there is no list: everybody is taken"))
        for change in PushChange:
            self.assertEqual(await self.push(change, b"+a" if change is PushChange.EDIT else b"a"),
                             ("absent", "it has no list"))  # fmt: skip
        started = await self.lists.start_import(DOMAIN, force=False, by="me")
        self.assertEqual(started.outcome and started.outcome.result, "absent")
        self.assertEqual((await self.lists.accept(DOMAIN, "me")).result, "absent")
        self.assertEqual((await self.lists.rollback(DOMAIN, None, "me")).result, "absent")
        self.assertEqual((await self.lists.enforce(DOMAIN, "me")).state, "any")


class PushTests(ListCase):
    """A domain whose list is only pushed."""

    source = "push"

    async def test_missing_until_the_first_push(self) -> None:
        """Until something is pushed everybody is taken, the status says so, and enforcing says that it cannot be."""
        await self.start()
        self.assertEqual((await self.lists.picture(DOMAIN)).state, "missing")
        self.assertEqual(await self.standing("x"), ("listed", True, "no list has come yet: everybody is taken"))
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.recipients, domain.recipients_trouble[:13]), ("missing", "none has come"))
        self.assertEqual((await self.lists.enforce(DOMAIN, "me")).state, "missing")
        self.assertEqual((await self.push(PushChange.ADD, b"alice"))[0], "pushed")
        self.assertEqual((await self.standing("x"))[:2], ("unknown", False))
        (domain,) = (await self.steering.status()).domains
        self.assertEqual((domain.recipients, domain.recipients_trouble), ("enforced", ""))


class FetchedTests(ListCase):
    """A list that is imported by a child."""

    source = "csv"

    async def imported(self) -> ImportPicture:
        """Wait for the end of an import, and give what came of it."""
        refresher = self.node.house.recipients.refresher
        await self.until(lambda: refresher.ended(DOMAIN) is not None and not refresher.runs(DOMAIN))
        return await self.lists.importing(DOMAIN)

    async def test_an_import_is_followed(self) -> None:
        """An import runs, is told how far it is, joined when it is asked for again, and told with its outcome."""
        await self.start()
        first = await self.imported()
        self.assertEqual(first.outcome and (first.outcome.result, first.outcome.entries), ("adopted", 3))
        self.list_of("alice", "bob", "carol", "dave")
        started = [await self.lists.start_import(DOMAIN, force=False, by="me") for _ in range(2)]
        self.assertEqual([each.running for each in started], [True, True])
        self.assertIn(started[0].stage, ("queued", "fetching", "building"))
        second = await self.imported()
        self.assertEqual(second.outcome and (second.outcome.result, second.outcome.version), ("adopted", 2))
        self.assertIsNotNone(second.next)
        await self.lists.start_import(DOMAIN, force=False, by="me")
        third = await self.imported()
        self.assertEqual(third.outcome and third.outcome.result, "unchanged")

    async def test_a_shrunk_source_is_refused_and_forced(self) -> None:
        """A source that lost too many is refused in words that status and list have; forced, it is taken."""
        await self.start()
        await self.imported()
        self.list_of(*(f"user{number}" for number in range(40)))
        await self.lists.start_import(DOMAIN, force=True, by="me")
        await self.imported()
        self.list_of("user1")
        await self.lists.start_import(DOMAIN, force=False, by="me")
        refused = (await self.imported()).outcome
        self.assertEqual(refused and refused.result, "refused")
        words = "39 of 40 recipients would cease to exist, limit 20%"
        self.assertEqual(refused and refused.words, words)
        self.assertEqual((await self.lists.picture(DOMAIN)).refused_why, words)
        (domain,) = (await self.steering.status()).domains
        self.assertEqual(domain.recipients_trouble, f"a new version was refused: {words}")
        await self.lists.start_import(DOMAIN, force=True, by="me")
        forced = (await self.imported()).outcome
        self.assertEqual(forced and (forced.result, forced.entries), ("adopted", 1))

    async def test_a_source_that_cannot_be_read(self) -> None:
        """A failed import says why, and the list in force stays."""
        await self.start()
        await self.imported()
        self.file.unlink()
        await self.lists.start_import(DOMAIN, force=False, by="me")
        failed = (await self.imported()).outcome
        self.assertEqual(failed and failed.result, "failed")
        (domain,) = (await self.steering.status()).domains
        self.assertTrue(domain.recipients_trouble.startswith("the last import failed: "), domain.recipients_trouble)
        self.assertEqual((await self.standing("alice"))[:2], ("listed", True))


class BelieveTests(ListCase):
    """The bounce guard, and the operator."""

    async def test_held_refusals_are_believed(self) -> None:
        """While refusals are held back an operator may let them count, once; it is journalled."""
        node = await self.start()
        guard = node.house.ways[DOMAIN].lane.machines.guard
        assert guard is not None
        self.assertFalse(await self.steering.believe(DOMAIN))
        guard.outage_over(node.house.reactor.seconds())
        self.assertEqual([await self.steering.believe(DOMAIN) for _ in range(2)], [True, False])
        (line,) = self.journal("bounce_guard")
        self.assertEqual((line["state"], line["alarm"]), ("believed after all", True))


class EditTests(NodeCase):
    """What a push says."""

    def test_lines(self) -> None:
        """Of an edit the first character of each line decides, whatever the name begins with."""
        self.assertEqual(Edit.of(PushChange.EDIT, b"++a\n--b\r\n+"), Edit((b"+a", b""), (b"-b",)))
        self.assertEqual(Edit.of(PushChange.ADD, b"a\nb"), Edit((b"a", b"b")))
        self.assertEqual(Edit.of(PushChange.REMOVE, b"a"), Edit((), (b"a",)))
        self.assertIn("line 2", Edit.of(PushChange.EDIT, b"+a\n\n").wrong)
