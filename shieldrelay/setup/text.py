"""The files of a configuration as text: a new domain's file, and single settings put into a file that is there.

What an operator wrote stays as it is, comments too: only the lines of the settings change. Whether the result means
what it should is tried by whoever calls. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shieldrelay.config.render import toml
from shieldrelay.setup.plan import Plan

_SECTION = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?\Z")
_ANY_SECTION = re.compile(r"\s*\[")


_NEW_DOMAIN = "# One protected domain. All other settings have their defaults: shieldrelay.toml(5).\n"


def domain_text(plan: Plan, recipients: str, former: str | None) -> str:
    """Give the file of the domain.

    :param recipients: where it is written who exists, as it stands in the file.
    :param former: the file that is there; ``None``: there is none.
    """
    hops = [str(hop) for hop in plan.next_hops]
    settings = {"domain": plan.domain, "next_hops": hops, "recipients": recipients}
    return with_settings(_NEW_DOMAIN if former is None else former, "", settings)


def list_text(plan: Plan) -> str:
    """Give a new file of recipients."""
    head = f"# Who exists at {plan.domain}: one local-part or address a line. Postmaster always does.\n"
    return head + "".join(f"{each}\n" for each in plan.listed)


def with_settings(text: str, section: str, settings: Mapping[str, object]) -> str:
    """Give a TOML file in which these settings of one section have these values.

    A setting that is there with another value is replaced in its line, with what stands behind it; one that is
    commented out gets a line below; any other comes to the end of its section, and that to the end of the file when it
    is not there.

    :param section: ``""``: what stands before the first section.
    """
    lines = text.splitlines()
    for key, value in settings.items():
        _put(lines, section, key, f"{key} = {toml(value)}")
    return "\n".join(lines) + "\n"


def _put(lines: list[str], section: str, key: str, line: str) -> None:
    begin, end = _bounds(lines, section)
    written = re.compile(rf"\s*{re.escape(key)}\s*=")
    hidden = re.compile(rf"#\s*{re.escape(key)}\s*=")
    for number in range(begin, end):
        if written.match(lines[number]):
            if not re.match(rf"\s*{re.escape(line)}\s*(#.*)?\Z", lines[number]):
                lines[number] = line
            return
    for number in range(begin, end):
        if hidden.match(lines[number]):
            lines.insert(number + 1, line)
            return
    lines.insert(_last_written(lines, begin, end), line)


def _bounds(lines: list[str], section: str) -> tuple[int, int]:
    """Give the lines of a section, its head apart; it is begun at the end of the file when it is not there."""
    begin = None if section else 0
    for number, line in enumerate(lines):
        if begin is not None and _ANY_SECTION.match(line):
            return begin, number
        head = _SECTION.match(line)
        if head is not None and head[1].strip() == section:
            begin = number + 1
    if begin is None:
        lines += ["", f"[{section}]"]
        begin = len(lines)
    return begin, len(lines)


def _last_written(lines: list[str], begin: int, end: int) -> int:
    """Give where a section's text ends: what comments the next one belongs to that."""
    number = end
    while number > begin and (not lines[number - 1].strip() or lines[number - 1].lstrip().startswith("#")):
        number -= 1
    return number
