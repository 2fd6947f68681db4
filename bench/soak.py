"""``python -m bench.soak``: the long versions of the fault tests; what it found belongs into `docs/soak.md`.

It calls the same storms that the tests run for a minute, with their long parameters, and prints the lines to be put
into the page.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import time

from bench.report import machine

_STORMS = (
    ("kill -9 storm", ["-m", "tests.integration.kill_storm", "--long"]),
    ("storm over a cluster", ["-m", "tests.cluster_nodes.storm", "--long"]),
)


def main() -> int:
    """Run every storm to its end; 1 when one failed."""
    worst = 0
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine()}", flush=True)
    for name, words in _STORMS:
        begun = time.monotonic()
        code = subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL).returncode
        worst = max(worst, int(code != 0))
        print(f"{name}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - begun:.0f} s", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
