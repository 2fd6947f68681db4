"""The checks of complete messages that the configuration names, loaded. Reads plugins and executes them."""

from __future__ import annotations

from pathlib import Path

from shieldrelay.config.content import Check
from shieldrelay.config.mode import Mode
from shieldrelay.config.schema import Configuration
from shieldrelay.content.loading import CheckFaults, load, shipped_directory
from shieldrelay.content.terms import CheckTerms, Configured, Failing, Force, Installed


def checks(configuration: Configuration) -> tuple[Installed, ...]:
    """Load the configured checks anew.

    :raises CheckFaults: one cannot be used.
    """
    content = configuration.content
    named = [(name, content.check.get(name) or Check()) for name in content.plugins]
    configured = [
        Configured(name, _terms(declared), declared.settings)
        for name, declared in named
        if declared.mode is not Mode.OFF
    ]
    if not configured:
        return ()
    loaded = load(configured, (Path(content.plugin_directory), shipped_directory()))
    if loaded.faults:
        raise CheckFaults(loaded.faults)
    return loaded.checks


def _terms(declared: Check) -> CheckTerms:
    return CheckTerms(
        declared.time_limit, Failing(declared.failing.value), declared.at_once, Force(declared.mode.value)
    )
