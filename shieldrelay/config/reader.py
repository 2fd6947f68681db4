"""From files to a `Configuration`, or to every fault in them at once.

Reads the main file and ``domains.d/*.toml`` beside it, and then the domains that were pushed (`config.pushed`).
Blocking, a few milliseconds: called before the reactor runs and in a thread at a reload. Binds nothing, changes
nothing, and leaves nothing behind when it fails.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path as FilePath

from attrs import define, field, frozen

from shieldrelay.config import pushed as pushed_domains
from shieldrelay.config.admin_checks import check_admin_domains
from shieldrelay.config.building import Builder, Faults, Source
from shieldrelay.config.checks import check_domain, check_node
from shieldrelay.config.domain import Domain
from shieldrelay.config.faults import ConfigurationFaults, Path
from shieldrelay.config.finding import Finding
from shieldrelay.config.kinds import shown
from shieldrelay.config.lines import lines_of
from shieldrelay.config.pushed import Beside, Pushed
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import changed
from shieldrelay.config.steered import SteeredModes, parsed, with_modes

FILE_OCTETS = 4 << 20
"""The largest configuration file that is read."""

DOMAINS_DIRECTORY = "domains.d"

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)\Z")
_AT_END = " (at end of document)"


@frozen
class _PlacedDomain:
    """A domain and where it was declared."""

    source: Source
    path: Path
    domain: Domain


@define
class _Reading:
    """One reading of all files."""

    faults: Faults = field(factory=Faults)
    origins: dict[str, str] = field(factory=dict)
    digest: hashlib._Hash = field(factory=hashlib.sha256)


def read(path: str, beside: Beside = pushed_domains.NOTHING) -> Configuration:
    """Read a whole configuration.

    :param path: the main file.
    :param beside: what is to be pushed.
    :raises ConfigurationFaults: with everything that is wrong.
    """
    reading = _Reading()
    main = _parse(reading, FilePath(path))
    files = [_parse(reading, file) for file in _domain_files(reading, FilePath(path))]
    placed = _inline_domains(reading, main) if main is not None else []
    placed += [_built(reading, source, source.table, ()) for source in files if source is not None]
    _check_names(reading, placed)
    if main is None:
        raise ConfigurationFaults(reading.faults.found)
    builder = Builder(main, reading.faults, reading.origins)
    configuration = builder.build(Configuration, main.table, (), frozenset({"domain"}))
    configuration = _with_modes(reading, configuration)
    pushed, hidden = _pushed_domains(reading, configuration.node.state, beside, placed)
    _check(reading, main, configuration, placed + pushed)
    if reading.faults.found:
        raise ConfigurationFaults(reading.faults.found)
    return changed(
        configuration,
        domains=tuple(each.domain for each in placed + pushed),
        pushed=tuple(each.domain.domain for each in pushed),
        hidden=tuple(hidden),
        path=path,
        origins=reading.origins,
        fingerprint=reading.digest.hexdigest()[:12],
    )


def _domain_files(reading: _Reading, main: FilePath) -> list[FilePath]:
    """List the domain files by name; editors' hidden files are not among them."""
    directory = main.parent / DOMAINS_DIRECTORY
    try:
        return sorted(file for file in directory.iterdir() if file.suffix == ".toml" and not file.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        reading.faults.add(Source(str(directory), {}), (), f"it cannot be listed: {_words(error)}")
        return []


def _with_modes(reading: _Reading, configuration: Configuration) -> Configuration:
    """Put modes of defences in that were set at run time."""
    modes = SteeredModes(configuration.node.state)
    try:
        octets = modes.octets()
        steered = parsed(octets)
    except (OSError, ValueError) as fault:
        words = _words(fault) if isinstance(fault, OSError) else str(fault)
        reading.faults.add(Source(modes.path, {}), (), f"it cannot be read: {words}")
        return configuration
    reading.digest.update(octets)
    reading.origins.update({f"shield.{name}.mode": each.origin for name, each in steered.items()})
    return changed(configuration, shield=with_modes(configuration.shield, steered)) if steered else configuration


def _pushed_domains(
    reading: _Reading, state: str, beside: Beside, placed: list[_PlacedDomain]
) -> tuple[list[_PlacedDomain], list[str]]:
    """Read the domains that were pushed; gives those in force, and names those that are not."""
    own = {name for each in placed for name in each.domain.names}
    try:
        files = {file.stem: file for file in pushed_domains.files_of(state)}
    except OSError as error:
        directory = str(pushed_domains.directory_of(state))
        reading.faults.add(Source(directory, {}), (), f"it cannot be listed: {_words(error)}")
        files = {}
    sources: dict[str, Source | None] = {}
    for name in sorted((files.keys() | beside.texts.keys()) - own):
        if name not in beside.texts:
            sources[name] = _parse(reading, files[name])
        elif (text := beside.texts[name]) is not None:
            sources[name] = _parsed(reading, Source(name, {}), text.encode("utf-8"))
    built = {name: _built(reading, source, source.table, ()) for name, source in sources.items() if source is not None}
    kept, hidden = pushed_domains.in_force([Pushed(name, each.domain) for name, each in built.items()], own)
    return [each for name, each in built.items() if name in kept], [*sorted(own & files.keys()), *hidden]


def _parse(reading: _Reading, file: FilePath) -> Source | None:
    """Read and parse one file."""
    try:
        octets = _octets(file)
    except OSError as error:
        reading.faults.add(Source(str(file), {}), (), f"it cannot be read: {_words(error)}")
        return None
    return _parsed(reading, Source(str(file), {}), octets)


def _parsed(reading: _Reading, blank: Source, octets: bytes) -> Source | None:
    """Parse what stands in a file."""
    reading.digest.update(b"%d:%d:" % (len(blank.file), len(octets)) + octets)
    try:
        text = octets.decode("utf-8-sig")
        return Source(blank.file, tomllib.loads(text), lines_of(text))
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        reading.faults.add(blank, (), "it is not UTF-8", line=line)
    except tomllib.TOMLDecodeError as error:
        _note_broken(reading, blank, text, str(error))
    except RecursionError:
        reading.faults.add(blank, (), "it is nested too deeply")
    return None


def _octets(file: FilePath) -> bytes:
    """Read a file whole.

    :raises OSError: also when it is larger than any configuration.
    """
    with file.open("rb") as opened:
        octets = opened.read(FILE_OCTETS + 1)
    if len(octets) > FILE_OCTETS:
        raise OSError(None, f"it is larger than {FILE_OCTETS} octets")
    return octets


def _note_broken(reading: _Reading, source: Source, text: str, words: str) -> None:
    """Note what ``tomllib`` says, with its line as ours."""
    match = _AT_LINE.search(words)
    line = int(match[1]) if match is not None else text.count("\n") + 1
    said = words[: match.start()] if match is not None else words.removesuffix(_AT_END)
    reading.faults.add(source, (), f"it is not valid TOML: {said[:1].lower()}{said[1:]}", line=line)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _inline_domains(reading: _Reading, main: Source) -> list[_PlacedDomain]:
    tables = main.table.get("domain", [])
    if not isinstance(tables, list):
        reading.faults.add(main, ("domain",), f"{shown(tables)} is not an array of tables", "write [[domain]]")
        return []
    return [_built(reading, main, table, ("domain", index)) for index, table in enumerate(tables)]


def _built(reading: _Reading, source: Source, table: object, path: Path) -> _PlacedDomain:
    """Build one domain."""
    name = table.get("domain") if isinstance(table, dict) else None
    prefix = "" if path else f"domain.{name}."
    domain = Builder(source, reading.faults, reading.origins, prefix).build(Domain, table, path)
    return _PlacedDomain(source, path, domain)


def _check_names(reading: _Reading, placed: Iterable[_PlacedDomain]) -> None:
    """Hold that every name is protected once."""
    seen: dict[str, _PlacedDomain] = {}
    for each in placed:
        for position, name in enumerate(each.domain.names):
            key = (*each.path, "aliases" if position else "domain")
            first = seen.get(name)
            if first is not None and not reading.faults.touch(each.source, key):
                where = f"{first.source.file}:{first.source.line((*first.path, 'domain'))}"
                reading.faults.add(each.source, key, f"{name} is protected already", f"see {where}")
            seen.setdefault(name, each)


def _check(reading: _Reading, main: Source, configuration: Configuration, placed: list[_PlacedDomain]) -> None:
    """Hold settings against each other."""
    _note(reading, main, (), check_node(configuration))
    for each in placed:
        _note(reading, each.source, each.path, check_domain(configuration, each.domain))
    if placed:
        _note(reading, main, (), check_admin_domains(configuration, (each.domain.domain for each in placed)))
    postmaster = configuration.node.postmaster
    names = {name for each in placed for name in each.domain.names}
    if postmaster is not None and names and postmaster.domain_key not in names:
        finding = Finding(
            (("node", "postmaster"),), f"{postmaster} is in no protected domain", f"one of {_some(names)}"
        )
        _note(reading, main, (), [finding])


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")


def _note(reading: _Reading, source: Source, at: Path, findings: Iterable[Finding]) -> None:
    """Note findings, but for those that only follow from a fault that is noted already."""
    fresh = [each for each in findings if not any(reading.faults.touch(source, at + path) for path in each.paths)]
    for finding in fresh:
        written = (path for path in finding.paths if at + path in source.lines)
        reading.faults.add(source, at + next(written, finding.paths[0]), finding.wrong, finding.valid)
