"""Renders the default files in ``etc/`` and ``docs/configuration.md``: ``python -m shieldrelay.config.render``.

All from the declarations, so that neither can drift; a test holds the files in the project against it.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shieldrelay.config.domain import Domain
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import Keyed, Setting, Subsection, declared_in

_MAIN_HEAD = """# The configuration of shieldrelay. Settings that are commented out show their defaults, or an
# example where there is none. Protected domains stand in domains.d/*.toml beside this file, one each.
# `twistd --pidfile= shieldrelay --check` tells everything that is wrong.
"""

_DOMAIN_HEAD = """# One protected domain. Copy it to NAME.toml beside this file; what is commented out shows its
# default, or an example where there is none. The same settings may stand in a [[domain]] table of the main file.
"""

_PAGE_HEAD = """# Configuration

One TOML file, `/etc/shieldrelay/shieldrelay.toml` unless `--config` names another, and one small file for each
protected domain in `domains.d/` beside it. Every setting has a default but the few that are marked *required*. Units
are written out:

| kind | units | examples |
|---|---|---|
| duration | `ms` `s` `m` `h` `d` | `"30s"`, `"1.5h"`, `"7d"` |
| volume | `B` `KiB` `MiB` `GiB` `TiB` | `"500B"`, `"25MiB"` |
| percentage | `%` | `"20%"` |
| rate | messages or a volume per `s`, `min` or `h` | `"600/min"`, `"10MiB/s"` |

A limit per `min` or `5min` counts with that period as its mean: what a source did fades away continuously, there is no
moment at which it starts from nothing.

`twistd --pidfile= shieldrelay --check` reads everything and tells every fault at once with file, line, section and key,
and what would be valid; its exit status is 0 or 78. A start does the same and binds nothing when there is a fault. A
reload (SIGHUP, or `shieldrelayctl reload`) puts the whole new configuration in force, or changes nothing.

Started as root, the node reads and makes everything as `[node] user`, takes only its ports as root, and then becomes
that user for good.

This page and the files in `etc/` are rendered from the declarations in `shieldrelay/config/`.
"""


def toml(written: object) -> str:
    """Write a value as TOML."""
    if isinstance(written, bool):
        return "true" if written else "false"
    if isinstance(written, list):
        return f"[{', '.join(toml(item) for item in written)}]"
    if isinstance(written, dict):
        return f"{{ {', '.join(f'{key} = {toml(value)}' for key, value in written.items())} }}" if written else "{}"
    return json.dumps(written, ensure_ascii=False)


def main_file() -> str:
    """Give ``etc/shieldrelay.toml``."""
    return _MAIN_HEAD + "".join(_tables(Configuration, ""))


def domain_file() -> str:
    """Give ``etc/domains.d/example.com.toml.example``."""
    return _DOMAIN_HEAD + "".join(_tables(Domain, ""))


def _tables(of: type[Any], name: str) -> Iterator[str]:
    """Give the lines of a table, its settings first, its subtables after them."""
    declared = declared_in(of)
    for key, setting in declared.items():
        if isinstance(setting, Setting):
            yield _setting_lines(key, setting)
    for key, inner in declared.items():
        whole = f"{name}.{key}" if name else key
        if isinstance(inner, Subsection):
            mark = "# " if inner.optional else ""
            yield f"\n{_comment(about(inner.of, inner.help))}{mark}[{whole}]\n"
            yield from (_hidden(line) if inner.optional else line for line in _tables(inner.of, whole))
        elif isinstance(inner, Keyed):
            yield f'\n{_comment(inner.help)}# [{whole}."{inner.example}"]\n'
            yield from (_hidden(line) for line in _tables(inner.of, f'{whole}."{inner.example}"'))


def _setting_lines(key: str, setting: Setting) -> str:
    bare = setting.required or setting.default in (None, [], {})
    shown = setting.example if bare else setting.default
    mark = "" if setting.required else "# "
    return f"\n{_comment(setting.help)}{mark}{key} = {toml(shown)}\n"


def _hidden(lines: str) -> str:
    """Comment out what is not a comment yet."""
    return "".join(line if line.startswith(("#", "\n")) else f"# {line}" for line in lines.splitlines(keepends=True))


def _comment(text: str) -> str:
    return "".join(f"## {line}\n" for line in textwrap.wrap(text, 112))


def about(of: type[Any], help: str) -> str:
    """Say what a section is about: its own help, or its class's first sentence."""
    return help or (of.__doc__ or "").strip().split("\n\n")[0]


def page() -> str:
    """Give ``docs/configuration.md``."""
    return _PAGE_HEAD + "".join(
        [
            *_page_sections(Configuration, ""),
            "\n## A domain file\n\nThe same settings may stand in a `[[domain]]` table of the main file.\n",
            *_page_sections(Domain, ""),
        ]
    )


def _page_sections(of: type[Any], name: str) -> Iterator[str]:
    declared = declared_in(of)
    settings = {key: setting for key, setting in declared.items() if isinstance(setting, Setting)}
    if settings:
        yield _page_table(settings)
    for key, inner in declared.items():
        whole = f"{name}.{key}" if name else key
        if isinstance(inner, Subsection):
            yield f"\n### [{whole}]\n\n{about(inner.of, inner.help)}{' May be left out.' if inner.optional else ''}\n"
            yield from _page_sections(inner.of, whole)
        elif isinstance(inner, Keyed):
            yield f'\n### [{whole}."{inner.example}"]\n\n{inner.help} The key is {inner.kind.valid}.\n'
            yield from _page_sections(inner.of, f"{whole}.*")


def _page_table(settings: Mapping[str, Setting]) -> str:
    rows = "".join(
        f"| `{key}` | {_default(setting)} | {_cell(setting.kind.valid)} | {_cell(setting.help)} |\n"
        for key, setting in settings.items()
    )
    return f"\n| setting | default | valid | what it does |\n|---|---|---|---|\n{rows}"


def _default(setting: Setting) -> str:
    if setting.required:
        return "*required*"
    return "none" if setting.default is None else f"`{toml(setting.default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def files() -> dict[str, str]:
    """Give every rendered file by its path in the project."""
    return {
        "etc/shieldrelay.toml": main_file(),
        "etc/domains.d/example.com.toml.example": domain_file(),
        "docs/configuration.md": page(),
    }


def main(root: Path) -> None:
    """Write every file below ``root``, the project's directory."""
    for name, text in files().items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
