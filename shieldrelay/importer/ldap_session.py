"""`LdapSession`: one search of a directory to its end, sans-io: octets in, octets out.

StartTLS where wanted, bind where there is a name, then page after page. Anything but complete success raises
`ImportFault`: a size limit, a referral, a page that repeats itself. Knows no socket, no clock and no TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from shieldrelay.importer import ldap_messages as messages
from shieldrelay.importer.ber import BerFault, header
from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.ldap_filter import encoded_filter
from shieldrelay.importer.ldap_messages import Done, Entry, Reference
from shieldrelay.importer.ldap_presets import question
from shieldrelay.importer.settings import LdapSettings

MESSAGE_OCTETS = 4 << 20
"""The longest message of the server."""
EMPTY_PAGES = 100
"""Pages without an entry, one after another."""


class Phase(Enum):
    """What is being waited for."""

    TLS_GRANTED = "the answer to StartTLS"
    TLS = "TLS"
    BOUND = "the answer to the login"
    FOUND = "entries"
    OVER = "nothing"


_SUCCESS, _REFERRAL = 0, 10
_DENIED = {
    7: "it knows no such way to log in",
    8: "it wants a stronger way to log in; try ldaps:// or start_tls",
    13: "it wants TLS; try ldaps:// or start_tls",
    48: "this way to log in is not allowed",
    49: "it does not take this name and password",
    50: "this name may not read there",
}
_INCOMPLETE = {
    3: "its time limit was reached",
    4: "its size limit was reached; raise it for this name (slapd: limits ... size.prtotal=unlimited)",
    _REFERRAL: "it refers to another server; ask the one that has the whole tree",
    11: "its administrative limit was reached",
}
_WRONG = {
    12: "it cannot page its results",
    32: "there is no such base",
    34: "the base is no DN",
    51: "it is busy",
    52: "it is not available",
}


class LdapSession:
    """One search.

    :param password: of ``bind_dn``; ``b""`` when there is none.
    :param take: called with each entry.
    :raises ImportFault: the filter is not lawful.
    """

    def __init__(self, settings: LdapSettings, password: bytes, take: Callable[[Entry], object]) -> None:
        self.phase = Phase.TLS
        self._settings = settings
        self._password = password
        self._take = take
        self._question = question(settings)
        try:
            self._filter = encoded_filter(self._question.filter)
        except ValueError as error:
            raise ImportFault(FaultKind.REQUEST, str(error)) from None
        self._input = bytearray()
        self._output = bytearray()
        self._identifier = 0
        self._cookie = b""
        self._on_page = 0
        self._empty_pages = 0
        self._first_names: set[int] = set()

    def begin(self) -> None:
        """The connection stands, in the clear or in TLS from its start."""
        if self._settings.start_tls:
            self._say(Phase.TLS_GRANTED, messages.start_tls(self._next()))
        else:
            self.secured()

    def secured(self) -> None:
        """TLS stands as far as it is wanted."""
        if self._settings.bind_dn:
            self._say(Phase.BOUND, messages.bind(self._next(), self._settings.bind_dn, self._password))
        else:
            self._ask()

    def output(self) -> bytes:
        """Give what is to be sent, once."""
        out = bytes(self._output)
        self._output.clear()
        return out

    def feed(self, octets: bytes) -> None:
        """Take octets of the server.

        :raises ImportFault: the search has failed.
        """
        self._input += octets
        position = 0
        try:
            while self.phase is not Phase.OVER:
                found = header(self._input, position, len(self._input))
                if found is not None and found[2] - position > MESSAGE_OCTETS:
                    raise ImportFault(FaultKind.TOO_LARGE, "the directory sent a message beyond all bounds")
                if found is None or found[2] > len(self._input):
                    break
                self._message(bytes(self._input[position : found[2]]))
                position = found[2]
                if self.phase is Phase.TLS and position < len(self._input):
                    raise ImportFault(FaultKind.CERTIFICATE, "the directory went on in the clear after StartTLS")
        except BerFault as fault:
            raise ImportFault(FaultKind.MALFORMED, f"the directory does not speak LDAP: {fault}") from None
        del self._input[:position]

    def _message(self, octets: bytes) -> None:
        identifier, response = messages.response(octets)
        if identifier == 0 and isinstance(response, Done):
            raise ImportFault(FaultKind.UNREACHABLE, f"the directory hangs up: {_told(response)}")
        if identifier != self._identifier:
            raise ImportFault(FaultKind.MALFORMED, "the directory answers what was not asked")
        match response:
            case Entry() if self.phase is Phase.FOUND:
                self._entry(response)
            case Reference():
                raise ImportFault(FaultKind.INCOMPLETE, f"the directory says: {_INCOMPLETE[_REFERRAL]}")
            case Done():
                self._done(response)
            case _:
                raise ImportFault(FaultKind.MALFORMED, f"the directory answers out of turn: {self.phase.value} wanted")

    def _entry(self, entry: Entry) -> None:
        if not self._on_page:
            self._first_of_page(entry)
        self._on_page += 1
        for name, _values in entry.attributes:
            if b";range=" in name.lower():
                raise ImportFault(FaultKind.INCOMPLETE, f"{shown(entry.name)} has more values than are given at once")
        self._take(entry)

    def _first_of_page(self, entry: Entry) -> None:
        """Refuse a page that came before. Cookies tell nothing: some servers give the same one with every page."""
        known = hash(entry.name)
        if known in self._first_names:
            raise ImportFault(FaultKind.INCOMPLETE, "the directory gives the same page again and again")
        self._first_names.add(known)

    def _done(self, done: Done) -> None:
        """Go on after an operation's end.

        :raises ImportFault: it ended in anything but success.
        """
        if done.code != _SUCCESS or done.refers:
            raise _refusal(done)
        match self.phase, done.tag:
            case Phase.TLS_GRANTED, messages.EXTENDED_DONE:
                self.phase = Phase.TLS
            case Phase.BOUND, messages.BIND_DONE:
                self._ask()
            case Phase.FOUND, messages.SEARCH_DONE:
                self._page_ended(done.cookie)
            case _:
                raise ImportFault(FaultKind.MALFORMED, f"the directory answers out of turn: {self.phase.value} wanted")

    def _page_ended(self, cookie: bytes | None) -> None:
        if cookie is None:
            raise ImportFault(FaultKind.INCOMPLETE, "the directory does not page its results, so their end is unknown")
        self._empty_pages = 0 if self._on_page else self._empty_pages + 1
        if self._empty_pages > EMPTY_PAGES:
            raise ImportFault(FaultKind.INCOMPLETE, "the directory gives page after page with nothing in it")
        self._cookie = cookie
        if cookie:
            self._ask()
        else:
            self._say(Phase.OVER, messages.unbind(self._next()))

    def _ask(self) -> None:
        """Ask for the next page."""
        self._on_page = 0
        asked = self._question
        request = messages.search(
            self._next(), self._settings.base, self._filter, asked.attributes, self._settings.page_size, self._cookie
        )
        self._say(Phase.FOUND, request)

    def _say(self, phase: Phase, octets: bytes) -> None:
        self.phase = phase
        self._output += octets

    def _next(self) -> int:
        self._identifier += 1
        return self._identifier


def _refusal(done: Done) -> ImportFault:
    """Put the server's result code into words."""
    code = _REFERRAL if done.refers else done.code
    for kind, words in ((FaultKind.DENIED, _DENIED), (FaultKind.INCOMPLETE, _INCOMPLETE)):
        if code in words:
            return ImportFault(kind, f"the directory says: {words[code]} (result {done.code}{_also(done)})")
    return ImportFault(FaultKind.INCOMPLETE, f"the directory says: {_told(done)}")


def _told(done: Done) -> str:
    return f"{_WRONG.get(done.code, 'it cannot')} (result {done.code}{_also(done)})"


def _also(done: Done) -> str:
    return f", {shown(done.words)}" if done.words else ""
