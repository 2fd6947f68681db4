"""What our configuration has beyond a node's barest: which defences act, and what is said of the clients.

Everything that a setup leaves out has its default.
"""

from __future__ import annotations

from attrs import evolve, frozen


@frozen
class Setup:
    """Additions to the relay's files.

    :ivar main: for the main file.
    :ivar domain: for the domain's.
    :ivar recipients: lines of its list.
    :ivar node: for the section of the node.
    :ivar hub: where members meet.
    :ivar listen: for the section of the addresses.
    """

    main: str = ""
    domain: str = ""
    recipients: tuple[str, ...] = ("user1@example.com",)
    node: str = ""
    hub: str = "memory:"
    listen: str = ""

    def but(self, *, main: str = "", domain: str = "") -> Setup:
        """Give this setup with further additions."""
        return evolve(self, main=self.main + main, domain=self.domain + domain)


_CLASS = """
# The generator's source class (R23): one client that sends everything.
[networks."127.0.0.0/8"]
messages_per_session = 100000
commands_per_session = 10000000
share = "100%"
connections = { sessions = 100000, connections = "10000000/min", messages = "10000000/min", \
recipients = "10000000/5min", handshakes = "1000000/min", octets = "10TiB/min" }
"""
_NO_DNS = """
# The generator's sender exists nowhere, and there is no name server in the measurement.
[shield.lawful]
mode = "off"
"""
_OFF = """
[shield.harvest]
mode = "off"

[shield.connections]
mode = "off"

[shield.greeting]
mode = "off"

[shield.analysis]
mode = "off"

[shield.reputation]
mode = "off"
"""

GENERATOR = Setup(_CLASS + _NO_DNS)
"""All defences act; the limits of the one generator's address are lifted, as an operator lifts a partner's."""

NO_DEFENCE = Setup(_CLASS + _OFF + _NO_DNS)
"""The same with all defences off: the list of recipients is all that is left."""

STRANGERS_OFF = Setup(_OFF + _NO_DNS)
"""Nothing but defaults, and all defences off."""

DEFAULTS = Setup(_NO_DNS)
"""Nothing but defaults: every client is a stranger."""

UNCUT = GENERATOR.but(domain='harvest = "off"\n')
"""All defences act but for the one against harvesters, at this domain."""

DENIED = GENERATOR.but(main='\n[shield]\ndeny = ["127.0.0.9/32"]\n')
"""An operator has denied one address."""

TRACED = GENERATOR.but(main='\n[trace]\nkeep = "7d"\nfree = "0B"\n')
"""An index of the journal is kept."""

NAMES = ("127.83.83.83", 5353)
"""Where the measurement's own name server answers."""

_RESOLVER = f"""
[resolver]
servers = ["{NAMES[0]}:{NAMES[1]}"]
"""
_ALL_SEARCHED = """
# Every sender is looked up, however fast they come.
[shield.lawful]
searches = 10000
"""

SENDERS = Setup(_RESOLVER)
"""Nothing but defaults, and a name server of the measurement's own."""

SEARCHED = Setup(_RESOLVER + _ALL_SEARCHED)
"""The same, and no limit on how many senders are looked up in a second."""

HUB = ("127.83.83.83", 6379)
"""Where the measurement's own Redis server answers."""
_REDIS = f"redis://{HUB[0]}:{HUB[1]}"

SHARED = evolve(GENERATOR, hub=_REDIS)
"""As for the generator, and what the node knows is shared through Redis."""

STRANGERS_SHARED = evolve(DEFAULTS, hub=_REDIS)
"""Nothing but defaults, and Redis: every stranger's rows are told."""

TWO_WORKERS = evolve(GENERATOR, hub=_REDIS, node="workers = 2\n")
"""As for the generator, with two processes, which share through Redis what they know."""

ADMINISTRATION = ("127.83.83.83", 8025)
"""Where the measurement's own administration answers."""

WATCHED = evolve(GENERATOR, listen=f'admin = ["{ADMINISTRATION[0]}:{ADMINISTRATION[1]}"]\n')
"""As for the generator, with the dashboard to be had."""
