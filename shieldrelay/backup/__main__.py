"""``python -m shieldrelay.backup JSON``: called by ``shieldrelayctl backup`` and ``restore`` with what was typed.

Exit status: 0 done, 1 refused.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from shieldrelay.backup.manifest import Unfit
from shieldrelay.backup.packing import pack
from shieldrelay.backup.restoring import Proven, prove, put_back, runs
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read

DONE, REFUSED = 0, 1
_NAMED = 10


class Refused(Exception):
    """It is not done; ``args[0]`` says why."""


def main(typed: str) -> int:
    """Do what was asked for; give the exit status."""
    given = json.loads(typed)
    archive = Path(given["file"])
    try:
        if given["action"] == "backup":
            _backup(archive, given["config"])
        else:
            _restore(archive, force=given["force"], only_look=given["check"])
    except (Refused, Unfit) as fault:
        return _complain(f"{archive}: {fault}" if isinstance(fault, Unfit) else str(fault))
    except ConfigurationFaults as faults:
        return _complain("\n".join(str(fault) for fault in faults.faults))
    except OSError as error:
        return _complain(f"{error.filename or archive}: {(error.strerror or str(error)).lower()}")
    return DONE


def _complain(words: str) -> int:
    sys.stderr.write(f"shieldrelayctl: {words}\n")
    return REFUSED


def _tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def _backup(archive: Path, config: str) -> None:
    packed = pack(read(config), archive, time.time())
    octets = sum(kept.size for kept in packed.values())
    _tell(f"{archive}: {len(packed)} files, {octets} octets, in {archive.stat().st_size}")
    _tell("It has private keys and secrets: keep it where nobody else can read it.")


def _restore(archive: Path, *, force: bool, only_look: bool) -> None:
    proven = prove(archive)
    head = proven.head
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(head.made))
    _tell(f"{archive}: of {head.hostname}, version {head.version}, made {made} UTC, {len(proven.files)} files, whole")
    different = proven.different
    if only_look:
        _tell_different(different)
        return
    if runs(head.control):
        raise Refused(f"a node runs here ({head.control}): stop it first")
    if different and not force:
        _tell_different(different)
        raise Refused("nothing was put back; --force replaces these files")
    put_back(proven)
    _tell_done(proven)


def _tell_different(different: list[str]) -> None:
    for name in different[:_NAMED]:
        _tell(f"  says something else here: {name}")
    if len(different) > _NAMED:
        _tell(f"  and {len(different) - _NAMED} more")


def _tell_done(proven: Proven) -> None:
    _tell(f"put back: {proven.head.main}, {proven.head.state}")
    for name in proven.besides:
        _tell(f"  not in the backup, and left alone: {name}")
    _tell("Now try it with `twistd --pidfile= shieldrelay --check`, and start the node.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
