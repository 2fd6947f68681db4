"""What all judgements of one message cost by themselves: ``python -m bench.micro_gate``.

Prints microseconds of this process's CPU, the best of several rounds, of the real gate with its real defences over
facts that cost nothing: admission, MAIL, RCPT, the end of the message and of the connection. Sources take turns, so
that no limit is reached; the defences off and on.
"""

from __future__ import annotations

from time import process_time

from attrs import evolve

from bench.remembering import Nobody, fresh_defences
from shieldrelay.mail.address import Mailbox, parse_mailbox
from shieldrelay.mail.client import Client, client_of
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import RecipientAsked, SenderAsked
from shieldrelay.shield.admission import Admission, Modes
from shieldrelay.shield.gate import Gate
from shieldrelay.shield.gate_facts import DomainLimits, Place
from shieldrelay.shield.greeting import Greeting, GreetingSettings
from shieldrelay.shield.harvest import keyed_hash
from shieldrelay.shield.mode import Mode

_SOURCES = 2000
_ROUNDS = 7


class _Facts:
    """A list, a disk and a memory that are asked at no cost."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def place(self, mailbox: Mailbox) -> Place:
        """Give what was decided."""
        return self._place

    def enforced(self, domain: str) -> bool:
        """Whether the list refuses."""
        return True

    def full(self) -> None:
        """Say that there is room."""

    def domain_full(self, domain: str) -> None:
        """Say that there is room."""

    def recall(self, mailbox: Mailbox) -> None:
        """Remember nothing."""


def _gate(mode: Mode) -> Gate:
    defences = evolve(fresh_defences(), greeting=Greeting(GreetingSettings(mode=mode)))
    modes = Modes(connections=mode, harvest=mode)
    facts = _Facts(Place.LISTED)
    return Gate(
        {"example.com": DomainLimits("example.com", 1 << 24, lambda: None)},
        facts,
        facts,
        facts,
        Admission(defences, modes, new_reference=lambda: "S", journal=Nobody()),
        defences,
        modes,
        domains_per_transaction=1,
        hashed=keyed_hash(b"0123456789abcdef"),
    )


_MAILBOX = parse_mailbox(b"user1@example.com")
_MAIL = SenderAsked(parse_mailbox(b"s@sender.test"), 4096)
_ASKED = RecipientAsked(_MAILBOX, parse_mailbox(b"s@sender.test"), (), 4096)


def _session(gate: Gate, client: Client, messages: int, now: float) -> None:
    visit = gate.admit(client, 20, now)
    assert not isinstance(visit, Refusal)
    for _ in range(messages):
        assert gate.mail(visit, _MAIL, now).refusal is None
        assert gate.recipient(visit, _ASKED, now).refusal is None
        gate.completed(visit, 1, now)
    gate.left(visit, 4500 * messages, now)


def cost(mode: Mode, messages: int) -> float:
    """Give the microseconds of one session with so many messages."""
    gate = _gate(mode)
    clients = [client_of(f"10.{number // 256}.{number % 256}.1") for number in range(_SOURCES)]
    best = float("inf")
    for turn in range(_ROUNDS):
        begun = process_time()
        for number, client in enumerate(clients):
            _session(gate, client, messages, 1000.0 + 3600.0 * turn + number / 100)
        best = min(best, process_time() - begun)
    return best / _SOURCES * 1e6


def main() -> None:
    """Measure and print."""
    for mode in (Mode.OFF, Mode.ENFORCE):
        one, five = cost(mode, 1), cost(mode, 5)
        further = (five - one) / 4
        print(f"{mode.value:8} connection {one - further:6.1f} us, message {further:6.1f} us")


if __name__ == "__main__":
    main()
