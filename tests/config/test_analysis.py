"""Claims about the settings of ``[shield.analysis]``."""

from __future__ import annotations

from attrs import fields

from shieldrelay.config.analysis import Analysis
from shieldrelay.config.setting import declared_in
from shieldrelay.shield.analysis_settings import AnalysisSettings
from tests.config.test_shield import ReadCase


class AnalysisTests(ReadCase):
    def test_defaults_are_those_of_the_room(self) -> None:
        """Every number of the analysis can be set, and what a file leaves out is the room's own default."""
        own = {each.name for each in fields(AnalysisSettings)} - {"own_names", "own_addresses"}
        self.assertEqual(set(declared_in(Analysis)), own)
        declared, room = self.read().shield.analysis, AnalysisSettings()
        self.assertEqual(declared.mode.value, room.mode.value)
        for name in own - {"mode"}:
            self.assertEqual(getattr(declared, name), getattr(room, name), name)

    def test_it_is_read(self) -> None:
        """Values come with their units."""
        analysis = self.read('[shield.analysis]\nmode = "observe"\nban = 200\nban_for = "1h"\n').shield.analysis
        self.assertEqual((analysis.mode.value, analysis.ban, analysis.ban_for), ("observe", 200, 3600.0))

    def test_contradictions_are_faults(self) -> None:
        """Thresholds and times stand in their order."""
        for written, expected in (
            ("slow = 41", "slow is more than refuse"),
            ("refuse = 101", "refuse is more than ban"),
            ('pause = "11s"', "pause is more than pause_most"),
            ('ban_for = "2d"', "ban_for is more than ban_most"),
        ):
            self.assertIn(expected, self.faults(f"[shield.analysis]\n{written}\n"))

    def test_observing_is_noted(self) -> None:
        """Whoever checks a configuration is told that it refuses nobody."""
        self.assertIn("[shield.analysis] mode: it refuses nobody (observe)",
                      self.notes('[shield.analysis]\nmode = "observe"\n'))  # fmt: skip
