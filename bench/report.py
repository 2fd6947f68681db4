"""Medians, ratios and the page that shows them."""

from __future__ import annotations

import datetime
import inspect
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import field, frozen

from bench.rows import ROWS
from bench.wanted import WANTED, Medians, better

Samples = dict[str, dict[str, list[dict[str, float]]]]
"""Row, then relay, then one dictionary of figures a round."""

@frozen
class Run:
    """One run of the bench, as it goes into the page and into the JSON file beside.

    :ivar command: what was called.
    :ivar machine: in words, before the run.
    :ivar versions: of the relays.
    :ivar configurations: by relay.
    :ivar seconds: how long it took.
    """

    command: str
    machine: str
    versions: Sequence[str]
    configurations: dict[str, str]
    samples: Samples
    faults: Sequence[str]
    rounds: int
    account: str
    seconds: float
    ended: str = field(factory=lambda: datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"))


def medians(samples: Samples) -> Medians:
    """Give the median of each figure over its rounds."""
    return {
        row: {peer: _median_of(rounds) for peer, rounds in peers.items() if rounds} for row, peers in samples.items()
    }


def _median_of(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {figure: statistics.median(each[figure] for each in rounds) for figure in rounds[0]}


def machine(scratch: Path = Path("/var/tmp")) -> str:
    """Describe the machine in words: processor, cores, memory, kernel, and what an fsync takes."""
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    kernel = ".".join(platform.release().split(".")[:2])
    load = f"load average before it {os.getloadavg()[0]:.1f}"
    words = [f"{len(models) or os.cpu_count()} cores", f"{memory / 2**20:.0f} GiB", f"Linux {kernel}", load]
    return ", ".join([*(models[:1] or [platform.machine()]), *words, f"fsync median {_fsync_ms(scratch):.2f} ms"])


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _fsync_ms(scratch: Path) -> float:
    """Time an fsync of a 4 KB write where the spools are."""
    times = []
    with tempfile.TemporaryFile(dir=scratch) as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def page(run: Run) -> str:
    """Render the whole page."""
    found = medians(run.samples)
    parts = [_head(run), _wanted(found), *(_row(name, peers) for name, peers in found.items()), _faults(run.faults)]
    parts += ["## Configurations\n", *(_fenced(name, text) for name, text in run.configurations.items())]
    return "\n".join(part for part in parts if part)


def _head(run: Run) -> str:
    return f"""\
# Bench results

Written by `{run.command}`; ended {run.ended} after {run.seconds:.0f} s.
Medians of {run.rounds} round(s), the relays in turns; {_once()} are run once.
Generator and sink of mail from one source are Postfix's `smtp-source` and `smtp-sink`, 20 sessions, on the same cores.
CPU is user + system seconds of all of a relay's processes per 1000 messages ({run.account}). Differences under 30 %
are noise: compare ratios within one run, never figures of two runs.

- {run.machine}
{chr(10).join(f"- {version}" for version in run.versions)}
"""


def _wanted(found: Medians) -> str:
    """Render what is wanted beside what was reached."""
    lines = ["## Wanted\n", "| row | figure | wanted | reached | |", "|---|---|---|---|---|"]
    for each in WANTED:
        reached, met = each.reached(found), each.is_met(found)
        shown = "-" if reached is None else f"{_number(reached)}{' times' if each.times is not None else ''}"
        verdict = {None: "not measured", True: "met", False: "**not met**"}[met]
        lines.append(f"| {each.row} | {each.figure} | {each.words} | {shown} | {verdict} |")
    return "\n".join(lines) + "\n"


def _row(name: str, peers: dict[str, dict[str, float]]) -> str:
    """Render one row's figures, a line each, a column for each relay."""
    names = list(peers)
    both = len(names) == 2
    beside = "ours is better by" if "Postfix" in names else "the second is better by"
    lines = [f"## {ROWS[name].title}\n", f"{inspect.cleandoc(ROWS[name].measure.__doc__ or '')}\n"]
    lines += ["| | " + " | ".join(names) + (f" | {beside} |" if both else " |")]
    lines += ["|---|" + "---|" * (len(names) + both)]
    for figure in peers[names[0]]:
        cells = [_number(peers[peer][figure]) for peer in names if figure in peers[peer]]
        if both and len(cells) == 2:
            cells.append(_times(figure, peers[names[0]], peers[names[1]]))
        lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _times(figure: str, first: dict[str, float], second: dict[str, float]) -> str:
    if "not refused" in figure:
        return ""
    return f"{_number(better(figure, second[figure], first[figure]))} times"


def _once() -> str:
    return ", ".join(f"`{name}`" for name, row in ROWS.items() if row.once)


def _number(value: float) -> str:
    """Show a figure with about three digits."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _faults(faults: Iterable[str]) -> str:
    said = [f"- {fault}" for fault in faults]
    return "\n".join(["## Faults\n", *said, ""]) if said else ""


def _fenced(name: str, text: str) -> str:
    return f"{name}\n\n```\n{text.strip()}\n```\n"
