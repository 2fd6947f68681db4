"""What a notice says about a refusal: our sentence for an enhanced code (RFC 3463), never the next hop's (R11).

Pure look-up, called by ``mail.dsn``. An unknown code gets the sentence of its subject, so there is always one.
"""

from __future__ import annotations

from shieldrelay.mail.reply import Reply

RELAYED = b"It was passed on."
EXPIRED = b"It could not be delivered in the time that messages are kept."

BY_SUBJECT = {
    0: b"The message was refused.",
    1: b"The address was refused.",
    2: b"The mailbox does not take this message.",
    3: b"The mail system does not take this message.",
    4: b"The message could not be routed.",
    5: b"The mail system could not handle the message.",
    6: b"The content of the message was refused.",
    7: b"The message was refused by policy.",
}
"""By the second number of an enhanced code."""

BY_DETAIL = {
    (1, 1): b"There is no such mailbox.",
    (1, 2): b"There is no such mail domain.",
    (1, 3): b"The address is malformed.",
    (1, 6): b"The mailbox has moved.",
    (1, 7): b"The sender's address is malformed.",
    (1, 8): b"The sender's address was refused.",
    (1, 10): b"The domain takes no mail.",
    (2, 1): b"The mailbox is disabled.",
    (2, 2): b"The mailbox is full.",
    (2, 3): b"The message is too large for the mailbox.",
    (3, 4): b"The message is too large.",
    (4, 6): b"The message went in a circle.",
    (6, 3): b"The message would have had to be converted.",
    (6, 7): b"The mail system does not take internationalized addresses.",
}
"""By the second and third number."""


def words(reply: Reply | None, *, relayed: bool = False) -> bytes:
    """Give our sentence, ASCII, at most 80 octets, with its full stop.

    :param reply: the reply that decided; of it only the enhanced code is looked at. Transient or ``None``: the
        message's time was over.
    """
    if relayed:
        return RELAYED
    if reply is None or not reply.is_permanent:
        return EXPIRED
    _, subject, detail = reply.enhanced or (5, 0, 0)
    return BY_DETAIL.get((subject, detail)) or BY_SUBJECT.get(subject, BY_SUBJECT[0])
