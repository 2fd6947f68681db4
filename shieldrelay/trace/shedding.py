"""`Shedding`: what is passed over when the index has fallen far behind: samples that keep whole stories together. Pure.

A line is kept or not by a hash of its message's id, or its session's: of a message that is kept all lines are. Looking
for the id costs a twentieth of indexing the line.
"""

from __future__ import annotations

from zlib import crc32

SLIGHT, STRONG = 8, 64
"""One story of so many is kept."""
STRONG_FROM = 2
"""So many times the declared lag; at `SKIP_FROM` times the oldest is passed over unread."""
SKIP_FROM = 8

_IDS = (b'"message":"', b'"session":"', b'"reference":"')
_ID_OCTETS = 24


class Shedding:
    """Decides.

    :param octets: the declared lag, from which on samples are taken.
    :ivar one_in: of so many stories one is kept now.
    :ivar shed: lines that were passed over; of those that were never read an estimate.
    """

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self.one_in = 1
        self.shed = 0

    def look(self, behind: int) -> int:
        """Judge the lag anew; give how many octets are to be passed over unread."""
        if behind >= self._octets * STRONG_FROM:
            self.one_in = STRONG
        elif behind >= self._octets:
            self.one_in = max(self.one_in, SLIGHT)
        elif behind < self._octets // 2:
            self.one_in = 1
        return behind - self._octets * STRONG_FROM if behind >= self._octets * SKIP_FROM else 0

    def keeps(self, line: bytes) -> bool:
        """Say whether a line is to be kept."""
        if self.one_in == 1:
            return True
        if crc32(_story(line)) % self.one_in:
            self.shed += 1
            return False
        return True


def _story(line: bytes) -> bytes:
    """Give what joins a line with others; the line itself when nothing does."""
    for name in _IDS:
        begin = line.find(name)
        if begin >= 0:
            begin += len(name)
            return line[begin : begin + _ID_OCTETS].partition(b'"')[0]
    return line
