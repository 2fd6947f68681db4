"""Renders ``docs/metrics.md`` from the declared metrics: ``python -m shieldrelay.metrics.render``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from shieldrelay.metrics.declared import COUNTED, GAUGES, HEARD, PARENT, Kind, Metric, Whose

PAGE = Path("docs/metrics.md")

_HEAD = """# Metrics

`[listen] metrics` answers `/metrics` in Prometheus' text format, to everybody who reaches it. The same is at `GET
/api/v1/metrics` for who may see the whole node, and printed by `shieldrelayctl metrics`. This page is rendered from
`shieldrelay/metrics/declared.py`.

No label is ever an address, an IP or anything that a peer said. `domain` is a protected domain, under its main
name. The other labels have the values that the [journal](journal.md) has in the field of that name.

Of a node of several processes each says what it counted and measured for itself, with the label `worker`: add them
up, as in `sum without (worker) (rate(shieldrelay_smtp_sessions_total[5m]))`. There is no sum beside them: it would
fall when a process is started anew, and Prometheus would take that for a reset of all. What is marked *node* is
said once.

In a cluster each node is scraped for itself.

`etc/prometheus/shieldrelay.rules.yml` has alert rules, `etc/grafana/shieldrelay.json` a dashboard; both use these
metrics and no others.

"""


def metrics_page() -> str:
    """Give the page."""
    return (
        _HEAD
        + _table("Counted", COUNTED)
        + _table("Measured", HEARD)
        + _table("Read when somebody asks", GAUGES)
        + _table("Of a node of several processes", PARENT)
    ).rstrip("\n") + "\n"


def _table(title: str, metrics: Sequence[Metric]) -> str:
    rows = "".join(map(_row, metrics))
    return f"## {title}\n\n| metric | type | labels | what |\n|---|---|---|---|\n{rows}\n"


def _row(one: Metric) -> str:
    labels = " ".join(f"`{each}`" for each in one.labels)
    kind = one.kind.value + (", node" if one.whose is Whose.NODE else "")
    event = f" Event `{one.event}`." if one.event else ""
    bounds = f" Buckets up to {one.bounds[-1]:g}." if one.kind is Kind.HISTOGRAM else ""
    return f"| `{one.full_name}` | {kind} | {labels} | {one.help}{event}{bounds} |\n"


def main(root: Path) -> None:
    """Write the page under ``root``, the project's directory."""
    (root / PAGE).write_text(metrics_page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
