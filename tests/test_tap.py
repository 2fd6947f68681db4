"""Claims about twistd's face: what ends the process with which status, and whom it becomes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import Application, IService, Service
from twisted.internet.task import Clock
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.usage import UsageError
from twisted.trial import unittest

from shieldrelay.config.schema import Configuration
from shieldrelay.journal import JournalObserver
from shieldrelay.recipients.fault import ListFaults, ListingFault
from shieldrelay.tap import Options
from shieldrelay.tap.examination import try_configuration
from shieldrelay.tap.service import Face, allow_descriptors, monotonic, service
from shieldrelay.testing.journal import ListJournal
from shieldrelay.wire.listeners import ListenFault
from tests.capabilities import possible

ROOT = Path(__file__).parents[1]

TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"

TWIST = "from twisted.application.twist._twist import Twist; Twist.main()"

STAND_IN = """
import json, os, sys, types
from pathlib import Path
from twisted.application.service import Service

class Appliance(Service):
    def __init__(self, configuration, reactor, inherited):
        self.reactor = reactor
        self.told = {"built": self.who()}
        Path(configuration.node.state, "made").write_text("")
        self.told["monotonic"] = abs(reactor.seconds() - __import__("time").monotonic()) < 60

    def who(self):
        return [os.geteuid(), os.getegid(), sorted(os.getgroups()) == [os.getegid()]]

    def privilegedStartService(self):
        self.told["bound"] = self.who()

    def startService(self):
        Service.startService(self)
        self.told["started"] = self.who()
        try:
            os.seteuid(0)
            self.told["back"] = True
        except PermissionError:
            self.told["back"] = False
        sys.__stdout__.write(json.dumps(self.told) + chr(10))
        self.reactor.callLater(0, self.reactor.stop)

assembly = types.ModuleType("shieldrelay.assembly")
assembly.appliance = Appliance
sys.modules["shieldrelay.assembly"] = assembly
"""


class Case(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def file(self, more: str = "", recipients: str = "any", node: str = "") -> str:
        """Write a configuration and give its name."""
        file = self.directory / "shieldrelay.toml"
        file.write_text(
            f'[node]\nhostname = "mx.test"\nspool = "{self.directory}/spool"\nstate = "{self.directory}/state"\n'
            f'control = "{self.directory}/run/control.sock"\nuser = "root"\n{node}{more}\n'
            f'[[domain]]\ndomain = "example.com"\nnext_hops = ["192.0.2.1"]\nrecipients = "{recipients}"\n'
        )
        return str(file)


class OptionsTests(Case):
    def test_default_file(self) -> None:
        """Without --config the file is the one in /etc."""
        options = Options()
        options.parseOptions([])
        self.assertEqual(options["config"], "/etc/shieldrelay/shieldrelay.toml")
        self.assertRaises(UsageError, options.parseOptions, ["--nonsense"])

    def test_check_of_a_good_file(self) -> None:
        """A valid configuration is described, with what is worth knowing, and the status is 0."""
        out, err = io.StringIO(), io.StringIO()
        names = self.directory / "names"
        names.write_text("alice\nbob\n")
        self.assertEqual(try_configuration(self.file(recipients=f"file:{names}"), out, err), 0)
        self.assertIn("example.com: 2 recipients, next hops 192.0.2.1:25", out.getvalue())
        self.assertIn("note: no certificate is configured", out.getvalue())
        self.assertEqual((err.getvalue(), os.listdir(self.directory)), ("", ["names", "shieldrelay.toml"]))

    def test_check_looks_into_every_file(self) -> None:
        """Wrong lines in a list and a certificate that is none are told together, and the status is 78."""
        out, err = io.StringIO(), io.StringIO()
        names = self.directory / "names"
        names.write_text("a b\n")
        tls = f'[tls]\ncertificate = "{names}"\nprivate_key = "{names}"'
        self.assertEqual(try_configuration(self.file(tls, recipients=f"file:{names}"), out, err), 78)
        self.assertIn(f"{names}:1: the local-part is malformed", err.getvalue())
        self.assertIn(f"{names}: there is no certificate", err.getvalue())
        self.assertEqual(out.getvalue(), "")


class ServiceTests(Case):
    def refused(self, file: str, raised: Exception | None = None) -> tuple[int, str]:
        """Make the service with an appliance that raises; give status and words."""

        def build(_configuration: Configuration, _reactor: Any) -> IService:
            if raised is not None:
                raise raised
            return Service()

        words = io.StringIO()
        self.patch(sys, "__stderr__", words)
        with contextlib.redirect_stderr(words):
            ended = self.assertRaises(SystemExit, service, file, Clock(), lambda: build)
        return ended.code, words.getvalue()

    def test_a_faulty_file_ends_with_78(self) -> None:
        """A configuration with faults is told in full and ends the process before anything is built."""
        status, words = self.refused(self.file("workers = 3\n[smtp]\nrecipients = 1"))
        self.assertEqual(status, 78)
        self.assertIn("2 faults; nothing was started", words)

    def test_a_faulty_list_ends_with_78(self) -> None:
        """What the appliance finds wrong in a list is a fault of the configuration."""
        status, words = self.refused(self.file(), ListFaults([ListingFault("list", 3, "no recipient")]))
        self.assertEqual((status, words.splitlines()[0]), (78, "list:3: no recipient"))

    def test_a_world_in_the_way_ends_with_69(self) -> None:
        """A spool that cannot be written is a sentence and a status, not a traceback."""
        status, words = self.refused(self.file(), OSError(30, "Read-only file system"))
        self.assertEqual((status, words), (69, "shieldrelay cannot start: [Errno 30] Read-only file system\n"))

    def test_a_taken_port_ends_with_69(self) -> None:
        """A port that cannot be had is told when the service starts."""

        class Portless(Service):
            def privilegedStartService(self) -> None:
                raise ListenFault("cannot listen on 0.0.0.0:25: Address already in use")

        words = io.StringIO()
        self.patch(sys, "__stderr__", words)
        face = Face(Portless(), None)
        self.assertEqual(self.assertRaises(SystemExit, face.privilegedStartService).code, 69)
        self.assertEqual(words.getvalue().count("\n"), 1)

    def test_the_journal_takes_twistds_log(self) -> None:
        """An appliance with a journal has Twisted's warnings told there; one without leaves twistd's log alone."""

        class Telling(Service):
            journal = ListJournal()

        for appliance, expected in ((Telling(), JournalObserver), (Service(), type(None))):
            made = service(self.file(), Clock(), lambda made=appliance: lambda _c, _r: made)  # type: ignore[misc]
            application = Application("shieldrelay")
            made.setServiceParent(application)
            assert isinstance(application, Componentized)
            self.assertIsInstance(application.getComponent(ILogObserver, None), expected)
            self.assertIn(made, IService(application))

    def test_descriptors_are_allowed(self) -> None:
        """The limit on open files is raised in a process of its own, as far as the system lets it."""
        words = (
            "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (100, 3000));"
            "from shieldrelay.tap.service import allow_descriptors as a;"
            "a(500); print(r.getrlimit(r.RLIMIT_NOFILE)[0]); a(100000); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
        )
        done = subprocess.run([sys.executable, "-c", words], capture_output=True, cwd=ROOT, timeout=60, check=True)
        self.assertEqual(done.stdout.split(), [b"2024", b"3000"])
        self.assertTrue(callable(allow_descriptors))


class ClockTests(unittest.SynchronousTestCase):
    def test_reactor_gets_monotonic_time(self) -> None:
        """The reactor's time becomes monotonic, once."""
        reactor: Any = Clock()
        monotonic(reactor)
        self.assertIs(reactor.seconds, time.monotonic)
        reactor.callLater(5, int)
        monotonic(reactor)

    def test_a_scheduled_call_forbids_it(self) -> None:
        """With a call already scheduled in the old time, which would never come, the change is refused."""
        reactor: Any = Clock()
        reactor.callLater(5, int)
        self.assertRaises(RuntimeError, monotonic, reactor)


