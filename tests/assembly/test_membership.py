"""Claims about what a member shows of itself: like configurations look alike, and storage has one name."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from shieldrelay.assembly.membership import fingerprint_of
from shieldrelay.assembly.storage import mount_of, storage_of
from shieldrelay.cluster.constellation import unlike
from shieldrelay.config.reader import read

CONFIGURATION = """
[node]
hostname = "{host}.example"
spool = "/var/spool/{host}"
[smtp]
max_sessions = {sessions}
message_size = "{size}"
[[domain]]
domain = "example.com"
next_hops = ["{hop}:25"]
recipients = "any"
"""
MOUNTS = (
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "36 21 0:40 / /mnt/spool rw - nfs4 nas:/export/mail rw",
    "37 21 0:41 /sub /mnt/with\\040space rw - nfs4 nas:/other rw",
    "38 21 0:42 / /mnt rw - tmpfs none rw",
    "short",
)


class FingerprintTests(unittest.SynchronousTestCase):
    def written(self, host: str = "mx1", sessions: int = 100, size: str = "10MiB", hop: str = "192.0.2.1") -> str:
        file = Path(self.mktemp())
        file.write_text(CONFIGURATION.format(host=host, sessions=sessions, size=size, hop=hop), encoding="ascii")
        return fingerprint_of(read(str(file)))

    def test_what_is_a_nodes_own_does_not_count(self) -> None:
        """Nodes with other names, places and sizes and otherwise like settings have one fingerprint."""
        self.assertEqual(self.written(), self.written("mx2", sessions=500))

    def test_what_should_be_alike_does(self) -> None:
        """Other limits or next hops are named by the part in which they stand."""
        self.assertEqual(unlike([self.written(), self.written(size="20MiB")]), ("smtp",))
        self.assertEqual(unlike([self.written(), self.written(hop="192.0.2.2")]), ("domains",))


class StorageTests(unittest.SynchronousTestCase):
    def test_the_deepest_mount_counts(self) -> None:
        """A directory belongs to the mount nearest above it, and lies in its source where it is seen here."""
        for path, found in (
            ("/var/spool", ("ext4", "/dev/sda1", "/var/spool")),
            ("/mnt/spool", ("nfs4", "nas:/export/mail", "/")),
            ("/mnt/spool/mx1", ("nfs4", "nas:/export/mail", "/mx1")),
            ("/mnt/spoolers", ("tmpfs", "none", "/spoolers")),
            ("/mnt/with space/x", ("nfs4", "nas:/other", "/sub/x")),
        ):
            self.assertEqual(mount_of(path, MOUNTS), found)
        self.assertRaises(ValueError, mount_of, "/", ())

    def test_shared_storage_has_one_name_and_other_storage_the_hosts(self) -> None:
        """An export has its own name, whatever the host; a local disk that of its host; an unknown one none."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        machine, table = directory / "machine", directory / "mounts"
        machine.write_text("abc\n", encoding="ascii")
        table.write_text(f"1 0 0:1 / {directory} rw - nfs nas:/mail rw\n", encoding="ascii")
        self.assertEqual(storage_of(str(directory), str(table), str(machine)), "nfs:nas:/mail:/")
        table.write_text("1 0 8:1 / / rw - ext4 /dev/sda rw\n", encoding="ascii")
        self.assertTrue(storage_of(str(directory), str(table), str(machine)).startswith("abc:"))
        self.assertEqual(storage_of(str(directory), str(table), str(directory / "none")), "")
