"""The house rules as tables: which room may know which, which library has which door. `docs/architecture.md` in data.

A change here is a change of the architecture and belongs into a commit of its own, with its reason.
"""

from __future__ import annotations

VOCABULARY = ("mail",)
PROTOCOL = ("smtp", "config")
JUDGEMENT = ("shield", "recipients", "cluster", "content", "spool", "delivery")
EDGE = ("wire", "admin", "dashboard", "importer", "peers", "redis", "trace", "alarms", "metrics", "scanners", "manhole")
TOP = ("assembly", "tap", "workers", "check", "setup", "backup", "demo")
SHARED = ("ports", "journal", "targets")

MAY_KNOW: dict[str, tuple[str, ...]] = {
    "mail": (),
    "ports": VOCABULARY,
    "targets": (),
    "journal": (*VOCABULARY, "ports"),
    "smtp": VOCABULARY,
    "config": VOCABULARY,
    **dict.fromkeys(JUDGEMENT, VOCABULARY + PROTOCOL + SHARED),
    **dict.fromkeys(EDGE, VOCABULARY + PROTOCOL + SHARED + JUDGEMENT),
    "testing": VOCABULARY + PROTOCOL + SHARED + JUDGEMENT + EDGE,
    "assembly": VOCABULARY + PROTOCOL + SHARED + JUDGEMENT + EDGE,
    "workers": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE, "assembly"),
    "tap": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE, "assembly", "workers"),
    # looks from outside at what a configuration means; no running node knows it
    "check": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE, "assembly", "tap"),
    # programs of their own for who installs a node: one looks as `check` does and tries what a start would read
    "setup": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE, "tap", "check"),
    "backup": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE),
    "demo": (*VOCABULARY, *PROTOCOL, *SHARED, *JUDGEMENT, *EDGE, "assembly", "tap", "testing"),
}
"""Room (or file at the top of the package): the rooms whose names it may import, besides its own."""

LENT: dict[str, tuple[str, ...]] = {
    # What is stored and how it is going are values; the spool that keeps them is met through a port.
    "shieldrelay.delivery": (
        "shieldrelay.spool.entry",
        "shieldrelay.spool.progress",
        "shieldrelay.spool.content",
        "shieldrelay.spool.faults",
        "shieldrelay.spool.name",
        # what a check of the content is shown and what it comes to
        "shieldrelay.content.inspected",
        "shieldrelay.content.judgement",
        "shieldrelay.content.steps",
    ),
    # The defences count in tables that members share; tables are arithmetic, the sharing is met through a port.
    "shieldrelay.shield": ("shieldrelay.cluster.kinds", "shieldrelay.cluster.table"),
}
"""Room or module: modules of rooms beside or above it whose *values* it may use all the same. They must be pure."""

PROTOCOL_MAY_TAKE_FROM_PORTS = str.isupper
"""Floor 1 may use the declared constants of `ports` (a block's size), never its protocols."""

PURE = (
    "shieldrelay.mail",
    "shieldrelay.smtp",
    "shieldrelay.targets",
    "shieldrelay.shield",
    "shieldrelay.delivery.settlement",
    "shieldrelay.delivery.schedule",
    "shieldrelay.delivery.expiry",
    "shieldrelay.delivery.breaker",
    "shieldrelay.delivery.ramp",
    "shieldrelay.delivery.pace",
    "shieldrelay.delivery.guard",
    "shieldrelay.delivery.refusals",
    "shieldrelay.delivery.route",
    "shieldrelay.delivery.notice_budget",
    "shieldrelay.delivery.turns",
    "shieldrelay.delivery.testimony",
    "shieldrelay.cluster.kinds",
    "shieldrelay.cluster.table",
    "shieldrelay.cluster.shelf",
    "shieldrelay.cluster.decay",
    "shieldrelay.cluster.change",
    "shieldrelay.cluster.entry",
    "shieldrelay.recipients.standing",
    *LENT["shieldrelay.delivery"],
)
"""Rooms and files without clock, randomness, socket, file or asynchrony."""

IMPURE_LIBRARIES = (
    "twisted", "zope", "OpenSSL", "asyncio", "concurrent", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
)  # fmt: skip
"""What a pure file may not import."""

