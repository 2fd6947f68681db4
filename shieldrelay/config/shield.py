"""Settings of ``[shield]``: the operator's lists, and a section for each defence. Declarations only."""

from __future__ import annotations

from shieldrelay.config.analysis import Analysis
from shieldrelay.config.connections import Connections
from shieldrelay.config.harvest import Harvest
from shieldrelay.config.hosts import IpNetwork, Network
from shieldrelay.config.kinds import ListOf
from shieldrelay.config.lawful import Lawful
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration
from shieldrelay.config.reputation import Reputation
from shieldrelay.config.setting import section, setting, subsection


@section
class Greeting:
    """The wait before the greeting: who talks meanwhile is no mail server (R22)."""

    mode: Mode = mode(
        "enforce: refuse who talks early. observe: wait, and journal it only. off: greet everybody at once."
    )
    stranger: float = setting(
        Duration("0s", "60s"), default="3s", help="How long a source waits that has neither good history nor a pass."
    )
    suspect: float = setting(
        Duration("0s", "60s"), default="6s", help="How long a source waits that talked early in the last hours."
    )
    loopback: float = setting(
        Duration("0s", "60s"), default="0s", help="How long clients on this machine wait (R22)."
    )
    kept: float = setting(
        Duration("0s", "30d"), default="1d", help="How long a source that has waited once is greeted at once."
    )


@section
class Shield:
    """The operator's own lists, before every defence.

    Further entries come and go at run time with `shieldrelayctl allow`, `deny` and `revoke`.
    """

    allow: tuple[IpNetwork, ...] = setting(
        ListOf(Network()),
        default=[],
        example=["192.0.2.0/24", "2001:db8::/48"],
        help=(
            "Networks that no score, limit, list or ban holds up (R18). Recipients must exist and mail must be lawful "
            "all the same."
        ),
    )
    deny: tuple[IpNetwork, ...] = setting(
        ListOf(Network()),
        default=[],
        example=["198.51.100.0/24"],
        help="Networks that are refused for good at connect; of an address in both lists, allow holds (R17).",
    )
    greeting: Greeting = subsection(Greeting, factory=Greeting, help="")
    connections: Connections = subsection(Connections, factory=Connections, help="")
    analysis: Analysis = subsection(Analysis, factory=Analysis, help="")
    harvest: Harvest = subsection(Harvest, factory=Harvest, help="")
    lawful: Lawful = subsection(Lawful, factory=Lawful, help="")
    reputation: Reputation = subsection(Reputation, factory=Reputation, help="")
