"""Settings of ``[shield.lawful]``: what a sender and its client must be like by what DNS says. Declarations only."""

from __future__ import annotations

from shieldrelay.config.hosts import Hostname
from shieldrelay.config.kinds import Choice, Count, Flag, ListOf, Maybe
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import section, setting


def _check(help: str, default: str) -> Mode:
    return setting(Choice(Mode), default=default, help=help)


@section
class Lawful:
    """Senders that exist, and what SPF says of them.

    What DNS does not answer in time speaks against nobody. Refusals are transient; only a null MX is refused for good,
    which is the sender domain's own word that nobody can be written to there (RFC 7505).
    """

    mode: Mode = mode(
        "enforce: refuse. observe: let pass and journal what would have been refused. off: ask DNS nothing, and add no "
        "Authentication-Results."
    )
    unreachable: Mode = _check(
        "What becomes of senders to whose domain no mail can be sent: no such name, no address, a null MX, or nothing "
        "but addresses that are not in the internet. No stricter than mode.",
        "enforce",
    )
    impostor: Mode = _check(
        "What becomes of senders in a protected domain that come from outside and do not pass SPF. Forwarders and "
        "mailing lists may do that lawfully, so look before enforcing. No stricter than mode.",
        "observe",
    )
    bogon_client: Mode = _check(
        "What becomes of clients whose address is not in the internet (private, loopback, reserved): they come from "
        "one's own network, or past a wrong route. No stricter than mode.",
        "off",
    )
    budget: float = setting(
        Duration("500ms", "10s"),
        default="3s",
        help="How long, from MAIL on, the answer to a message may wait for DNS; most never do.",
    )
    searches: int = setting(
        Count(1, 10_000),
        default=100,
        help=(
            "New senders a second that are looked up at most, about a millisecond of processor time each. Who comes "
            "beyond that is not judged, and has the SPF result temperror (R26)."
        ),
    )
    authserv_id: str | None = setting(
        Maybe(Hostname()),
        default=None,
        example="shield.example",
        help=(
            "The name under which results are told in Authentication-Results (RFC 8601), best one for all nodes. "
            "Without it: [node] hostname."
        ),
    )
    authserv_ids: tuple[str, ...] = setting(
        ListOf(Hostname()),
        default=[],
        example=["mx1.shield.example", "mail.example.com"],
        help=(
            "Further names under which nobody outside may tell results: those of other nodes and of the servers "
            "behind. Arriving fields under these or one's own are renamed Untrusted-Auth-Results (R24)."
        ),
    )
    rename: bool = setting(
        Flag(), default=True, help="Whether arriving fields under our names are renamed; it holds in every mode (R24)."
    )