PURE_MAY_ALSO: dict[str, tuple[str, ...]] = {
    # reading a held file back is what file content is; the pass is opened by whoever may wait
    "shieldrelay.spool.content": ("twisted.internet.defer",),
    # the system's words for an errno
    "shieldrelay.spool.faults": ("os",),
}
"""Exemptions from the list above."""

IMPURE_CALLS = (
    "now", "utcnow", "today", "localtime", "urandom", "getrandbits", "uuid1", "uuid4", "make_msgid", "formatdate",
)  # fmt: skip
"""What a pure file may not call, whatever it is a method of: hidden clocks and hidden randomness."""

JUDGEMENT_FORBIDS = (
    "socket", "ssl", "select", "asyncio", "subprocess", "twisted.internet.reactor", "twisted.names", "twisted.web",
)  # fmt: skip
"""What no file of floor 2 imports: sockets and the event loop belong to the edge."""

DOORS: dict[str, tuple[str, ...]] = {
    "OpenSSL": ("shieldrelay.wire.tls",),
    "service_identity": ("shieldrelay.wire.tls",),
    "cryptography": (
        "shieldrelay.wire.tls", "shieldrelay.wire.certificates", "shieldrelay.testing", "shieldrelay.manhole.hostkey",
    ),
    "spf": ("shieldrelay.wire.spf",),
    # one within a thread of the node, one in a command that may block
    "dns": ("shieldrelay.wire.spf", "shieldrelay.check.names"),
    "twisted.conch": ("shieldrelay.manhole",),
    "shtab": ("shieldrelay.admin.ctl_completion",),
    # one asks, the others answer
    "twisted.names": ("shieldrelay.wire.resolver", "shieldrelay.wire.zone", "shieldrelay.demo.cluster_names"),
    # one serves operators, one is a process of its own and asks, one is between nodes
    "twisted.web": (
        "shieldrelay.admin", "shieldrelay.importer", "shieldrelay.peers", "shieldrelay.alarms", "shieldrelay.scanners",
    ),
    "treq": ("shieldrelay.peers", "shieldrelay.alarms", "shieldrelay.scanners"),
    "twisted.mail": (),
    "tomllib": ("shieldrelay.config",),
    # each locks its own directory; the last waits for locks of the others
    "fcntl": ("shieldrelay.spool", "shieldrelay.recipients", "shieldrelay.trace", "shieldrelay.backup"),
    "txredisapi": ("shieldrelay.redis",),
    "lmdb": ("shieldrelay.recipients",),
    "sqlite3": ("shieldrelay.trace",),
}
"""Library: the modules (or modules whose names begin so) that import it. One door per library."""

PORTS_WORDS = ("twisted.names.error",)
"""Below a door, and open to all: the errors in which the ports state how they fail."""

REACTOR_SEEN_BY = ("shieldrelay.tap", "shieldrelay.demo", "shieldrelay.importer.__main__")
"""Who may import the global reactor, and then inside a function only. It is passed in everywhere else."""

MUTABLE_AT_MODULE_LEVEL: dict[str, str] = {}
"""``module.name``: why this mutable module-level value is tolerated."""

LINES_MOST = 400
LONG_FILES: dict[str, str] = {}
"""``path``: why this file may be longer than `LINES_MOST` lines."""

UNDOCUMENTED: dict[str, str] = {}
"""``module.name``: why this public thing needs no docstring."""

FOR_TESTS: dict[str, str] = {
    # what a test looks at, and nothing else needs yet
    "all_taken": "settlements are judged by it",
    "clear_names": "a table's costs are held with it",
    "idle_connections": "the pool is looked at",
    "is_transient": "one of three that must exclude each other",
    "load_ledger": "what the disk has is compared with what was promised",
    # called by a library
    "get_explanation": "pyspf asks for it",
    # R19's last third, declared and not bound
    "domain_acquaintance": "sender domains are not remembered yet",
    "domain_delivered": "sender domains are not remembered yet",
    "domain_asked": "sender domains are not remembered yet",
}
"""Public function: why nothing in the product names it."""


def room_of(module: str) -> str:
    """Give the room (or top file) that a module of the package belongs to; ``""`` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def begins(module: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a module is one of these or stands below one, or its file's name goes on from one (``tls_server``)."""
    return any(module == each or module.startswith((f"{each}.", f"{each}_")) for each in prefixes)
