"""Claims about the files of domains that are given at run time."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.domain_store import DomainStore, PushedDomain

TEXT = 'domain = "a.test"\r\n# é\n\nrecipients = "any"\n'


class DomainStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.store = DomainStore(str(self.state))
        self.directory = self.state / "domains.d"

    def test_what_is_written_is_read(self) -> None:
        """Octet for octet, with its decision; what was taken away is remembered as such."""
        one = PushedDomain("a.test", TEXT, 5.0, "id1", 'e"ve\n')
        self.store.write([one])
        self.assertEqual(self.store.get("a.test"), one)
        gone = PushedDomain("a.test", None, 6.0, "id2", "eve")
        self.store.write([gone])
        self.assertEqual(self.store.all(), {"a.test": gone})
        self.assertEqual([file.name for file in self.directory.iterdir()], ["a.test.removed"])

    def test_a_write_can_be_taken_back(self) -> None:
        """Everything is as it was."""
        self.store.write([PushedDomain("a.test", TEXT, 5.0, "id1", "eve")])
        before = {file.name: file.read_bytes() for file in self.directory.iterdir()}
        undo = self.store.write([PushedDomain("a.test", None, 6.0, "", ""), PushedDomain("b.test", TEXT, 6.0, "", "")])
        undo()
        self.assertEqual({file.name: file.read_bytes() for file in self.directory.iterdir()}, before)

    def test_an_older_decision_does_not_replace_a_later_one(self) -> None:
        """In whatever order they are heard of; equal ones change nothing either."""
        self.store.write([PushedDomain("a.test", TEXT, 5.0, "id5", "eve")])
        self.store.write_later([PushedDomain("a.test", None, 4.0, "id4", "bob")])
        stamp = self.store.stamp()
        self.store.write_later([PushedDomain("a.test", None, 5.0, "id5", "bob")])
        self.assertEqual((self.store.get("a.test").text, self.store.stamp()), (TEXT, stamp))  # type: ignore[union-attr]
        self.store.write_later([PushedDomain("a.test", None, 7.0, "id7", "bob")])
        self.assertIsNone(self.store.get("a.test").text)  # type: ignore[union-attr]
        self.assertNotEqual(self.store.stamp(), stamp)

    def test_foreign_files(self) -> None:
        """A file without our first line was decided long ago by somebody; a torn sign of removal is none."""
        self.directory.mkdir(parents=True)
        (self.directory / "a.test.toml").write_bytes(TEXT.encode())
        (self.directory / "b.test.removed").write_bytes(b"# pushed {")
        (self.directory / "c.test.toml").write_bytes(b"# pushed [1]\nx = 1\n")
        self.assertEqual(
            {name: (one.at, one.id) for name, one in self.store.all().items()},
            {"a.test": (0.0, ""), "c.test": (0.0, "")},
        )
        self.assertEqual(self.store.get("a.test").text, TEXT)  # type: ignore[union-attr]
        for name in ("../x", ".x", "a/b"):
            self.assertRaises(ValueError, self.store.get, name)
