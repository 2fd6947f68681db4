"""Generic reverse names: those that a provider makes from the address itself, for customers who run no mail server.

Weak evidence and never more: honest servers live under such names too. Pure; the name is a stranger's text, and looked
at with two short expressions only. Asked by `shield.lawful`.
"""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(
    r"(?:^|[.\-_0-9])(?:dyn|dynamic|dhcp|dial|dialup|dialin|dsl|adsl|vdsl|sdsl|xdsl|cable|ppp|pppoe|pool|customer|cust|"
    r"broadband|ftth|fttb|dip)"
    r"(?=[.\-_0-9]|$)"
)
_NUMBERS = re.compile(r"\d{1,3}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{8}")
NAME_CHARACTERS = 255


def is_generic(name: str, address: str) -> bool:
    """Whether a name looks made from its address, or says that many addresses share its kind.

    :param name: in lower case.
    :param address: as text.
    """
    name = name[:NAME_CHARACTERS]
    return bool(_WORD.search(name)) or (_has_four(name, address) if ":" not in address else _has_six(name, address))


def _has_four(name: str, address: str) -> bool:
    """Whether a name has two neighbouring octets of an IPv4 address, in either order, or all of it in hexadecimal."""
    octets = [int(octet) for octet in address.split(".")]
    found = [int(number) for number in _NUMBERS.findall(name)]
    pairs = set(pairwise(found))
    for one, other in pairwise(octets):
        if (one, other) in pairs or (other, one) in pairs:
            return True
    whole = "".join(f"{octet:02x}" for octet in octets)
    return whole in _HEXADECIMAL.findall(name)


def _has_six(name: str, address: str) -> bool:
    """Whether a name has the last 32 bits of an IPv6 address in some spelling."""
    groups = [group.zfill(4) for group in address.rsplit(":", 2)[1:] if group]
    if len(groups) < 2 or not any(group.strip("0") for group in groups):
        return False
    plain = name.replace("-", "").replace(".", "")
    return "".join(groups) in plain
