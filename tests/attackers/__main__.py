"""``python -m tests.attackers``: what attackers learn, and what lawful mail waits, as tables. ``--help`` lists options.

Each attack is played against nodes of its own, a seed each, in two processes. With ``--write`` the tables go into
``docs/attacks.md``, between their markers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.attackers.attacks import CATALOGUE, Attack
from tests.attackers.lawful import Kind
from tests.attackers.siege import Result, besiege

PAGE = Path(__file__).resolve().parents[2] / "docs" / "attacks.md"
BEGIN, END = "<!-- harvest: begin -->\n", "<!-- harvest: end -->\n"
LARGE = 5000
"""From so many guesses on an attack gets two seeds."""
SEEDS_AT_ONCE = 5
_COLUMNS = (0.01, 0.2, 0.5, 0.9)


@frozen
class Job:
    """Some seeds of one attack with one share of valid guesses."""

    attack: int
    share: float
    seeds: tuple[int, ...]


def main() -> None:
    """Play what was asked for."""
    options = _arguments()
    jobs = list(_jobs(options))
    begun = time.monotonic()
    results: list[Result] = []
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("the processes must not inherit a reactor: they would share its events")
    with get_context("fork").Pool(2, maxtasksperchild=1) as pool:  # a reactor runs once in a process
        for some in pool.imap_unordered(_play, jobs, chunksize=1):
            results += some
            sys.stderr.write(f"{len(results)} ")
            sys.stderr.flush()
    command = " ".join(["python -m tests.attackers", *(word for word in sys.argv[1:] if word != "--write")])
    text = _page(results, f"`{command}`, {datetime.now(UTC):%-d %B %Y}, {time.monotonic() - begun:.0f} s.")
    sys.stdout.write("\n" + text)
    if options.write:
        _write(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.attackers", description="Attack nodes by harvesting.")
    parser.add_argument("--seeds", type=int, default=20, help="how often each attack is played (default: 20)")
    parser.add_argument("--attack", default="", help="only those with this in their name")
    parser.add_argument("--share", type=float, help="only with this share of valid guesses")
    parser.add_argument("--quick", action="store_true", help="none of the large attacks")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/attacks.md")
    return parser.parse_args()


def _jobs(options: argparse.Namespace) -> Iterable[Job]:
    """Give what is to be played, the longest first."""
    for number, attack in sorted(enumerate(CATALOGUE), key=lambda one: -one[1].guesses):
        large = attack.guesses >= LARGE
        if options.attack not in attack.name or (options.quick and large):
            continue
        seeds = range(min(2, options.seeds) if large else options.seeds)
        for share in attack.shares if options.share is None else (options.share,):
            for first in range(0, len(seeds), SEEDS_AT_ONCE):
                yield Job(number, share, tuple(seeds[first : first + SEEDS_AT_ONCE]))


def _play(job: Job) -> list[Result]:
    """Play one job, in a process of its own."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    done: list[Result] = []
    failed: list[str] = []
    running: Any = reactor

    async def everything() -> None:
        for seed in job.seeds:
            done.append(await besiege(running, CATALOGUE[job.attack], job.share, seed))

    def begin() -> None:
        playing = Deferred.fromCoroutine(everything())
        playing.addErrback(lambda failure: failed.append(failure.getTraceback()))
        playing.addCallback(lambda _: running.stop())

    running.callWhenRunning(begin)
    running.run(installSignalHandlers=False)
    if failed:
        raise RuntimeError(failed[0])
    return done


# the page


def _page(results: Sequence[Result], how: str) -> str:
    """Render everything."""
    return f"{how}\n\n{_learned(results)}\n{_delayed(results)}"


def _learned(results: Sequence[Result]) -> str:
    """Render what was learned: median and worst of the seeds."""
    shares = [share for share in _COLUMNS if any(one.share == share for one in results)]
    lines = ["| attack | " + " | ".join(f"{share:.0%}" for share in shares) + " | truths | cut after | seeds |"]
    lines.append("|---" * (len(shares) + 4) + "|")
    for _, of_attack in _by(results, lambda one: one.attack):
        cells = [_cell([one for one in of_attack if one.share == share]) for share in shares]
        cuts = sorted(one.cut for one in of_attack if one.cut is not None)
        truths = [one.truths for one in of_attack]
        seeds = len({one.seed for one in of_attack})
        cut = f"{_time(statistics.median(cuts))}, {_time(cuts[-1])}" if len(cuts) == len(of_attack) else "not always"
        row = [of_attack[0].attack.name, *cells, f"{statistics.median(truths):g}, {max(truths)}", cut, str(seeds)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _cell(results: Sequence[Result]) -> str:
    """Give median and worst of what was learned, in bold where the worst is more than wanted."""
    if not results:
        return "-"
    learned = [one.learned for one in results]
    cell = f"{statistics.median(learned):g}, {max(learned)} of {results[0].hits}"
    wanted = results[0].wanted
    return f"**{cell}**" if wanted is not None and max(learned) > wanted else cell


def _delayed(results: Sequence[Result]) -> str:
    """Render what lawful strangers waited."""
    kinds = list(Kind)
    lines = ["| beside | " + " | ".join(kind.value for kind in kinds) + " | lost |"]
    lines.append("|---" * (len(kinds) + 2) + "|")
    for _, of_attack in _by(results, lambda one: one.attack):
        cells = [_waits([delay for one in of_attack for delay in one.delays[kind]]) for kind in kinds]
        lost = sum(one.lost for one in of_attack)
        lines.append("| " + " | ".join([of_attack[0].attack.name, *cells, str(lost)]) + " |")
    return "\n".join(lines) + "\n"


def _waits(delays: Sequence[float]) -> str:
    """Give how many of the messages had to come again, and how long those waited."""
    late = sorted(delay / 60 for delay in delays if delay > 60)
    if not late:
        return f"0 of {len(delays)}"
    return f"{len(late)} of {len(delays)}: {statistics.median(late):.0f}, {late[-1]:.0f}"


def _time(seconds: float) -> str:
    if seconds < 300:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _by(results: Sequence[Result], key: Callable[[Result], Attack]) -> Iterable[tuple[Attack, list[Result]]]:
    """Group in the catalogue's order."""
    for attack in CATALOGUE:
        some = [one for one in results if key(one).name == attack.name]
        if some:
            yield attack, some


def _write(text: str) -> None:
    """Put the tables between their markers."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + text + END + after)


if __name__ == "__main__":
    main()
