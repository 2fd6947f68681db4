"""Renders ``docs/journal.md`` from the declared events: ``python -m shieldrelay.journal.render``."""

from __future__ import annotations

import sys
from pathlib import Path

from shieldrelay.journal.events import EVENTS

PAGE = Path("docs/journal.md")

_HEAD = """# The journal

One JSON object a line, flat, printable ASCII. `[node] journal` says where it goes. This page is rendered from
`shieldrelay/journal/events.py`.

Every line has `ts` (RFC 3339 in UTC with microseconds), `level` (`info`, `warn`, `error`), `event` and `node`. Of a
node with several processes each one's lines have its number as `worker`; those of their parent have none. The ids
join lines: `session` is one connection of a client, `message` one message, through every attempt to its end.
What a peer said is escaped (`\\xNN`, the backslash too) and clipped to 256 characters, of a sequence 32 items
are kept, and of a traceback the last 4096 characters. An event leaves out fields that it does not know, and may have
more than are listed. Events marked with a label are also counted by that field.

What Twisted and libraries log from a warning on, and every failure, comes as `log`; twistd's own `--logfile` and
`--syslog` have no effect. In daemon mode (without `--nodaemon`) standard output goes nowhere: name a file.

Writing never holds up mail. While the journal cannot be written, up to 1 MiB of lines is kept, further lines are lost,
and `journal_lost` tells how many once it works again.

| event | level | when | fields | label |
|---|---|---|---|---|
"""


def journal_page() -> str:
    """Give the page."""
    rows = (
        f"| `{name}` | {event.level.value} | {event.help} | {' '.join(f'`{field}`' for field in event.fields)} "
        f"| {f'`{event.label}`' if event.label else ''} |\n"
        for name, event in EVENTS.items()
    )
    return _HEAD + "".join(rows)


def main(root: Path) -> None:
    """Write the page under ``root``, the project's directory."""
    (root / PAGE).write_text(journal_page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
