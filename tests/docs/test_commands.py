"""Claims about the commands in the documents: run in order, each does what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.ctl import parser
from shieldrelay.admin.ctl_lists import spelled_out
from tests.capabilities import possible
from tests.docs.blocks import Block, blocks_of, course_of
from tests.docs.follow import fault, outputs, script
from tests.structure.source import ROOT

DOCS = ROOT / "docs"
WORLD = Path(__file__).with_name("world.sh")
PAGES = sorted(page for page in DOCS.glob("*.md") if any(block.is_run for block in blocks_of(page)))
SECONDS = 240
_WITHIN = re.compile(r"^(?!\|).*?`(shieldrelayctl [^`]*)`", re.MULTILINE)
_OURS = re.compile(r"^(?:    )?(?:\$ |# )?(shieldrelayctl .*)$", re.MULTILINE)


@possible("root", "a world of its own", "nsd", "swaks", "smtp-sink", "nftables")
class CommandTests(SynchronousTestCase):
    """A page after the other, each in a world of its own."""

    def follow(self, page: Path) -> None:
        """Do what a page says, after what it says was done before."""
        course = course_of(page)
        wrong = fault(course, self.outputs([block for block in course if block.is_run]))
        self.assertEqual(wrong, "", wrong)

    def outputs(self, run: list[Block]) -> list[tuple[str, int]]:
        """Run blocks in a new world; give what each showed and its status, as far as it went."""
        with tempfile.TemporaryDirectory() as scratch, tempfile.NamedTemporaryFile("w") as file:
            file.write(script(run))
            file.flush()
            done = subprocess.run(
                ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--propagation", "private",
                 "bash", str(WORLD), scratch, str(ROOT), file.name],
                capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            )  # fmt: skip
        seen = outputs(done.stdout)
        self.assertTrue(seen, f"the world did not begin: {done.stdout}{done.stderr}")
        if len(seen) < len(run):
            shown, status = seen.pop()
            seen.append((f"{shown}\n{done.stderr[-2000:]}", status))
        return seen


def _method(page: Path) -> None:
    def test(self: CommandTests) -> None:
        self.follow(page)

    test.__doc__ = f"Whoever does what ``{page.name}`` says sees what it says."
    test.__name__ = f"test_{page.stem.replace('-', '_')}"
    setattr(CommandTests, test.__name__, test)


if CommandTests is not None:
    for _page in PAGES:
        _method(_page)


class WrittenTests(SynchronousTestCase):
    """What can be said without running anything."""

    def test_commands_are_spelled_rightly(self) -> None:
        """Every line of a page that begins with our command is one that the command understands."""
        faults = []
        for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
            for line in _OURS.findall(page.read_text()):
                if not _understood(_words(line)):
                    faults.append(f"{page.name}: {line}")
        self.assertEqual(faults, [])

    def test_words_within_sentences(self) -> None:
        """So is what stands within a sentence, unless it is a command's name alone or shows its options."""
        faults = []
        for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
            for command in _WITHIN.findall(page.read_text()):
                words = _words(command)
                if len(words) > 1 and "[" not in command and not _understood(words):
                    faults.append(f"{page.name}: {command}")
        self.assertEqual(faults, [])

    def test_reasons(self) -> None:
        """Commands that are not run say why."""
        bare = [block.where for page in DOCS.glob("*.md") for block in blocks_of(page) if block.info == "sh untested:"]
        self.assertEqual(bare, [])


def _understood(words: list[str]) -> bool:
    """Whether the command line's parser takes these words."""
    try:
        parser().parse_args(spelled_out(words))
    except SystemExit as left:
        return not left.code
    return True


def _words(line: str) -> list[str]:
    """Give the words of the first command of a line."""
    words = []
    for word in shlex.split(re.sub(r"\[[^\]]*\]", "", line), comments=True)[1:]:
        if word in ("|", "&&", "||", ";", ">", "<"):
            break
        words.append(word)
    return words
