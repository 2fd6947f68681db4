"""``python -m bench``: measure this relay and Postfix in turns and write the result. ``--help`` lists the options."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import asdict, define, field

from bench import report
from bench.contestants import contestant
from bench.disk import Disk, can_mount
from bench.load import BenchFault
from bench.paired import PAIRS, Pair
from bench.peer import Peer
from bench.relay import DEFAULT_COMMAND
from bench.row import QUICK, Figures, Row, Scale
from bench.rows import ROWS

_ROOT = Path(__file__).resolve().parents[1]
_VAR = _ROOT / "var" / "bench"
_MOST_SECONDS = 45 * 60


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this relay against Postfix, and against itself with and without its defences.",
        epilog=(
            "Rows of on beside off have both alive at once and load them in turns; --pairs says how often. To compare "
            "two setups or two commits so, see python -m bench.paired --help."
        ),
    )
    parser.add_argument("--only", action="append", choices=list(ROWS), help="only this row; may be repeated")
    parser.add_argument("--peer", action="append", choices=["shieldrelay", "Postfix"], help="only this relay")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the medians are shown (default: 3)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs of a row of on beside off (default: {PAIRS})")
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages and one round, for a look")
    parser.add_argument("--queued", action="store_true", help='ours with first_attempt = "queued"')
    parser.add_argument("--relay", default=DEFAULT_COMMAND, metavar="COMMAND", help="how ours is started: {config}")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), help="where queues and spools are laid out")
    parser.add_argument("--directory", action="store_true", help="use a plain directory, no file system of its own")
    parser.add_argument("--results", type=Path, help="the page to write (default: bench/RESULTS.md for a whole run)")
    parser.add_argument("--keep", action="store_true", help="leave queues, spools and logs in place")
    return parser.parse_args()


@define
class Bench:
    """One run: what to measure, what was measured, and what went wrong."""

    options: argparse.Namespace
    disk: Disk
    samples: report.Samples = field(factory=dict)
    faults: list[str] = field(factory=list)
    configurations: dict[str, str] = field(factory=dict)
    versions: dict[str, str] = field(factory=dict)
    machine: str = field(factory=report.machine)
    account: str = ""
    begun: float = field(factory=time.monotonic)

    def run(self) -> None:
        """Take all measurements, round by round, the relays in turns within each row."""
        for number, row in self._plan():
            found = ROWS[row]
            if isinstance(found, Pair):
                self._measure_pair(row, found)
                continue
            for name in self._order(row, number):
                if time.monotonic() - self.begun > _MOST_SECONDS:
                    self.faults.append(f"{row}, {name}: left out, the time was over")
                elif not self._gave_up(row, name):
                    self._measure(row, name, number)

    def _plan(self) -> Iterator[tuple[int, str]]:
        """Give round and row in the order of the run; what is run once comes last."""
        wanted = self.options.only or list(ROWS)
        for number in range(self.options.rounds):
            yield from ((number, row) for row in wanted if not ROWS[row].once)
        yield from ((0, row) for row in wanted if ROWS[row].once)

    def _order(self, row: str, number: int) -> list[str]:
        """Give the columns of a row, each first in every other round."""
        without = {"Postfix", "shieldrelay"} - set(self.options.peer or ("Postfix", "shieldrelay"))
        names = [name for name in ROWS[row].columns if name not in without]
        return names[::-1] if number % 2 else names

    def _gave_up(self, row: str, name: str) -> bool:
        """Whether this measurement failed already: it is not tried again."""
        return any(fault.startswith(f"{row}, {name}:") for fault in self.faults)

    def _measure(self, row: str, name: str, number: int) -> None:
        """Run one row with one relay in a directory of its own."""
        with self.disk.directory(re.sub("[^A-Za-z]+", "-", f"{name}-{row}")) as directory:
            self._measure_in(directory, row, name, number)

    def _measure_in(self, directory: Path, row: str, name: str, number: int) -> None:
        try:
            peer = self._peer(name, directory, row)
        except BenchFault as fault:
            self.faults.append(f"{row}, {name}: {fault}")
            print(f"{row:8} {name:12} cannot be measured: {fault}", flush=True)
            return
        found = ROWS[row]
        assert isinstance(found, Row)
        try:
            figures = found.measure(peer, directory, QUICK if self.options.quick else Scale())
            self.samples.setdefault(row, {}).setdefault(name, []).append(figures)
            print(f"{row:8} {name:12} {number + 1}: {_brief(figures)}", flush=True)
        except BenchFault as fault:
            self.faults.append(f"{row}, {name}: {fault}")
            print(f"{row:8} {name:12} {number + 1}: {fault}\n{peer.trouble()}", flush=True)
        finally:
            peer.close()
            if not self.options.keep:
                for left in directory.iterdir():
                    shutil.rmtree(left, ignore_errors=True)

    def _measure_pair(self, row: str, pair: Pair) -> None:
        """Run a row whose columns are measured together."""
        with self.disk.directory(row) as directory:
            places = [directory / str(number) for number in range(len(pair.columns))]
            for place in places:
                place.mkdir()
            peers = [self._peer(name, place, row) for name, place in zip(pair.columns, places, strict=True)]
            try:
                for name, figures in pair.measure(peers, directory, self.options.pairs).items():
                    self.samples.setdefault(row, {}).setdefault(name, []).append(dict(figures))
                    print(f"{row:8} {name:12} {self.options.pairs} pairs: {_brief(figures)}", flush=True)
            except BenchFault as fault:
                self.faults.append(f"{row}: {fault}")
                print(f"{row:8} {fault}\n{''.join(peer.trouble() for peer in peers)}", flush=True)
            finally:
                for peer in peers:
                    peer.close()

    def _peer(self, name: str, directory: Path, row: str) -> Peer:
        first_attempt = "queued" if self.options.queued else "inline"
        peer = contestant(name, row, directory, self.options.relay, first_attempt)
        self.versions.setdefault("Postfix" if name == "Postfix" else "shieldrelay", peer.version())
        self.configurations.setdefault(name, peer.configuration())
        self.account = peer.account.kind
        return peer

    def result(self) -> report.Run:
        """Give what goes into page and file."""
        return report.Run(
            command="python -m bench " + " ".join(sys.argv[1:]),
            machine=f"{self.machine}; {self.disk.words}",
            versions=list(self.versions.values()),
            configurations=self.configurations,
            samples=self.samples,
            faults=self.faults,
            rounds=self.options.rounds,
            account=self.account,
            seconds=time.monotonic() - self.begun,
        )


def _brief(figures: Figures) -> str:
    return ", ".join(f"{name} {statistics.fmean([value]):.4g}" for name, value in figures.items())


def main() -> int:
    """Run the bench; 1 when something could not be measured."""
    options = _arguments()
    if options.quick:
        options.rounds = 1
    whole = not (options.only or options.peer or options.quick)
    results = options.results or (_ROOT / "bench" / "RESULTS.md" if whole else _VAR / "results.md")
    scratch = Path(tempfile.mkdtemp(prefix="shieldrelay-bench-", dir=options.scratch))
    scratch.chmod(0o755)
    bench = Bench(options, Disk(scratch, not options.directory and can_mount(scratch)))
    try:
        bench.run()
    finally:
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    run = bench.result()
    _VAR.mkdir(parents=True, exist_ok=True)
    results.write_text(report.page(run))
    (_VAR / "results.json").write_text(json.dumps(asdict(run), indent=1))
    print("\n" + report.page(run).split("## Configurations")[0])
    print(f"Written to {results} and {_VAR / 'results.json'}")
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())
