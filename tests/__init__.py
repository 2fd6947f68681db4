"""Tests; the folders mirror the package.

Nobody types to them: what reads its standard input finds the end of it, where a worker of trial would wait for ever.
A module that a test runs as a process of its own keeps the one that it was given: it is steered through it.
"""

import os
import sys

_steered = sys.argv[:1] == ["-m"] and "tests.run" not in sys.orig_argv
if not _steered and not (sys.__stdin__ and sys.__stdin__.isatty()):
    _nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_nothing, 0)
    os.close(_nothing)
