"""Claims about the systemd units, held by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.capabilities import possible, program

ROOT = Path(__file__).resolve().parents[2]
MOST_EXPOSED = 1.8
"""Of 10; what is left is that a mail relay needs the network, and OpenSSL's callbacks memory to write code in."""


@possible("systemd-analyze")
class UnitTests(SynchronousTestCase):
    """debian/shieldrelay.service and .socket."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        there = self.directory / "there"
        there.write_text("#!/bin/sh\n")
        there.chmod(0o755)
        for kind in ("service", "socket"):
            text = (ROOT / "debian" / f"shieldrelay.{kind}").read_text()
            text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)  # manual pages of what is not installed
            text = text.replace("/usr/lib/shieldrelay/bin/twistd", str(there))
            (self.directory / f"shieldrelay.{kind}").write_text(text)

    def analyze(self, *words: str) -> str:
        """Run systemd-analyze and give what it says; fails when it does."""
        done = subprocess.run(
            [program("systemd-analyze"), *words], cwd=self.directory, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_systemd_understands_all_of_them(self) -> None:
        """No key is unknown, no value wrong."""
        self.assertEqual(self.analyze("verify", "./shieldrelay.service", "./shieldrelay.socket"), "")

    def test_the_sandbox_is_strict(self) -> None:
        """The exposure that systemd computes is within the documented bound."""
        said = self.analyze("security", "--offline=true", "./shieldrelay.service")
        found = re.search(r"Overall exposure level for shieldrelay.service: ([0-9.]+)", said)
        assert found is not None, said
        self.assertLessEqual(float(found[1]), MOST_EXPOSED)


class ScriptTests(SynchronousTestCase):
    """The shell in debian/ and packaging/."""

    def test_all_of_it_parses(self) -> None:
        """No script has a syntax error."""
        scripts = [
            *ROOT.glob("packaging/*.sh"), *ROOT.glob("debian/*.sh"), *ROOT.glob("debian/shieldrelay.p*"),
            ROOT / "debian/tests/relay",
        ]  # fmt: skip
        self.assertGreater(len(scripts), 6)
        shell = shutil.which("sh") or "/bin/sh"
        for script in scripts:
            done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=10, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), script)
