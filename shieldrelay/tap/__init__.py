"""twistd's face: ``twistd --nodaemon --pidfile= shieldrelay --config FILE``, and ``--check``.

What Twisted's plugin system looks for is `Options` and `makeService`. A faulty configuration is told in full on
standard error and ends the process with status 78 before anything is bound or written.
"""

from shieldrelay.tap.options import Options
from shieldrelay.tap.service import makeService

__all__ = ["Options", "makeService"]
