"""``python -m bench.reputation [--quick]``: what becomes of lawful mail and of spam in a fortnight, as tables."""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from bench.reputation.crowd import CROWD, FORTNIGHT, WARM_DAYS, Manner, Source, sources
from bench.reputation.front import DAY, End, Front
from bench.reputation.wanted import WANTED, Account, together
from shieldrelay.shield.reputation_score import Band

RETRIES = (900.0, 1800.0, 3600.0, 7200.0, *[14400.0] * 30)
"""When a lawful server comes again (RFC 5321 §4.5.4.1): after five days it gives up."""
START = WARM_DAYS * DAY
END = (WARM_DAYS + FORTNIGHT) * DAY


class Run:
    """One fortnight."""

    def __init__(self, seed: int, scale: float) -> None:
        self.chance = random.Random(seed)
        self.front = Front()
        self.everybody = list(sources(self.chance, self.front.listings, scale))
        self.accounts: dict[str, Account] = defaultdict(Account)
        self._number = 0
        self._events: list[tuple[float, int, Source, int, float]] = []

    def go(self) -> None:
        """Let everybody come; what is asked to come later does, if it is lawful."""
        for source in self.everybody:
            self._plan(source, source.first + self._pause(source.manner))
        heapify(self._events)
        while self._events:
            now, _, source, attempt, first = heappop(self._events)
            if attempt:
                self._again(source, attempt, first, now)
            else:
                self._come(source, now)
                self._plan(source, now + self._pause(source.manner))
        for source in self.everybody:
            last = min(source.last, END)
            self.accounts[source.manner.name].bands[self.front.band(source.client, last)] += 1

    def _plan(self, source: Source, at: float, attempt: int = 0, first: float = 0.0) -> None:
        if attempt or at < min(source.last, END):
            self._number += 1
            heappush(self._events, (at, self._number, source, attempt, first))

    def _pause(self, manner: Manner) -> float:
        return self.chance.expovariate(manner.sessions / DAY)

    def _come(self, source: Source, now: float) -> None:
        manner, chance = source.manner, self.chance
        messages = max(1, manner.messages)
        refused = sum(chance.random() < manner.refused for _ in range(manner.messages))
        unknown = int(manner.unknown) or sum(chance.random() < manner.unknown for _ in range(messages))
        ends = self.front.session(source.client, manner.messages, refused, unknown, now)
        if not manner.messages:
            ends = [self._of_harvester(source, now)]
        if now < START:
            return
        account = self.accounts[manner.name]
        account.sessions[_worst(ends)] += 1
        account.offered += len(ends)
        for end in ends:
            account.messages[end] += 1
            if end in (End.LATER, End.NOT_LET_IN) and manner.lawful:
                self._plan(source, now + RETRIES[0], 1, now)

    def _of_harvester(self, source: Source, now: float) -> End:
        band = self.front.band(source.client, now)
        if not self.front.acts or band < Band.TEMPFAIL:
            return End.TAKEN
        return End.NOT_LET_IN if band is Band.REJECT else End.LATER

    def _again(self, source: Source, attempt: int, first: float, now: float) -> None:
        (end,) = self.front.session(source.client, 1, 0, 0, now)
        account = self.accounts[source.manner.name]
        if end in (End.TAKEN, End.REFUSED_BEHIND):
            account.delayed.append(now - first)
        elif attempt < len(RETRIES):
            self._plan(source, now + RETRIES[attempt], attempt + 1, first)
        else:
            account.lost += 1


def _worst(ends: list[End]) -> End:
    for each in (End.NOT_LET_IN, End.LATER, End.REFUSED_BEHIND):
        if each in ends:
            return each
    return End.TAKEN


def _percent(part: float, whole: float) -> str:
    return f"{100.0 * part / whole:.2f} %" if whole else "-"


_AT_THE_END = "sources at the end: clean, throttle, tempfail, reject |"


def _print(names: Iterable[Manner], run: Run) -> None:
    print(f"\n| lawful senders | messages | delayed | median delay | never delivered | {_AT_THE_END}")
    print("|---|---|---|---|---|---|")
    for name, account in _rows([each for each in names if each.lawful], run):
        offered, delays = account.offered, account.delayed
        median = f"{statistics.median(delays) / 60:.0f} min" if delays else "-"
        shares = f"{_percent(len(delays), offered)} | {median} | {_percent(account.lost, offered)}"
        print(f"| {name} | {offered} | {shares} | {_bands(account)} |")
    print(f"\n| others | sessions | refused at connect | asked to come later | let in | {_AT_THE_END}")
    print("|---|---|---|---|---|---|")
    for name, account in _rows([each for each in names if not each.lawful], run):
        ends = account.sessions
        total, shut, later = sum(ends.values()), ends[End.NOT_LET_IN], ends[End.LATER]
        shares = f"{_percent(shut, total)} | {_percent(later, total)} | {_percent(total - shut - later, total)}"
        print(f"| {name} | {total} | {shares} | {_bands(account)} |")


def _print_wanted(run: Run) -> bool:
    """Print what is wanted beside what was reached; says whether all of it was."""
    print("\n| whose | figure | wanted | reached | |\n|---|---|---|---|---|")
    met = [each.is_met(run.accounts) for each in WANTED]
    for each, good in zip(WANTED, met, strict=True):
        verdict = "met" if good else "**not met**"
        print(f"| {each.whose} | {each.figure} | {each.words} | {each.reached(run.accounts):.2%} | {verdict} |")
    return all(met)


def _rows(names: list[Manner], run: Run) -> Iterator[tuple[str, Account]]:
    """Give each kind's account, and all of them together."""
    for each in names:
        yield each.name, run.accounts[each.name]
    yield "**all**", together([run.accounts[each.name] for each in names])


def _bands(account: Account) -> str:
    return ", ".join(str(account.bands[band]) for band in Band)


def main() -> int:
    """Run and print; 1 when the fortnight did not end as it is to."""
    parser = argparse.ArgumentParser(prog="python -m bench.reputation", description="Simulate a fortnight of traffic.")
    parser.add_argument("--quick", action="store_true", help="a tenth of everybody")
    parser.add_argument("--seed", type=int, default=1, help="of the chances (default: 1)")
    arguments = parser.parse_args()
    began = time.perf_counter()
    run = Run(arguments.seed, 0.1 if arguments.quick else 1.0)
    run.go()
    sizes = ", ".join(f"{table.kind.name} {table.octets / 1e6:.1f} MB" for table in run.front.reputation.tables)
    print(f"{len(run.everybody)} sources, seed {arguments.seed}, {time.perf_counter() - began:.0f} s; tables: {sizes}")
    _print(CROWD, run)
    return 0 if _print_wanted(run) else 1


if __name__ == "__main__":
    sys.exit(main())
