"""Renders shieldrelay.toml(5), the manual page of the configuration: ``python -m shieldrelay.config.manual``.

From the declarations, like `config.render`. The page is written to standard output when the package is built.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from shieldrelay import __version__
from shieldrelay.config.domain import Domain
from shieldrelay.config.render import about, toml
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import Keyed, Setting, Subsection, declared_in

_HEAD = f""".TH SHIELDRELAY.TOML 5 "" "shieldrelay {__version__}" "File formats"
.SH NAME
shieldrelay.toml \\- configuration of the inbound SMTP relay shieldrelay
.SH SYNOPSIS
.I /etc/shieldrelay/shieldrelay.toml
.br
.I /etc/shieldrelay/domains.d/*.toml
.SH DESCRIPTION
One TOML file for the node, and beside it one for each protected domain. Every setting but those that are marked
.I required
has a default. Durations are written as "30s", "1.5h", "7d"; volumes as "25MiB"; shares as "20%"; rates as "600/min".
.PP
.B twistd \\-\\-pidfile= shieldrelay \\-\\-check
tells every fault at once, with file, line and what would be valid. A reload puts the whole configuration in force or
changes nothing.
"""

_TAIL = """.SH FILES
.TP
.I /usr/share/shieldrelay/shieldrelay.toml
The file as it is shipped: every setting with its default.
.SH SEE ALSO
.BR shieldrelay (8),
.BR shieldrelayctl (1)
"""


def page() -> str:
    """Give the page, in the language of man(7)."""
    lines = [_HEAD, ".SH SETTINGS OF THE NODE\n", *_sections(Configuration, "")]
    lines += [".SH SETTINGS OF A DOMAIN\n", "They may stand in a [[domain]] table of the main file too.\n"]
    return "".join([*lines, *_sections(Domain, ""), _TAIL])


def _sections(of: type[Any], name: str) -> Iterator[str]:
    declared = declared_in(of)
    for key, one in declared.items():
        if isinstance(one, Setting):
            yield _entry(key, one)
    for key, inner in declared.items():
        whole = f"{name}.{key}" if name else key
        if isinstance(inner, Subsection):
            yield f".SS {_plain(f'[{whole}]')}\n{_plain(about(inner.of, inner.help))}\n"
            yield from _sections(inner.of, whole)
        elif isinstance(inner, Keyed):
            yield f".SS {_plain(f'[{whole}.NAME]')}\n{_plain(inner.help)} NAME is {_plain(inner.kind.valid)}.\n"
            yield from _sections(inner.of, f"{whole}.NAME")


def _entry(key: str, one: Setting) -> str:
    default = ".IR Required ." if one.required else f"Default: {_plain(_default(one))}."
    return f".TP\n.B {_plain(key)}\n{_plain(one.help)}\nValid: {_plain(one.kind.valid)}.\n{default}\n"


def _default(one: Setting) -> str:
    return "none" if one.default is None else toml(one.default)


def _plain(text: str) -> str:
    """Write text so that nothing in it is a request or an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in escaped.splitlines())


if __name__ == "__main__":
    sys.stdout.write(page())
