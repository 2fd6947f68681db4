"""``python -m bench.harvest``: tables of what harvesters learn and what lawful mail waits. ``--help`` lists options."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool

from bench.harvest import attackers, lawful
from bench.harvest.attackers import Result
from bench.harvest.world import World
from shieldrelay.shield.harvest import HarvestSettings

_USED_TO = 0.4
"""Evidence a minute that a domain with noise is used to: its threshold is 20 instead of 10."""
_RETRIES = 6
_MINUTE, _DAY = 60.0, 86400.0
_ATTACKS = {**attackers.KINDS, **attackers.WASHERS}

Row = tuple[str, float, int, float, int]
"""Attack, valid share, retries, noise a minute, seeds."""
Column = tuple[str, float, int, float]
"""Title, valid share, retries, noise a minute."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.harvest", description="Simulate harvesters and lawful mail.")
    parser.add_argument("--seeds", type=int, default=20, help="how often each attack is run (default: 20)")
    parser.add_argument("--quick", action="store_true", help="four seeds, short days, no large attacks")
    parser.add_argument("--only", choices=("one", "washers", "many", "large", "lawful"), help="one part only")
    return parser.parse_args()


def _measure(row: Row) -> list[Result]:
    """Run one attack with all its seeds."""
    name, valid, retries, noise, seeds = row
    settings = HarvestSettings()
    return [
        attackers.attack(_ATTACKS[name], valid, 1000 + seed, settings, retries=retries, noise=noise)
        for seed in range(seeds)
    ]


def _cell(results: list[Result]) -> str:
    """Give median and worst of what was learned, in recipients."""
    learned = [result.learned for result in results]
    return f"{statistics.median(learned):g}, {max(learned)}"


def _attacks(pool: Pool, title: str, names: Iterable[str], columns: list[Column], seeds: int) -> None:
    """Print one table: what was learned, median and worst, in each column of (title, valid, retries, noise)."""
    names = list(names)
    rows: list[Row] = [(name, *column[1:], seeds) for name in names for column in columns]
    found = pool.map(_measure, rows, chunksize=1)
    print(f"\n**{title}** ({seeds} seeds)\n")
    print("| attack | " + " | ".join(column[0] for column in columns) + " |\n|---|" + "---|" * len(columns))
    for at, name in enumerate(names):
        cells = [
            f"{_cell(results)} of {results[0].hits}" for results in found[at * len(columns) : (at + 1) * len(columns)]
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _quiet(case: tuple[str, float, float, str]) -> str:
    """Run the first days of a domain, with lawful mail alone or beside an attack, and give a row."""
    name, noise, days, attack = case
    world = World(HarvestSettings(), lawful.exists)
    report = lawful.Traffic(world, lawful.DOMAINS[name], days * _DAY, noise, 41).report
    if attack:
        attackers.join(world, attackers.KINDS[attack], 0.2, 7, retries=_RETRIES)
    world.run()
    world.close()
    kinds = []
    for kind, sent in sorted(report.sent.items()):
        waits = sorted(report.delays.get(kind, []))
        if waits:
            median, longest = statistics.median(waits) / _MINUTE, waits[-1] / _MINUTE
            kinds.append(f"{kind} {len(waits)} of {sent}: {median:.0f}, {longest:.0f}")
    shield = world.level_seconds[2] / 3600
    what = f"{name}, noise {noise:g}, {days:g} d{', ' + attack if attack else ''}"
    return f"| {what} | {report.lost} | {shield:.1f} | {'; '.join(kinds) or '-'} |"


def _lawful(pool: Pool, *, quick: bool) -> None:
    """Print what lawful mail waited."""
    short = 0.1 if quick else 1.0
    cases = [
        ("small", 0.1, 30 * short, ""), ("small", 1.0, 30 * short, ""), ("medium", 1.0, 4 * short, ""),
        ("medium", 5.0, 3 * short, ""), ("medium", 1.0, 1.25, "25 sources x 5"),
        ("medium", 1.0, 1.25, "200 in step x 5"), ("medium", 1.0, 1.25, "5000 x 1 in an hour"),
    ]  # fmt: skip
    print("\n**Lawful mail** (delayed of sent: median, longest wait in minutes)\n")
    print("| domain, noise a minute, days, attack | lost | shield h | delayed |\n|---|---|---|---|")
    for line in pool.imap(_quiet, cases):
        print(line, flush=True)


def main() -> None:
    """Run the parts that were asked for."""
    options = _arguments()
    seeds = 4 if options.quick else options.seeds
    plain = [(f"{share:.0%}{', retrying' if retries else ''}", share, retries, 0.0)
             for share in (0.01, 0.2, 0.5) for retries in (0, _RETRIES)]  # fmt: skip
    noisy = [(f"{share:.0%}{', retrying' if retries else ''}{', noise' if noise else ''}", share, retries, noise)
             for share in (0.2, 0.5) for noise in (0.0, _USED_TO) for retries in (0, _RETRIES)]  # fmt: skip
    washed = [("90%", 0.9, 0, 0.0), ("90%, retrying", 0.9, _RETRIES, 0.0)]
    begun = time.monotonic()
    with get_context().Pool(2) as pool:
        parts = {
            "one": partial(_attacks, pool, "One source", attackers.ONE, plain, seeds),
            "washers": partial(_attacks, pool, "List washers", attackers.WASHERS, washed, seeds),
            "many": partial(_attacks, pool, "Many sources", attackers.MANY, noisy, seeds),
            "large": partial(_attacks, pool, "Large and slow", attackers.LARGE, noisy[4:], 2),
            "lawful": partial(_lawful, pool, quick=options.quick),
        }
        for name, part in parts.items():
            if options.only == name or (options.only is None and not (options.quick and name == "large")):
                part()
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
