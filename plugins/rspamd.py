"""Has rspamd judge messages, and refuses or marks what it wants refused or marked (`docs/plugins.md`)."""

from __future__ import annotations

from shieldrelay.content.plugin import Failing, ShieldPlugin, Step
from shieldrelay.scanners.rspamd import Rspamd

rspamd = ShieldPlugin("rspamd", (Step.CONTENT,), Rspamd, time_limit=20.0, failing=Failing.ACCEPT)
