"""Claims about lists that are the same on all nodes."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from shieldrelay.assembly import peers_lists
from shieldrelay.assembly.peers_marks import mark_of
from tests.assembly.peers_case import DOMAIN, PeerCase


class ListReplicationTests(PeerCase):
    """Two and three nodes."""

    async def test_a_push_is_in_force_everywhere(self) -> None:
        """A list that is pushed to one node is on all of them, and so is what is pushed on top to another."""
        one, two, three = [await self.node(name) for name in ("one", "two", "three")]
        await one.push([b"alice", b"bob"])
        await self.until(lambda: all(node.takes("alice", "bob") for node in self.nodes))
        await two.push([b"carol"], [b"bob"])
        await self.until(lambda: all(node.takes("alice", "carol") and not node.takes("bob") for node in self.nodes))
        self.assertEqual(len(three.journal.named("list_replicated")), 2)

    async def test_a_replacement_and_a_rollback(self) -> None:
        """A list that is replaced, and one that an operator goes back to, are so on all nodes."""
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"alice"])
        await one.replace([b"bob"])
        await self.until(lambda: two.takes("bob") and not two.takes("alice"))
        await one.rollback()
        await self.until(lambda: two.takes("alice") and not two.takes("bob"))
        self.assertEqual(two.recipients.lists.one(DOMAIN).pointer.rejected,
                         one.recipients.lists.one(DOMAIN).pointer.rejected)  # fmt: skip

    async def test_one_that_was_away(self) -> None:
        """A node that was away fetches what was decided meanwhile, from whoever has it: the decider may be gone."""
        one, two, three = [await self.node(name) for name in ("one", "two", "three")]
        await self.gone(three)
        await one.replace([b"alice"])
        await self.until(lambda: two.takes("alice"))
        await self.gone(one)
        three = await self.node("three")
        three.decisions.apply(two.decisions.state())
        await self.until(lambda: three.takes("alice"))

    async def test_one_that_is_new(self) -> None:
        """A node that never had a list takes that of another, though nobody remembers a decision."""
        one = await self.node("one")
        await one.replace([b"alice"])
        await self.turns(0.1)
        one.decisions._latest.clear()
        two = await self.node("two")
        await self.until(lambda: two.takes("alice"))

    async def test_two_at_once(self) -> None:
        """Pushes to two nodes at the same moment both hold, on both."""
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"alice"])
        await self.until(lambda: two.takes("alice"))
        one.cut = two.cut = True
        await gatherResults([Deferred.fromCoroutine(one.push([b"bob"])), Deferred.fromCoroutine(two.push([b"carol"]))])
        one.cut = two.cut = False
        await self.until(lambda: all(node.takes("alice", "bob", "carol") for node in self.nodes))

    async def test_nobody_to_fetch_from(self) -> None:
        """While nobody has what was decided, a node goes on with its own list, says so once, and gets it later."""
        self.patch(peers_lists, "RETRY_SECONDS", 0.05)
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"alice"])
        await self.until(lambda: two.takes("alice"))
        await one.replace([b"bob"])
        await self.gone(one)
        two.decisions.apply(one.decisions.state())
        await self.turns(0.5)
        self.assertTrue(two.takes("alice"))
        self.assertEqual(len(two.journal.named("list_not_replicated")), 1)
        await self.node("one")
        await self.until(lambda: two.takes("bob"))

    async def test_one_that_was_not_met_yet(self) -> None:
        """What a node has decided is fetched from it at once, though it came after the members met last."""
        one, two = await self.node("one"), await self.node("two")
        self.nodes.remove(one)
        await one.replace([b"alice"])
        two.decisions.apply(one.decisions.state())
        await self.until(lambda: two.takes("alice"))
        self.assertEqual(two.journal.named("list_not_replicated"), [])
        self.nodes.append(one)

    async def test_pieces(self) -> None:
        """A list that is longer than an answer comes in pieces, and a torn file is not put in force."""
        self.patch(peers_lists, "PIECE_OCTETS", 4096)
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"name%d" % number for number in range(2000)])
        await self.until(lambda: two.takes("name0", "name1999"))
        self.assertGreater(one.recipients.lists.one(DOMAIN).version.file_octets, 10 * 4096)  # type: ignore[union-attr]

    async def test_a_torn_file(self) -> None:
        """A file that is not what its record says is not put in force, and is fetched again until it is."""
        self.patch(peers_lists, "RETRY_SECONDS", 0.05)
        one = await self.node("one")
        shelf = one.recipients.lists.one(DOMAIN).shelf
        await one.replace([b"alice"])
        octets = shelf.file(1).read_bytes()
        shelf.file(1).write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
        two = await self.node("two")  # only now: it asks for what it lacks as soon as it starts
        await self.turns(0.5)
        self.assertFalse(two.takes("alice"))
        self.assertEqual(len(two.journal.named("list_not_replicated")), 1)
        shelf.file(1).write_bytes(octets)
        await self.until(lambda: two.takes("alice"))
        aside = two.recipients.lists.one(DOMAIN).shelf.directory
        await self.until(lambda: not list(aside.glob("built-*")))

    async def test_a_restart_brings_nothing_back(self) -> None:
        """Whoever restarts with an older memory of what was decided keeps what was decided last, and tells it again."""
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"alice"])
        await self.until(lambda: two.takes("alice"))
        old = one.decisions.state()
        one.cut = True
        await one.replace([b"bob"])
        await self.gone(one)
        one = await self.node("one")
        one.decisions.apply(old)
        await self.until(lambda: two.takes("bob") and one.takes("bob"))

    async def test_a_crash_before_the_announcement(self) -> None:
        """What was pushed and not announced is announced at the next start."""
        one, two = await self.node("one"), await self.node("two")
        await one.replace([b"alice"])
        await self.until(lambda: two.takes("alice"))
        await one.recipients.change(one.recipients.lists.push, DOMAIN, [b"bob"], (), one.wall())
        await self.gone(one)
        one = await self.node("one")
        await self.until(lambda: two.takes("alice", "bob"))

    async def test_each_its_own_source(self) -> None:
        """Nodes that read their own files keep them; what is pushed, and what an operator goes back to, is shared."""
        for name, names in (("one", "alice\n"), ("two", "alice\nbob\n")):
            (self.directory / f"{name}.txt").write_text(names)
        one = await self.node("one", f"file:{self.directory}/one.txt")
        two = await self.node("two", f"file:{self.directory}/two.txt")
        await one.push([b"carol"])
        await self.until(lambda: two.takes("alice", "bob", "carol"))
        self.assertFalse(one.takes("bob"))
        self.assertEqual(len(one.journal.named("list_replicated")), 0)
        (self.directory / "one.txt").write_text("alice\ndave\n")
        await one.recipients.change(one.recipients.lists.import_file, DOMAIN, one.wall())
        await self.turns(0.3)
        self.assertFalse(two.takes("dave"))
        await one.rollback()
        await self.until(lambda: two.takes("alice") and not two.takes("bob"))

    async def test_marks(self) -> None:
        """All nodes end with one mark: that of the last decision."""
        one, two = await self.node("one"), await self.node("two")
        await one.push([b"alice"])
        await self.until(lambda: two.takes("alice"))
        await two.push([b"bob"])
        await self.until(lambda: one.takes("bob"))
        await self.turns(0.1)
        marks = [mark_of(node.recipients.lists.one(DOMAIN)) for node in self.nodes]
        self.assertEqual(marks[0] and (marks[0].age, marks[0].digest), marks[1] and (marks[1].age, marks[1].digest))
