"""Finding and loading the plugins that the configuration names (`docs/content-stage.md`).

A plugin is a file ``NAME.py`` in one of the plugin directories; the first directory that has it wins. It is executed
when it is named, at the start, by ``--check`` and at every reload, and never because it lies there. It declares an
`IShieldPlugin` of its name; or, for a check of complete messages alone, it provides it as ``plugin(settings)``, a
factory, or as ``check``, an object. Where no directory has it, an installed package may: what `twisted.plugin` finds
in ``twisted.plugins``. Called by the assembly, before anything is bound.
Never raises: whatever is wrong with a plugin, its own exceptions included, is a fault in words for the operator.
"""

from __future__ import annotations

import importlib.util
import re
import stat
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import evolve, frozen
from twisted.plugin import getPlugins
from zope.interface import Invalid
from zope.interface.verify import verifyObject

import shieldrelay
from shieldrelay.content.interfaces import IContentCheck
from shieldrelay.content.plugin import IShieldPlugin, Surroundings
from shieldrelay.content.steps import Step
from shieldrelay.content.terms import Configured, Installed

INSTALLED = Path("/usr/share/shieldrelay/plugins")
"""Where the Debian package has them."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Unloadable(Exception):
    """A plugin cannot be used. ``args[0]`` says why, for the operator."""


class CheckFaults(Exception):
    """Plugins that cannot be used; ``faults`` has every reason, for the operator."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@frozen
class Loaded:
    """What came of the configured plugins.

    :ivar checks: those that can be used, in the configured order.
    :ivar faults: one for each of the others; a node with any does not start, and a reload changes nothing.
    """

    checks: tuple[Installed, ...]
    faults: tuple[str, ...]


def shipped_directory() -> Path:
    """Give the directory of the plugins that come with the program: beside it in a checkout, else where installed."""
    beside = Path(shieldrelay.__file__).parent.parent / "plugins"
    return beside if beside.is_dir() else INSTALLED


def load(
    configured: Sequence[Configured], directories: Sequence[Path], surroundings: Surroundings | None = None
) -> Loaded:
    """Load every configured check anew. Reads files and executes them.

    :param directories: in which plugins are looked for, in this order.
    :param surroundings: what plugins are given; ``None`` when nobody is going to ask them.
    """
    checks: list[Installed] = []
    faults: list[str] = []
    for each in configured:
        try:
            checks.append(_installed(each, directories, surroundings or Surroundings()))
        except Unloadable as fault:
            faults.append(f"plugin {each.name!r}: {fault}")
    return Loaded(tuple(checks), tuple(faults))


def _installed(configured: Configured, directories: Sequence[Path], surroundings: Surroundings) -> Installed:
    """Find a plugin and make its check."""
    path = _path(configured.name, directories)
    if path is None:
        declared, where = _packaged(configured.name), Path("twisted.plugins")
        if declared is None:
            raise Unloadable(f"there is no {configured.name}.py in {' or '.join(map(str, directories))}")
    else:
        module, where = _execute(configured.name, path), path
        declared = _declared(module, configured.name)
        if declared is None:
            return Installed(configured.name, _check(configured, module, path), configured.terms)
    return _made(configured, declared, where, surroundings)


def _declared(module: ModuleType, name: str) -> Any:
    """Give the plugin of this name that a module declares."""
    declared = [each for each in vars(module).values() if IShieldPlugin.providedBy(each)]
    return next((each for each in declared if each.name == name), None)


def _packaged(name: str) -> Any:
    """Give the plugin of this name that an installed package declares."""
    return next((each for each in getPlugins(IShieldPlugin) if each.name == name), None)


def _made(configured: Configured, plugin: Any, where: Path, surroundings: Surroundings) -> Installed:
    """Have a plugin make its check; its own terms hold where the configuration has none."""
    own = {"seconds": plugin.time_limit, "failing": plugin.failing}
    try:
        terms = evolve(configured.terms, **{name: own[name] for name in configured.left_to_plugin})
        check = plugin.make(configured.settings, surroundings)
    except Exception as error:
        raise Unloadable(f"{where}: {_words(error, where)}") from error
    for step in Step:
        if step in plugin.steps and not callable(getattr(check, step.value, None)):
            raise Unloadable(f"{where}: it sees {step.name.lower()}, and what it makes has no {step.value}()")
    return Installed(configured.name, check, terms, frozenset(plugin.steps))


def _check(configured: Configured, module: ModuleType, path: Path) -> IContentCheck:
    """Give the check of a plugin that sees complete messages only."""
    if hasattr(module, "plugin"):
        try:
            check = module.plugin(configured.settings)
        except Exception as error:
            raise Unloadable(f"{path}: {_words(error, path)}") from error
    elif hasattr(module, "check"):
        check = module.check
        if configured.settings:
            raise Unloadable(f"{path} takes no settings")
    else:
        raise Unloadable(
            f"{path} declares no ShieldPlugin called {configured.name!r}, and neither plugin(settings) nor check"
        )
    try:
        verifyObject(IContentCheck, check)
    except Invalid as error:
        raise Unloadable(f"{path}: what it gives is no IContentCheck: {' '.join(str(error).split())}") from error
    return check  # type: ignore[no-any-return]


def _path(name: str, directories: Sequence[Path]) -> Path | None:
    """Find a plugin's file; one that anybody may write is not executed."""
    if not _NAME.fullmatch(name):
        raise Unloadable("a name has 1 to 40 characters a-z, 0-9 and _, and begins with a letter")
    for directory in directories:
        path = directory / f"{name}.py"
        try:
            modes = {where: where.stat().st_mode for where in (path, directory)}
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unloadable(f"{path}: {error.strerror}") from error
        for where, mode in modes.items():
            if mode & stat.S_IWOTH:
                raise Unloadable(f"{where} may be written by everybody, so it is not executed")
        return path
    return None


def _execute(name: str, path: Path) -> ModuleType:
    """Execute a plugin's file as a module of its own, afresh."""
    qualified = f"shieldrelay_plugin_{name}"
    spec = importlib.util.spec_from_file_location(qualified, path)
    if spec is None or spec.loader is None:
        raise Unloadable(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(qualified)
    sys.modules[qualified] = module  # dataclasses look there for the module they stand in
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102 - running it is the task
    except BaseException as error:
        if before is None:
            del sys.modules[qualified]
        else:
            sys.modules[qualified] = before
        if not isinstance(error, (Exception, SystemExit)):
            raise
        raise Unloadable(f"{path}: {_words(error, path)}") from error
    return module


def _words(error: BaseException, path: Path) -> str:
    """Say what a plugin ran into, and at which of its lines."""
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        own = [error.lineno]
    where = f"line {own[-1]}: " if own else ""
    return f"{where}{type(error).__name__}: {' '.join(str(error).split())}"
