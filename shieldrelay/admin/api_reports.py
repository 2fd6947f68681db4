"""The control API's part for those who read the mail: this message, or this client, sent spam or ham.

A protected domain reports with its own token, so that a program of the customer's may be let through to this one route
by whoever guards the socket. Routes over the port `Reports`, which the assembly provides.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import Parameter
from shieldrelay.admin.picture_done import ReportDone
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Refused, Route
from shieldrelay.mail.address import AddressFault, domain_key
from shieldrelay.mail.client import Client, client_of
from shieldrelay.shield.reputation_reports import Opinion, Reception

TOKEN_CHARACTERS = 200
_MESSAGE_ID = re.compile(r"[0-9A-Za-z]{1,40}\Z")
_REFUSED = {
    Reception.DENIED: (403, "denied", "The token is not this domain's, or the domain has none."),
    Reception.UNKNOWN: (
        404,
        "unknown_message",
        "This node remembers no such message to the domain; report the client's address instead.",
    ),
}


class Reports(Protocol):
    """Who takes reports."""

    async def report(self, domain: str, token: bytes, subject: str | Client, opinion: Opinion) -> Reception:
        """Take a report about a message, by our id, or about a client.

        :param domain: in its comparison form; one that is not protected has no token.
        """


def report_routes(reports: Reports) -> tuple[Route, ...]:
    """Give the routes."""
    return (
        Route(
            "POST", "/api/v1/domains/{domain}/reports", _Api(reports).report, needs=Role.OPERATE, reach=Reach.PATH,
            words="Report a message, or a client, as spam or ham", body=_REPORT, answer=ReportDone,
        ),
    )  # fmt: skip


_REPORT = (
    Parameter(name="token", words="the domain's own for reports", required=True),
    Parameter(name="opinion", among=tuple(each.value for each in Opinion), required=True),
    Parameter(name="message", words="its id; one of message and address is wanted", most=40),
    Parameter(name="address", words="the client's", most=45),
)


@frozen
class _Api:
    """The function of the route."""

    reports: Reports

    async def report(self, call: Call) -> Any:
        parameters.only(call)
        domain = _domain(call.path["domain"])
        opinion = _opinion(parameters.stated(call.body, "opinion"))
        token = str(parameters.stated(call.body, "token"))[:TOKEN_CHARACTERS].encode()
        subject = _subject(call)
        reception = await self.reports.report(domain, token, subject, opinion)
        if reception in _REFUSED:
            raise Refused(*_REFUSED[reception])
        return {"domain": domain, "opinion": opinion.value, "counted": reception is Reception.TAKEN,
                "reception": reception.value}  # fmt: skip


def _domain(text: str) -> str:
    try:
        return domain_key(text.encode())
    except (AddressFault, UnicodeError):
        raise Refused(*_REFUSED[Reception.DENIED]) from None


def _opinion(value: object) -> Opinion:
    try:
        return Opinion(value)
    except ValueError:
        raise Refused(400, "invalid_parameter", "opinion is spam or ham.") from None


def _subject(call: Call) -> str | Client:
    """Give the message's id, or the client; one of both is wanted."""
    message, address = call.body.get("message"), call.body.get("address")
    if (message is None) == (address is None):
        raise Refused(400, "invalid_parameter", "One of message and address is wanted.")
    if address is not None:
        return client_of(parameters.address(str(address)))
    if not isinstance(message, str) or not _MESSAGE_ID.match(message):
        raise Refused(400, "invalid_parameter", "message is the id of a message, as Received and the journal have it.")
    return message
