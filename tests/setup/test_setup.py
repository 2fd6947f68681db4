"""Claims about ``shieldrelayctl setup``, run as an operator runs it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.reader import read
from shieldrelay.testing.nexthop import Step
from tests.capabilities import possible
from tests.integration.customer import Customer, say
from tests.wire.name_servers import nsd

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


class SetupCase(SynchronousTestCase):
    """A directory, a customer's server, and name servers that know both."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="shieldrelay-setup-")
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        self.main = self.directory / "etc" / "shieldrelay.toml"
        self.main.parent.mkdir()
        self.customer = Customer()
        self.addCleanup(self.customer.close)
        records = "@ IN MX 10 old\nold IN A 192.0.2.1\nmx1 IN A 127.0.0.1\n"
        names = nsd(self.directory / "nsd", {"example.test": records})
        self.addCleanup(names.stop)
        self.resolver = "{}:{}".format(*names.address)
        self.domain_file = self.main.parent / "domains.d" / "example.test.toml"

    def command(self, *words: str) -> list[str]:
        """Give the command."""
        fixed = ("--config", str(self.main), "--resolver", self.resolver)
        return [sys.executable, "-m", "shieldrelay.admin.ctl", "setup", *fixed, *words]

    def answers(self) -> list[str]:
        """Give options that answer everything."""
        return [
            "--hostname", "mx1.example.test", "--domain", "example.test",
            "--next-hop", f"127.0.0.1:{self.customer.port}", "--exists", "alice", "--exists", "bob",
        ]  # fmt: skip

    def run_alone(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it with nobody at the terminal."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS,
            check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=self.directory,
        )  # fmt: skip

    def files(self) -> dict[str, str]:
        """Give all files with what is in them."""
        every = (file for file in self.main.parent.rglob("*") if file.is_file())
        return {str(file.relative_to(self.main.parent)): file.read_text() for file in every}


@possible("nsd")
class AloneTests(SetupCase):
    """Without anybody to ask."""

    def test_valid_configuration(self) -> None:
        """What is written is a valid configuration that says what was answered."""
        done = self.run_alone(*self.answers())
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        configuration = read(str(self.main))
        self.assertEqual(configuration.node.hostname, "mx1.example.test")
        domain = configuration.domains[0]
        self.assertEqual([str(hop) for group in domain.next_hops for hop in group], [f"127.0.0.1:{self.customer.port}"])
        listed = Path(domain.recipients.location)
        self.assertEqual(listed.read_text().splitlines()[1:], ["alice", "bob"])
        self.assertEqual(listed.stat().st_mode & 0o777, 0o640)
        self.assertEqual(self.customer.count(), 0)

    def test_tells_what_is_left(self) -> None:
        """What DNS and firewall need is shown, with the addresses that DNS has for the nodes."""
        said = self.run_alone(*self.answers(), "--node", "old.example.test").stdout
        for line in (
            "example.test. 300 IN MX 10 mx1.example.test.", "example.test. 300 IN MX 10 old.example.test.",
            "mx1.example.test. 300 IN A 127.0.0.1", "old.example.test. 300 IN A 192.0.2.1",
            "elements = { 127.0.0.1, 192.0.2.1 };", "its mail goes to old.example.test today",
        ):  # fmt: skip
            self.assertIn(line, said)

    def test_same_again(self) -> None:
        """A second time nothing changes."""
        self.run_alone(*self.answers())
        before = self.files()
        done = self.run_alone(*self.answers())
        self.assertEqual((done.returncode, self.files()), (0, before))
        self.assertIn("was so already", done.stdout)
        self.assertNotIn("systemctl restart", done.stdout)

    def test_keeps_what_is_there(self) -> None:
        """A file that says something else is replaced by --force only; its former text stays beside it."""
        self.run_alone(*self.answers())
        before = self.files()
        other = [*self.answers(), "--recipients", "any"]
        done = self.run_alone(*other)
        self.assertEqual((done.returncode, self.files()), (1, before))
        self.assertIn('-recipients = "file:', done.stdout)
        self.assertIn("--force replaces it", done.stderr)
        self.assertEqual(self.run_alone(*other, "--force").returncode, 0)
        self.assertIn('recipients = "any"', self.domain_file.read_text())
        kept = [name for name in self.files() if name.startswith("domains.d/example.test.toml.")]
        self.assertEqual([self.files()[name] for name in kept], [before["domains.d/example.test.toml"]])
        self.assertEqual(len(read(str(self.main)).domains), 1)

    def test_takes_the_name_that_the_package_guessed(self) -> None:
        """While nothing is protected the node's name is changed without leave, and everything else stays as it was."""
        text = '[node]\nhostname = "{}"\n\n# ours\n[trace]\nkeep = "7d"\n'
        self.main.write_text(text.format("vm.localdomain"))
        done = self.run_alone(*self.answers())
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(self.main.read_text(), text.format("mx1.example.test"))
        self.assertIn("systemctl restart shieldrelay", done.stdout)
        other = ["--hostname", "mx2.example.test", *self.answers()[2:]]
        self.assertIn("--force replaces it", self.run_alone(*other).stderr)

    def test_missing_answer(self) -> None:
        """A missing answer is named by its option, and nothing is written."""
        done = self.run_alone("--hostname", "mx1.example.test")
        self.assertEqual((done.returncode, done.stderr), (1, "shieldrelayctl: --domain is missing\n"))
        self.assertEqual(self.files(), {})

    def test_bad_server(self) -> None:
        """A server that refuses the domain stops it, unless it is told to go on."""
        self.customer.on(Step.RCPT, say("550 5.7.1 no relaying"))
        done = self.run_alone(*self.answers())
        self.assertEqual((done.returncode, self.files()), (1, {}))
        self.assertIn("550 5.7.1 no relaying", done.stdout)
        self.assertEqual(self.run_alone(*self.answers(), "--anyway").returncode, 0)

    def test_faulty_outcome(self) -> None:
        """When all together would not be valid nothing is written, and the faults are told by file and line."""
        self.main.write_text('[node]\nhostname = "mx1.example.test"\nworkers = "many"\n')
        before = self.files()
        done = self.run_alone(*self.answers())
        self.assertEqual((done.returncode, self.files()), (1, before))
        self.assertIn(f"{self.main}:3", done.stderr)


