"""Every fixed reply of the SMTP receiver, and small functions for those with a parameter.

The texts are generic on purpose: the exact reason of a refusal belongs to the journal (R11, R17). Codes are RFC 5321
§4.2 and the extensions', enhanced codes RFC 3463 and the IANA registry. Used by the receiver for what it answers
itself, and by ``delivery`` and ``wire`` for their answers.
"""

from __future__ import annotations

from functools import lru_cache

from shieldrelay.mail.reply import EnhancedCode, Reply


def _reply(code: int, detail: str, text: str) -> Reply:
    """Build a reply; ``detail`` is the enhanced code as text, or ``""`` for none."""
    if not detail:
        return Reply(code, None, (text,))
    status, subject, number = map(int, detail.split("."))
    enhanced: EnhancedCode = (status, subject, number)
    return Reply(code, enhanced, (text,))


# Going on
RESET = _reply(250, "2.0.0", "Ok")
NOTHING_DONE = _reply(250, "2.0.0", "Ok")
SENDER_OK = _reply(250, "2.1.0", "Sender ok")
RECIPIENT_OK = _reply(250, "2.1.5", "Recipient ok")
MESSAGE_OK = _reply(250, "2.0.0", "Message accepted")
START_CONTENT = _reply(354, "", "End with <CRLF>.<CRLF>")
START_TLS = _reply(220, "2.0.0", "Ready to start TLS")
HELP = _reply(214, "2.0.0", "RFC 5321 tells the commands")
CANNOT_VERIFY = _reply(252, "2.5.2", "Cannot tell; send the message and see")
GOODBYE = _reply(221, "2.0.0", "Bye")

# Refused commands
UNKNOWN_COMMAND = _reply(500, "5.5.2", "Command not recognized")
LINE_TOO_LONG = _reply(500, "5.5.2", "Line too long")
LINE_END_NOT_CRLF = _reply(500, "5.5.2", "Lines end with <CRLF>")
NOT_IMPLEMENTED = _reply(502, "5.5.1", "Command not implemented")
SYNTAX = _reply(501, "5.5.4", "Syntax error in parameters")
HELLO_SYNTAX = _reply(501, "5.5.4", "A domain or an address literal is needed")
SENDER_SYNTAX = _reply(501, "5.1.7", "Bad sender address syntax")
RECIPIENT_SYNTAX = _reply(501, "5.1.3", "Bad recipient address syntax")
UTF8_SENDER = _reply(553, "5.6.7", "A non-ASCII sender address needs SMTPUTF8")
UTF8_RECIPIENT = _reply(553, "5.6.7", "A non-ASCII recipient address needs SMTPUTF8")
UNKNOWN_PARAMETER = _reply(555, "5.5.4", "Parameter not recognized or not implemented")
BINARY_NOT_OFFERED = _reply(501, "5.5.4", "BINARYMIME is not offered")
MESSAGE_TOO_BIG = _reply(552, "5.3.4", "Message size exceeds the limit")
NEED_HELLO = _reply(503, "5.5.1", "Send EHLO first")
NEED_MAIL = _reply(503, "5.5.1", "Need MAIL first")
NESTED_MAIL = _reply(503, "5.5.1", "A transaction is under way")
NO_RECIPIENTS = _reply(554, "5.5.1", "No valid recipients")
BAD_SEQUENCE = _reply(503, "5.5.1", "Bad sequence of commands")
TLS_ALREADY = _reply(503, "5.5.1", "TLS is in use already")
TLS_UNAVAILABLE = _reply(454, "4.7.0", "TLS not available for the moment")
TOO_MANY_RECIPIENTS = _reply(452, "4.5.3", "Too many recipients")

# The end of a session
NOT_SMTP = _reply(521, "5.5.2", "This is an SMTP server")
PLAINTEXT_BEHIND_STARTTLS = _reply(503, "5.5.1", "Nothing may follow STARTTLS")
CHUNK_SYNTAX = _reply(501, "5.5.4", "Cannot tell how long the chunk is")
TOO_MANY_ERRORS = _reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = _reply(421, "4.7.0", "Too many commands")
TOO_MANY_MESSAGES = _reply(421, "4.7.0", "Too many messages in this session, please reconnect")
TIMED_OUT = _reply(421, "4.4.2", "Timeout, closing connection")
TOO_SLOW = _reply(421, "4.4.2", "Too slow, closing connection")
SHUTTING_DOWN = _reply(421, "4.3.2", "Shutting down, try again")
OVERLOADED = _reply(421, "4.3.2", "Too busy, try again")
INTERNAL_FAULT_CLOSING = _reply(421, "4.3.0", "Internal fault, try again")

# Content that breaks a declared rule, answered after its real end (R17, R25)
NUL_IN_CONTENT = _reply(554, "5.6.0", "Message contains a NUL")
BARE_LF = _reply(554, "5.6.0", "Message contains a bare <LF>")
BARE_CR = _reply(554, "5.6.0", "Message contains a bare <CR>")
CONTENT_LINE_TOO_LONG = _reply(554, "5.6.0", "Message contains too long a line")
HEADER_TOO_BIG = _reply(554, "5.6.0", "Message header is too big")
TOO_MANY_HEADER_FIELDS = _reply(554, "5.6.0", "Message has too many header fields")
HEADER_FIELD_TOO_BIG = _reply(554, "5.6.0", "A message header field is too big")
TOO_DEEP = _reply(554, "5.6.0", "Message has too deep a structure")
TOO_MANY_PARTS = _reply(554, "5.6.0", "Message has too many parts")
TOO_MANY_HOPS = _reply(554, "5.4.6", "Too many hops")
ENDLESS_CONTENT = _reply(552, "5.3.4", "Message size exceeds the limit by far")

# Judgements of the rooms above
UNKNOWN_RECIPIENT = _reply(550, "5.1.1", "No such recipient here")
RELAYING_DENIED = _reply(550, "5.7.1", "Relaying denied")
NOTHING_PROTECTED = _reply(451, "4.3.5", "Not set up yet, try again later")
ANOTHER_TRANSACTION = _reply(452, "4.5.3", "Send this recipient in another transaction")
SPOOL_FULL = _reply(452, "4.3.1", "Insufficient storage, try again")
SPOOL_UNAVAILABLE = _reply(451, "4.3.0", "Cannot store the message now, try again")
TURNED_AWAY = _reply(421, "4.7.0", "Not now, try again later")
TURNED_AWAY_FOR_GOOD = _reply(554, "5.7.1", "Connection refused by policy")
TALKED_EARLY = _reply(421, "4.7.0", "Wait for the greeting")
TRY_LATER = _reply(450, "4.7.1", "Try again later")
TRY_LATER_CLOSING = _reply(421, "4.7.1", "Try again later, closing connection")
INTERNAL_FAULT = _reply(451, "4.3.0", "Internal fault, try again")


def octets_received(octets: int) -> Reply:
    """Answer a BDAT that is not the last one (RFC 3030 §4.2)."""
    return _reply(250, "2.0.0", f"{octets} octets received")


def referenced(reply: Reply, reference: str) -> Reply:
    """Give a refusal with what the journal tells its reason by."""
    return Reply(reply.code, reply.enhanced, (*reply.lines[:-1], f"{reply.lines[-1]} (reference {reference})"))


@lru_cache(maxsize=512)
def encoded(reply: Reply) -> bytes:
    """Give the octets of a reply for the wire; those said often are encoded once."""
    return reply.encode()
