"""Tells messages to a milter, such as OpenDKIM, and does what it wants (`docs/plugins.md`)."""

from __future__ import annotations

from shieldrelay.content.plugin import Failing, ShieldPlugin, Step
from shieldrelay.scanners.milter import Milter

milter = ShieldPlugin("milter", (Step.CONTENT,), Milter, time_limit=30.0, failing=Failing.TEMPFAIL)
