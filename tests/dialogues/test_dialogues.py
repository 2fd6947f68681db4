"""Every script in this folder is a claim: the receiver says exactly what stands there, however the octets are cut."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from shieldrelay.testing import dialogue

_SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


class DialogueTests(unittest.SynchronousTestCase):
    def test_there_are_scripts(self) -> None:
        """The scripts were found."""
        self.assertGreater(len(_SCRIPTS), 20)

    def test_player_sees_what_is_wrong(self) -> None:
        """A script that does not fit fails: another reply, one too many, one too few, no violation, other content."""
        hello = "S: 220 mx.test ESMTP\nC: NOOP\n"
        for rest in ("S: 250 Ok", "", "S: 250 2.0.0 Ok\nS: 250 2.0.0 Ok", "S: 250 2.0.0 Ok\nV: SYNTAX", "S: ...\nM: a",
                     "S: ...\nX:", "S: ...\nR:"):  # fmt: skip
            with self.assertRaises(dialogue.DialogueFailed, msg=rest):
                dialogue.play(dialogue.parse(hello + rest))

    def test_no_step_is_passed_over(self) -> None:
        """A line that is no step is an error of the script."""
        with self.assertRaises(ValueError):
            dialogue.parse("S: 220 ...\nQ: what")


def _claim(path: Path, cut: dialogue.Cut, how: str) -> None:
    """Make a test of one script in one segmentation."""

    def test(self: unittest.SynchronousTestCase) -> None:
        script = dialogue.parse(path.read_text("utf-8"))
        if cut is dialogue.in_one or not script.whole:
            dialogue.play(script, cut)

    test.__doc__ = f"The session of {path.name} goes as its script says, {how}."
    setattr(DialogueTests, f"test_{path.stem}_{how.replace(' ', '_')}", test)


for _path in _SCRIPTS:
    _claim(_path, dialogue.in_one, "in whole segments")
    if not dialogue.parse(_path.read_text("utf-8")).whole:
        _claim(_path, dialogue.one_by_one, "octet by octet")
