"""How findings are told."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.check import names
from shieldrelay.check.finding import Finding, Level, status_of
from shieldrelay.check.report import as_json, report
from shieldrelay.config.hosts import HostPort

GOOD = Finding("dns", Level.GOOD, "a.test", "fine")
NOTE = Finding("tls", Level.NOTE, "a.test", "look", "read")
UNSURE = [Finding("lists", Level.UNSURE, f"{each}.test", "silent", "ask another") for each in "bc"]
WARNING = Finding("dns", Level.WARNING, "a.test", "odd\x1b[2J", "mend\r\nit")
ERROR = Finding("dns", Level.ERROR, "a.test", "wrong", "mend")


class SilenceTests(SynchronousTestCase):
    """A name server that does not answer."""

    def test_it_is_not_asked_for_ever(self) -> None:
        """After two questions without any answer DNS is taken to be away, and everything else is said at once."""
        self.patch(names, "QUESTION_SECONDS", 0.2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            port: int = silent.getsockname()[1]
            asks = names.Names([HostPort("127.0.0.1", port)])
            for name in ("a.test", "b.test"):
                self.assertIn(f"of {name} in", str(self.assertRaises(names.NoAnswer, asks.ask, name, "A")))
        for name in ("c.test", "d.test"):
            fault = self.assertRaises(names.NoAnswer, asks.ask, name, "A")
            self.assertEqual(str(fault), f"no name server answers: 127.0.0.1:{port}")


class ReportTests(SynchronousTestCase):
    """Text, JSON and the exit status."""

    def test_the_worst_decides(self) -> None:
        """Errors exit with 1, warnings and what cannot be told with 4, the rest with 0."""
        rows: list[tuple[list[Finding], int]] = [
            ([], 0), ([GOOD, NOTE], 0), ([GOOD, *UNSURE], 4), ([WARNING, NOTE], 4), ([WARNING, ERROR, *UNSURE], 1),
        ]  # fmt: skip
        for findings, status in rows:
            self.assertEqual(status_of(findings), status)
            self.assertEqual(as_json(findings, status)["exit"], status)

    def test_people_see_the_worst_first(self) -> None:
        """Within a part the worst stands first; the same advice stands once; nothing controls the terminal."""
        lines = report([GOOD, WARNING, ERROR, *UNSURE]).split("\n")
        self.assertEqual([line.split()[0] for line in lines if "a.test" in line], ["ERROR", "WARNING", "ok"])
        self.assertEqual(sum("ask another" in line for line in lines), 1)
        self.assertTrue(all(line.isprintable() for line in lines))
        self.assertEqual(lines[-1], "1 ERROR, 1 WARNING, 2 unsure, 1 ok")

    def test_quiet(self) -> None:
        """What is well is left out if that is wanted, and counted all the same."""
        text = report([GOOD, NOTE], quiet=True)
        self.assertNotIn("fine", text)
        self.assertTrue(text.endswith("1 note, 1 ok"))
        self.assertEqual(report([]), "nothing was looked at")
