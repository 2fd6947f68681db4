"""The child: ``python -m shieldrelay.importer``. A request on standard input, answers on standard output.

The input stays open as long as there is a parent: when it ends, so does the child, whatever it waits for. Ends with 0
for a list or none needed, else with the fault's exit status. A bug's traceback goes to standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from shieldrelay.importer import answer
from shieldrelay.importer.answer import Answer, Failed
from shieldrelay.importer.child import confine, end_with, perform
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.request import REQUEST_OCTETS, decode


def _make_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def _tell(told: Answer) -> None:
    sys.stdout.buffer.write(answer.encode(told))
    sys.stdout.buffer.flush()


def main() -> int:
    """Do one import; give the exit status."""
    try:
        request, path = decode(sys.stdin.buffer.readline(REQUEST_OCTETS))
        end_with(sys.stdin.fileno())
        confine(request.source.limits)
        _tell(perform(request, Path(path), _make_reactor, _tell))
    except ImportFault as fault:
        _tell(Failed(kind=fault.kind, words=fault.words))
        return fault.kind.exit_status
    except MemoryError:
        _tell(Failed(kind=FaultKind.TOO_LARGE, words="it needed more memory than it may have"))
        return FaultKind.TOO_LARGE.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
