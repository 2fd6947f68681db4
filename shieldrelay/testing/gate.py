"""`OpenGate`: a `shieldrelay.ports.Gate` that lets everything in until a test says otherwise, and remembers.

What it answers is set by attributes; what it was told is kept in lists. It holds its callers to the port's
obligations: a connection that leaves twice, or that asks something after it has left, is a `Misused`.
"""

from __future__ import annotations

from attrs import define, field

from shieldrelay.mail.address import Mailbox
from shieldrelay.mail.client import Client
from shieldrelay.mail.verdict import GO_ON, Refusal, Verdict
from shieldrelay.mail.violation import ViolationKind
from shieldrelay.ports import RecipientAsked, SenderAsked, Visit


class Misused(AssertionError):
    """The gate was asked what its port forbids; ``args[0]`` says what."""


@define(eq=False)
class OpenVisit:
    """One connection at an `OpenGate`.

    :ivar left: whether it has ended.
    """

    client: Client
    reference: str
    greeting_delay: float = 0.0
    known_good: bool = False
    left: bool = False


@define(eq=False)
class OpenGate:
    """Lets everything in.

    :ivar shut: what `admit` refuses with; ``None`` admits.
    :ivar greeting_delay: seconds, of visits that begin from now on; so with ``known_good``.
    :ivar early: the judgement of early talk; ``tls`` that of STARTTLS, ``broken`` that of a violation,
        ``misnamed`` that of a name in EHLO.
    :ivar mail_verdict: of every MAIL.
    :ivar recipient_verdicts: by the text of the mailbox; others are let in. ``decisions`` are those of `decide`.
    :ivar visits: every connection that was admitted, in order.
    :ivar admissions: for every connection that asked: its client, and how many sessions there were.
    :ivar mails: the declared size of every MAIL; ``recipients`` every RCPT, ``decided`` those asked for again.
    :ivar abandonments: the number of recipients each time; ``completions`` that of messages that came to
        their end.
    :ivar violations: kind and evidence.
    :ivar greetings: the visits that waited for the greeting; ``early_talkers`` those that did not.
    :ivar handshakes: the visits that asked for TLS.
    :ivar departures: for every visit that left: its reference and its octets.
    :ivar names: of every EHLO and HELO; ``headers`` the first block of every content; ``faults`` those of contents.
    """

    shut: Refusal | None = None
    greeting_delay: float = 0.0
    known_good: bool = False
    early: Refusal | None = None
    tls: Refusal | None = None
    broken: Refusal | None = None
    misnamed: Refusal | None = None
    mail_verdict: Verdict = GO_ON
    recipient_verdicts: dict[str, Verdict] = field(factory=dict)
    decisions: dict[str, Verdict] = field(factory=dict)
    visits: list[OpenVisit] = field(factory=list)
    admissions: list[tuple[Client, int]] = field(factory=list)
    mails: list[int | None] = field(factory=list)
    recipients: list[RecipientAsked] = field(factory=list)
    decided: list[RecipientAsked] = field(factory=list)
    abandonments: list[int] = field(factory=list)
    completions: list[int] = field(factory=list)
    violations: list[tuple[ViolationKind, bytes]] = field(factory=list)
    greetings: list[Visit] = field(factory=list)
    early_talkers: list[Visit] = field(factory=list)
    handshakes: list[Visit] = field(factory=list)
    departures: list[tuple[str, int]] = field(factory=list)
    names: list[bytes] = field(factory=list)
    headers: list[bytes] = field(factory=list)
    faults: list[str] = field(factory=list)

    def admit(self, client: Client, sessions: int, now: float) -> OpenVisit | Refusal:
        """Admit, unless `shut`."""
        self.admissions.append((client, sessions))
        if self.shut is not None:
            return self.shut
        visit = OpenVisit(client, f"id{len(self.visits) + 1}", self.greeting_delay, self.known_good)
        self.visits.append(visit)
        return visit

    def talked_early(self, visit: Visit, now: float) -> Refusal | None:
        """Answer `early`."""
        self.early_talkers.append(self._here(visit))
        return self.early

    def greeted(self, visit: Visit, now: float) -> None:
        """Remember it."""
        self.greetings.append(self._here(visit))

    def handshake(self, visit: Visit, now: float) -> Refusal | None:
        """Answer `tls`."""
        self.handshakes.append(self._here(visit))
        return self.tls

    def hello(self, visit: Visit, name: bytes, now: float) -> Refusal | None:
        """Answer `misnamed`."""
        self._here(visit)
        self.names.append(name)
        return self.misnamed

    def header(self, visit: Visit, octets: bytes, now: float) -> None:
        """Remember it."""
        self._here(visit)
        self.headers.append(octets)

    def spoiled(self, visit: Visit, fault: str, now: float) -> None:
        """Remember it."""
        self._here(visit)
        self.faults.append(fault)

    def content_refused(self, visit: Visit, now: float) -> None:
        """Remember it, also of a visit that has left."""
        self.faults.append("content refused")

    def mail(self, visit: Visit, asked: SenderAsked, now: float) -> Verdict:
        """Answer `mail_verdict`."""
        self._here(visit)
        self.mails.append(asked.declared_size)
        return self.mail_verdict

    def recipient(self, visit: Visit, asked: RecipientAsked, now: float) -> Verdict:
        """Answer what `recipient_verdicts` has for the mailbox."""
        self._here(visit)
        self.recipients.append(asked)
        return self.recipient_verdicts.get(str(asked.mailbox), GO_ON)

    def decide(self, visit: Visit, asked: RecipientAsked, now: float) -> Verdict:
        """Answer what `decisions` has for the mailbox."""
        self._here(visit)
        self.decided.append(asked)
        return self.decisions.get(str(asked.mailbox), GO_ON)

    def abandoned(self, visit: Visit, recipients: int, now: float) -> None:
        """Remember it."""
        self._here(visit)
        self.abandonments.append(recipients)

    def completed(self, visit: Visit, recipients: int, now: float) -> None:
        """Remember it."""
        self._here(visit)
        self.completions.append(recipients)

    def violation(self, visit: Visit, kind: ViolationKind, evidence: bytes, now: float) -> Refusal | None:
        """Answer `broken`."""
        self._here(visit)
        self.violations.append((kind, evidence))
        return self.broken

    def left(self, visit: Visit, octets: int, now: float) -> None:
        """Remember it.

        :raises Misused: it has left before.
        """
        here = self._here(visit)
        here.left = True
        self.departures.append((here.reference, octets))

    @property
    def present(self) -> list[OpenVisit]:
        """The visits that have not left."""
        return [visit for visit in self.visits if not visit.left]

    def refused_recipient(self, mailbox: Mailbox | str, refusal: Refusal) -> None:
        """Refuse a recipient from now on."""
        self.recipient_verdicts[str(mailbox)] = Verdict(refusal)

    def _here(self, visit: Visit) -> OpenVisit:
        if not isinstance(visit, OpenVisit):
            raise Misused("a visit of another gate")
        if visit.left:
            raise Misused(f"{visit.reference} has left")
        return visit
