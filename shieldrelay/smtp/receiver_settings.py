"""What the SMTP receiver says of itself and offers: greeting and EHLO reply, made once for all sessions.

Values only; `assembly` builds one from the configuration (and one more for a network with limits of its own).
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import matches_re

from shieldrelay.mail.reply import Reply
from shieldrelay.smtp.grammar import Offers
from shieldrelay.smtp.limits import ContentRules, Limits


@frozen
class ReceiverSettings:
    """One for many sessions.

    :ivar hostname: our name, printable ASCII.
    :ivar banner: what follows the name in the greeting, printable ASCII or nothing.
    :ivar rules: the rules of content; its ``message_size`` is announced with SIZE (RFC 1870).
    :ivar recipient_domains: RCPTDOMAINMAX of LIMITS (RFC 9422): announced here, held by the owner (R3); ``None`` for
        no limit.
    :ivar offer_dsn: whether DSN (RFC 3461) is offered; its parameters are refused when it is not. So with SMTPUTF8
        (RFC 6531) and CHUNKING (RFC 3030).
    """

    hostname: bytes = field(validator=matches_re(rb"[\x21-\x7e]{1,255}"))
    banner: bytes = field(default=b"ESMTP", validator=matches_re(rb"[\x20-\x7e]{0,200}"))
    limits: Limits = field(factory=Limits)
    rules: ContentRules = field(factory=ContentRules)
    recipient_domains: int | None = 1
    offer_dsn: bool = False
    offer_smtputf8: bool = True
    offer_chunking: bool = True
    offers: Offers = field(init=False, eq=False, repr=False)
    greeting: Reply = field(init=False, eq=False, repr=False)
    hello: Reply = field(init=False, eq=False, repr=False)
    extensions: Reply = field(init=False, eq=False, repr=False)
    extensions_and_tls: Reply = field(init=False, eq=False, repr=False)

    @offers.default
    def _parameters(self) -> Offers:
        return Offers.of(smtputf8=self.offer_smtputf8, dsn=self.offer_dsn)

    @greeting.default
    def _greeting(self) -> Reply:
        return Reply(220, None, (f"{self.hostname.decode('ascii')} {self.banner.decode('ascii')}".rstrip(),))

    @hello.default
    def _hello(self) -> Reply:
        return Reply(250, None, (self.hostname.decode("ascii"),))

    @extensions.default
    def _extensions(self) -> Reply:
        return Reply(250, None, self._keywords())

    @extensions_and_tls.default
    def _extensions_and_tls(self) -> Reply:
        name, *offers = self._keywords()
        return Reply(250, None, (name, "STARTTLS", *offers))

    def _keywords(self) -> tuple[str, ...]:
        """Give the lines of the reply to EHLO, TLS apart."""
        limits = f"LIMITS MAILMAX={self.limits.messages} RCPTMAX={self.limits.recipients}"
        if self.recipient_domains is not None:
            limits += f" RCPTDOMAINMAX={self.recipient_domains}"
        offers = [self.hostname.decode("ascii"), "PIPELINING", f"SIZE {self.rules.message_size}"]
        offers += ["8BITMIME", "ENHANCEDSTATUSCODES"]
        offers += ["CHUNKING"] * self.offer_chunking + ["SMTPUTF8"] * self.offer_smtputf8 + ["DSN"] * self.offer_dsn
        return (*offers, limits)
