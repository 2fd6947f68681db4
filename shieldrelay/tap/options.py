"""The command line."""

from __future__ import annotations

import sys
from typing import ClassVar

from twisted.python import usage

from shieldrelay.tap.examination import try_configuration

DEFAULT_FILE = "/etc/shieldrelay/shieldrelay.toml"


class Options(usage.Options):
    """Options of ``twistd shieldrelay``."""

    synopsis = "[--config FILE] [--check]"
    longdesc = (
        "Relays mail for the protected domains of a configuration file. Runs in the foreground with "
        "`twistd --nodaemon --pidfile= shieldrelay`. Exit status 78: the configuration is faulty."
    )
    optParameters: ClassVar[list[list[str | None]]] = [
        ["config", "c", DEFAULT_FILE, "The configuration file; domains.d/*.toml beside it are read too."]
    ]
    optFlags: ClassVar[list[list[str | None]]] = [
        ["check", None, "Read everything, tell every fault, start nothing, and exit with status 0 or 78."]
    ]

    def postOptions(self) -> None:
        """Do ``--check`` and end."""
        if self["check"]:
            raise SystemExit(try_configuration(self["config"], sys.stdout, sys.stderr))
