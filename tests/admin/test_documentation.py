"""The operators' page, held against the code."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import shieldrelay
from shieldrelay.admin.api import control_router
from shieldrelay.admin.ctl import main
from shieldrelay.admin.ctl_lists import ACTIONS
from shieldrelay.testing.journal import ListJournal
from tests.admin.fakes import MemoryAppliance
from tests.admin.fakes_alarms import MemoryWatch
from tests.admin.fakes_defences import MemoryStances
from tests.admin.fakes_domains import MemoryDomains
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_members import MemoryMembers
from tests.admin.fakes_parts import MemoryParts
from tests.admin.fakes_reports import MemoryReports
from tests.admin.fakes_sources import MemoryDefences
from tests.admin.fakes_trace import MemoryTraces

PAGE = Path(shieldrelay.__file__).parent.parent / "docs" / "operations.md"


class OperationsTests(SynchronousTestCase):
    """``docs/operations.md``."""

    def test_requests(self) -> None:
        """The page lists exactly the requests that there are."""
        listed = re.findall(r"^\| `(GET|POST|DELETE) (/api/v1/[^`? ]+)", PAGE.read_text(), re.MULTILINE)
        appliance, journal = MemoryAppliance(), ListJournal()
        router = control_router(
            appliance, MemoryDefences(), MemoryRecipients(), MemoryReports(), journal, MemoryParts(), MemoryMembers(),
            MemoryDomains(), watch=MemoryWatch(), stances=MemoryStances(), traces=MemoryTraces(),
        )
        self.assertEqual(sorted(listed), sorted((route.method, route.pattern) for route in router.routes))

    def test_commands(self) -> None:
        """Each command of the page exists, with each of its options."""
        pattern = r"^\| `shieldrelayctl ((?:recipients )?[a-z]+)([^`]*)`"
        listed = re.findall(pattern, PAGE.read_text(), re.MULTILINE)
        self.assertEqual(len(listed), len({command for command, _ in listed}))
        commands = self._commands() | {f"recipients {action}" for action in ACTIONS} - {"recipients"}
        self.assertEqual({command for command, _ in listed}, commands - {"recipients"})
        for command, rest in listed:
            words = self._help(*command.split())
            for option in re.findall(r"--[a-z]+", rest):
                self.assertIn(option, words, command)

    def _commands(self) -> set[str]:
        """Give the commands that there are."""
        return set(re.findall(r"^    ([a-z]+)  ", self._help(), re.MULTILINE))

    def _help(self, *command: str) -> str:
        """Give a command's help."""
        shown = StringIO()
        with redirect_stdout(shown):
            left = self.assertRaises(SystemExit, main, [*command, "--help"])
        self.assertEqual(left.code, 0)
        return shown.getvalue()
