"""``python -m shieldrelay.setup JSON``: called by ``shieldrelayctl setup`` with what was typed, as one JSON object.

Exit status: 0 done, 1 nothing was written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shieldrelay.check.names import Names
from shieldrelay.config.hosts import ServerIp
from shieldrelay.config.kinds import Unfit
from shieldrelay.setup.asking import GivenUp, Terminal
from shieldrelay.setup.session import REFUSED, set_up


def main(typed: str) -> int:
    """Set up; give the exit status."""
    given = json.loads(typed)
    alone = given["no_questions"] or not sys.stdin.isatty()
    terminal = Terminal(None if alone else sys.stdin, sys.stdout, anyway=given["anyway"])
    try:
        resolvers = [ServerIp(53).parse(each) for each in (given["resolver"] or "").split()]
        options = ("hostname", "domain", "next_hop", "recipients", "exists", "certificate", "node", "address")
        named = {option: given[option] for option in options}
        return set_up(terminal, named, Path(given["config"]), Names(resolvers), force=given["force"])
    except (GivenUp, Unfit) as fault:
        sys.stderr.write(f"shieldrelayctl: {fault}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nshieldrelayctl: nothing was written\n")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
