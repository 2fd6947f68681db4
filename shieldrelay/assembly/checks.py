"""The checks of complete messages that the configuration names, loaded. Reads plugins and executes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shieldrelay.config.content import Check
from shieldrelay.config.mode import Mode
from shieldrelay.config.schema import Configuration
from shieldrelay.content.loading import CheckFaults, load, shipped_directory
from shieldrelay.content.plugin import Surroundings
from shieldrelay.content.terms import TIME_LIMIT_SECONDS, CheckTerms, Configured, Failing, Force, Installed


def checks(configuration: Configuration, reactor: Any = None) -> tuple[Installed, ...]:
    """Load the configured checks anew.

    :param reactor: ``None`` when nobody is going to ask them.
    :raises CheckFaults: one cannot be used.
    """
    content = configuration.content
    named = [(name, content.check.get(name) or Check()) for name in content.plugins]
    configured = [
        Configured(name, _terms(declared), declared.settings, _left(declared))
        for name, declared in named
        if declared.mode is not Mode.OFF
    ]
    if not configured:
        return ()
    surroundings = Surroundings(reactor, configuration.node.hostname)
    loaded = load(configured, (Path(content.plugin_directory), shipped_directory()), surroundings)
    if loaded.faults:
        raise CheckFaults(loaded.faults)
    return loaded.checks


def _terms(declared: Check) -> CheckTerms:
    return CheckTerms(
        TIME_LIMIT_SECONDS if declared.time_limit is None else declared.time_limit,
        Failing.TEMPFAIL if declared.failing is None else Failing(declared.failing.value),
        declared.at_once,
        Force(declared.mode.value),
    )


def _left(declared: Check) -> frozenset[str]:
    """Name the terms that are left to the plugin's own declaration."""
    absent = {"seconds": declared.time_limit is None, "failing": declared.failing is None}
    return frozenset(name for name, is_absent in absent.items() if is_absent)
