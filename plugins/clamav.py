"""Refuses messages in which ClamAV's daemon finds malware, while their sender still listens (`docs/plugins.md`)."""

from __future__ import annotations

from shieldrelay.content.plugin import Failing, ShieldPlugin, Step
from shieldrelay.scanners.clamd import Clamd

clamav = ShieldPlugin("clamav", (Step.CONTENT,), Clamd, time_limit=60.0, failing=Failing.TEMPFAIL)
