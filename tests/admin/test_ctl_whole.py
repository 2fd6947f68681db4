"""Everything the API can, the command can; its page and its completion are those of its parser."""

from __future__ import annotations

import io
import os
import re
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api import declared_routes
from shieldrelay.admin.api_configuration import configuration_route
from shieldrelay.admin.auth_api import edge_routes
from shieldrelay.admin.ctl import parser
from shieldrelay.admin.ctl_client import Answered, ControlClient
from shieldrelay.admin.ctl_completion import completion_of
from shieldrelay.admin.ctl_lists import spelled_out
from shieldrelay.admin.ctl_page import PAGE, page
from shieldrelay.admin.router import Route

NOT_FOR_PROGRAMS = {
    ("POST", "/api/v1/session"): "a person logs in with a password; a program has a token",
    ("DELETE", "/api/v1/session"): "and has no log-in to end",
}
TYPED = """\
status
queue example.test
show M0
eml M0
hold M0
release M0
release 192.0.2.7
delete --yes M0
bounce --yes M0
flush example.test
drill example.test --minutes 0
believe example.test
reload
sources
explain 192.0.2.7
lists
allow 192.0.2.0/24
revoke 192.0.2.0/24
recipients show example.test
recipients import example.test
recipients push example.test --add FILE
recipients rollback example.test
recipients accept example.test
recipients enforce example.test
recipients observe example.test
recipients check alice@example.test
domain list
domain push FILE
domain remove example.test
report spam example.test 192.0.2.7 --token-file FILE
parts
adopt mx2.test
members
members --own
drain
drain --look
resume
defences
mode harvest observe
happenings
counted
trace
trace 1xUzun3PcWee0dUqRj1Gpl1r
trace --index
alarms
alarms test
week example.test
metrics
token create dashboard
token list
token revoke dashboard
audit
configuration
events
whoami
openapi
"""


class Recorder(ControlClient):
    """Notes the first request of a command, and grants it nothing."""

    def __init__(self) -> None:
        super().__init__("/nowhere")
        self.asked: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, *_more: Any, **_fields: Any) -> Any:
        self.asked.append((method, urlsplit(path).path))
        if self.asked[-1] == ("POST", "/api/v1/recipients/example.test/import"):
            return {"running": True, "done": 0, "domain": "example.test", "stage": "", "outcome": None}
        raise Answered(418, "It is a recorder.", ())

    def follow(self, path: str) -> Any:
        return self.ask("GET", path)


def all_routes() -> tuple[Route, ...]:
    """Give every route of the API, those of the edge too."""
    nobody: Any = None
    edge = edge_routes(nobody, nobody, (), nobody)
    return (*declared_routes(), configuration_route(nobody), *edge)


class WholeTests(SynchronousTestCase):
    """The command against the API."""

    def asked_by(self, line: str) -> list[tuple[str, str]]:
        """Give what a command asks."""
        recorder = Recorder()
        arguments = parser().parse_args(spelled_out(line.split()))
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                arguments.run(recorder, arguments)
            except Answered:
                return recorder.asked
        return recorder.asked

    def test_every_operation_has_a_command(self) -> None:
        """No operation of the API is without a command that asks for it, and no command asks for what is none."""
        here = Path(self.mktemp())
        here.write_text("alice\n")
        asked: set[tuple[str, str]] = set()
        known = all_routes()
        for line in TYPED.replace("FILE", str(here)).splitlines():
            found = self.asked_by(line)
            self.assertTrue(found, line)
            for method, path in found:
                routes = [r for r in known if r.method == method and r.match(path.strip("/").split("/")) is not None]
                self.assertTrue(routes, f"{line}: {method} {path}")
                asked.update((each.method, each.pattern) for each in routes[:1])
        missing = {(each.method, each.pattern) for each in known} - asked - set(NOT_FOR_PROGRAMS)
        self.assertEqual(missing, set())

    def test_the_page_is_the_parsers(self) -> None:
        """docs/ctl.md is what the parser says; `make etc` writes it."""
        self.assertEqual(PAGE.read_text("utf-8"), page())

    def test_every_command_has_words_and_an_example_that_parses(self) -> None:
        """Each command says what it does in a sentence, and its example is a right one."""
        blocks = re.findall(r"^## ([a-z]+)\n\n(.+?)\n", PAGE.read_text("utf-8"), re.MULTILINE)
        self.assertGreater(len(blocks), 30)
        for name, words in blocks:
            self.assertTrue(words.rstrip().endswith("."), name)
        for line in re.findall(r"^    shieldrelayctl (.+)$", PAGE.read_text("utf-8"), re.MULTILINE):
            words = line.partition(" > ")[0].replace('"', "").split()
            if "--reason" in words:
                words = words[: words.index("--reason")]
            with redirect_stderr(io.StringIO()) as err:
                try:
                    parser().parse_args(spelled_out(words))
                except SystemExit:
                    self.fail(f"{line}: {err.getvalue()}")

    def test_completion(self) -> None:
        """A shell with the script completes commands, their choices, and files."""
        script = Path(self.mktemp()).absolute()
        script.write_text(completion_of(parser(), "bash"))
        (script.parent / "some-token").write_text("")
        asks = 'source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _shtab_shieldrelayctl; echo ${COMPREPLY[@]}'
        for words, found in (
            (["shieldrelayctl", "expl"], "explain"),
            (["shieldrelayctl", "mode", "harvest", "obs"], "observe"),
            (["shieldrelayctl", "recipients", "roll"], "rollback"),
            (["shieldrelayctl", "--token-file", "some-t"], "some-token"),
        ):
            done = subprocess.run(
                ["bash", "-c", asks, "bash", str(script), *words], capture_output=True, text=True, timeout=20,
                cwd=script.parent, env={"PATH": os.environ["PATH"]},
            )  # fmt: skip
            self.assertIn(found, done.stdout.split(), (words, done.stderr))
        for shell in ("zsh", "tcsh"):
            self.assertIn("explain", completion_of(parser(), shell))