class ProcessTests(Case):
    commands: ClassVar[dict[str, list[str]]] = {
        "twistd": ["-c", TWISTD, "--nodaemon", "--pidfile="],
        "twist": ["-m", "twisted"],
    }

    def run_process(self, before: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python on the project until it ends."""
        return subprocess.run(
            [sys.executable, *before, *words],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    def test_exit_statuses_are_real(self) -> None:
        """Under twistd and under twist the process ends with 78 for a faulty file, and with 0 for a good --check."""
        bad = self.file("[nothing]")
        for name, command in self.commands.items():
            for words in ((), ("--check",)):
                done = self.run_process(command, "shieldrelay", "--config", bad, *words)
                self.assertEqual(done.returncode, 78, f"{name} {words} {done.stderr}")
                self.assertIn("nothing: there is no such setting here", done.stderr)
        good = self.file()
        for name, command in self.commands.items():
            done = self.run_process(command, "shieldrelay", "--config", good, "--check")
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_twistd_lists_us(self) -> None:
        """The plugin is found."""
        self.assertIn("shieldrelay", self.run_process(["-c", TWISTD], "--help").stdout)

    @possible("root")
    def test_root_becomes_the_user(self) -> None:
        """As root everything is built as the user, ports are taken as root, and after that there is no way back."""
        nobody = 65534
        self.directory = Path(tempfile.mkdtemp())  # trial's own directories are root's alone
        self.addCleanup(shutil.rmtree, self.directory)
        self.directory.chmod(0o755)
        file = self.file()
        Path(file).write_text(Path(file).read_text().replace('"root"', '"nobody"\ngroup = "nogroup"'))
        for name, command in self.commands.items():
            program = STAND_IN + (TWISTD if name == "twistd" else TWIST)
            words = [] if name == "twist" else command[2:]
            done = self.run_process(["-c", program], *words, "shieldrelay", "--config", file)
            line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
            assert line is not None, done.stdout + done.stderr
            self.assertEqual(
                json.loads(line),
                {
                    "built": [nobody, nobody, True],
                    "monotonic": True,
                    "bound": [0, 0, json.loads(line)["bound"][2]],
                    "started": [nobody, nobody, True],
                    "back": False,
                },
            )
            self.assertEqual((self.directory / "state" / "made").stat().st_uid, nobody)
            self.assertEqual((self.directory / "spool").stat().st_mode & 0o777, 0o700)
            self.assertEqual(done.returncode, 0)

    @possible("root")
    def test_root_without_the_user_ends_with_78(self) -> None:
        """When the user does not exist, root is told so with the setting's place, and nothing starts."""
        file = self.file()
        Path(file).write_text(Path(file).read_text().replace('"root"', '"no-such-user"'))
        done = self.run_process(self.commands["twistd"], "shieldrelay", "--config", file)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{file}:6: [node] user: there is no user no-such-user on this machine", done.stderr)
