"""The dashboard's files: what the structure of the page rests on, read without a browser."""

from __future__ import annotations

import hashlib
import re

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.dashboard.pages import StaticPages
from tests.structure.source import ROOT

STATIC = ROOT / "shieldrelay" / "dashboard" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc"
    r"|\beval\b|new Function|javascript:|setTimeout\(\s*[\"'`]"
)
"""Ways from a string to markup or to code."""
ELSEWHERE = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|(?<![:\w])//[a-z]+\.[a-z]")
LINES_MOST, WIDTH_MOST = 400, 250


class FileTests(SynchronousTestCase):
    """``shieldrelay/dashboard/static``."""

    def test_text_is_never_markup(self) -> None:
        """No script of ours can turn a string into markup or code."""
        for file in SCRIPTS:
            found = [line for line in file.read_text().splitlines() if MARKUP.search(line)]
            self.assertEqual(found, [], file.name)

    def test_nothing_from_elsewhere(self) -> None:
        """No file of ours names another server."""
        for file in (*SCRIPTS, *STATIC.glob("*.html"), *STATIC.glob("*.css")):
            text = re.sub(r"^\s*//.*$", "", file.read_text(), flags=re.MULTILINE)
            self.assertIsNone(ELSEWHERE.search(text), file.name)

    def test_nothing_inline(self) -> None:
        """The page has no script, style or handler in itself, as its policy demands."""
        text = (STATIC / "index.html").read_text()
        self.assertEqual(re.findall(r"<script(?![^>]*\bsrc=)", text), [])
        self.assertEqual(re.findall(r"<style|\sstyle=|\son[a-z]+=", text), [])
        for file in SCRIPTS:
            self.assertNotRegex(file.read_text(), r"[{,]\s*style:|setAttribute\(\s*[\"']style", file.name)

    def test_imports_are_there_and_used(self) -> None:
        """Each module imports names that the other one exports, and uses them; all modules are reached."""
        exports = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
        exported = {file.name: set(exports.findall(file.read_text())) for file in SCRIPTS}
        reached = {"dashboard.js"}
        for file in SCRIPTS:
            text = file.read_text()
            for names, other in re.findall(r"^import \{([^}]*)\} from \"\./([\w.]+)\";$", text, re.M):
                reached.add(other)
                for name in (each.strip() for each in names.split(",")):
                    self.assertIn(name, exported[other], f"{file.name} imports {name}")
                    self.assertGreater(len(re.findall(rf"\b{name}\b", text)), 1, f"{file.name} does not use {name}")
        self.assertEqual(reached, set(exported))

    def test_files_are_short_and_say_what_they_are_for(self) -> None:
        """Each module begins with what it is for, and is of a readable size."""
        for file in SCRIPTS:
            lines = file.read_text().splitlines()
            self.assertTrue(lines[0].startswith("// "), file.name)
            self.assertLessEqual(len(lines), LINES_MOST, file.name)
            self.assertLessEqual(max(map(len, lines)), WIDTH_MOST, file.name)

    def test_vendored_as_recorded(self) -> None:
        """The charts' library is as its page says, with its licence beside it."""
        recorded = re.findall(r"^([0-9a-f]{64})  (uPlot\S+)$", (STATIC / "uplot" / "README.txt").read_text(), re.M)
        self.assertEqual(len(recorded), 2)
        for digest, name in recorded:
            self.assertEqual(hashlib.sha256((STATIC / "uplot" / name).read_bytes()).hexdigest(), digest, name)
        self.assertIn("MIT", (STATIC / "uplot" / "LICENSE").read_text())

    def test_known_files_alone_are_served(self) -> None:
        """What is served is what lies there, and no path leads out of it."""
        pages = StaticPages()
        lying = {"/" + str(file.relative_to(STATIC)) for file in STATIC.rglob("*") if file.is_file()}
        self.assertEqual(set(pages.paths), lying | {"/"})
        for path in (b"/../pages.py", b"/%2e%2e/pages.py", b"//etc/passwd", b"/uplot", b"/uplot/", b"", b"/\xff"):
            self.assertIsNone(pages.page(path), path)
        index = pages.page(b"/")
        assert index is not None
        self.assertEqual(index.kind, "text/html; charset=utf-8")