@possible("nsd")
class AskingTests(SetupCase):
    """With somebody who answers."""

    def type_in(self, *lines: str) -> tuple[int, str]:
        """Run it at a terminal of its own, type lines, and give its status and what it showed."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(), stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        os.close(theirs)
        os.write(ours, "".join(f"{line}\n" for line in lines).encode() + b"\x04")
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # the other end is closed
            pass
        finally:
            status = process.wait()
            timer.cancel()
            os.close(ours)
        return status, shown.decode().replace("\r\n", "\n")

    def test_asks_again(self) -> None:
        """Answers that cannot be taken are asked for again, with the reason; then all is written."""
        status, shown = self.type_in(
            "mx1", "mx1.example.test", "192.0.2.1", "example.test", "here:there:25", f"127.0.0.1:{self.customer.port}",
            "", "nobody@elsewhere.test", "alice bob", "", "",
        )  # fmt: skip
        self.assertEqual(status, 0, shown)
        for why in (
            "is not a whole name", "is an address, not a host name", "is not a host name",
            "is not an address of example.test",
        ):  # fmt: skip
            self.assertIn(why, shown)
        self.assertEqual(read(str(self.main)).domains[0].domain, "example.test")

    def test_error_needs_a_yes(self) -> None:
        """A look that finds an error is asked about; without a yes the question comes again."""
        status, shown = self.type_in(
            "mx1.example.test", "example.test", "127.0.0.1:1", "no", f"127.0.0.1:{self.customer.port}",
            "", "alice", "", "",
        )  # fmt: skip
        self.assertEqual(status, 0, shown)
        self.assertIn("connection refused", shown)
        self.assertNotIn("127.0.0.1:1\"", self.domain_file.read_text())

    def test_end_of_answers(self) -> None:
        """Whoever goes away in the middle leaves nothing behind."""
        status, shown = self.type_in("mx1.example.test")
        self.assertEqual((status, self.files()), (1, {}), shown)
