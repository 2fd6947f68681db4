"""A process that takes parts over: ``python -m tests.spool.adopting ROOT MEMBER``.

For each line of standard input, a lost member's name, it claims that member's part and says ``claimed`` or ``refused``
with the name; at the end of the input it brings over what it has, and says the id of each message. Run by several at
once, by `test_adoption_race`.
"""

from __future__ import annotations

import sys
import time

from twisted.internet.defer import Deferred

from shieldrelay.spool.faults import NotAdoptable, SpoolInUse
from shieldrelay.spool.operations import FileOperations
from tests.spool.heirs import KeepingHeir
from tests.spool.samples import DOMAIN, a_spool, done
from tests.spool.storing import say


def main() -> None:
    """Claim, and bring."""
    root, member = sys.argv[1:]
    spool = a_spool(FileOperations(), root, member=member, now=time.time())
    spool.open()
    done(spool.prepare(DOMAIN))
    say("ready")
    for line in sys.stdin:
        name = line.strip()
        try:
            done(spool.adoption.claim(name))
        except (NotAdoptable, SpoolInUse):
            say(f"refused {name}")
        else:
            say(f"claimed {name}")
    done(Deferred.fromCoroutine(spool.adoption.bring({DOMAIN: KeepingHeir(spool, DOMAIN)}.get)))
    for entry in done(spool.window(DOMAIN, 10_000)).entries:
        say(f"has {entry.id}")


if __name__ == "__main__":
    main()
