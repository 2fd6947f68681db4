"""Findings for people and for programs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from shieldrelay.check.finding import Finding, Level

_TITLES = {
    "configuration": "configuration",
    "tls": "TLS",
    "dns": "DNS",
    "address": "the servers' address",
    "outside": "from outside",
    "lists": "DNS lists",
}
_MARKS = {Level.GOOD: "ok", Level.NOTE: "note", Level.UNSURE: "unsure", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


def report(findings: Sequence[Finding], *, quiet: bool = False) -> str:
    """Give findings by part, the worst of each first, each with what to do; then a summary.

    :param quiet: leave out what is good.
    """
    blocks = []
    for part, title in _TITLES.items():
        shown = [each for each in findings if each.part == part and not (quiet and each.level is Level.GOOD)]
        if shown:
            shown.sort(key=lambda each: -each.level)
            blocks.append("\n".join([title, *_lines(shown)]))
    return "\n\n".join([*blocks, _summary(findings)])


def as_json(findings: Sequence[Finding], status: int) -> dict[str, Any]:
    """Give findings as JSON; ``exit`` is the exit status."""
    told = [
        {"part": each.part, "level": each.level.name.lower(), "subject": _harmless(each.subject),
         "words": _harmless(each.words), "advice": _harmless(each.advice)}
        for each in findings
    ]  # fmt: skip
    return {"findings": told, "exit": status}


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Give findings with what to do; the same advice for several in a row stands once, behind the last."""
    for one, after in zip(findings, (*findings[1:], None), strict=True):
        yield f"  {_MARKS[one.level]:<8} {_harmless(one.subject)}: {_harmless(one.words)}"
        if one.advice and (after is None or after.advice != one.advice):
            yield f"{'':<11}-> {_harmless(one.advice)}"


def _summary(findings: Sequence[Finding]) -> str:
    count = Counter(each.level for each in findings)
    told = [f"{count[level]} {_MARKS[level]}" for level in sorted(Level, reverse=True) if count[level]]
    return ", ".join(told) or "nothing was looked at"


def _harmless(text: str) -> str:
    """Take what a terminal would obey out of strangers' text."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
