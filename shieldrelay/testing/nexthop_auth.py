"""The AUTH exchange of a `ScriptedNextHop` (RFC 4954; PLAIN of RFC 4616, and LOGIN). Pure."""

from __future__ import annotations

from base64 import b64decode

_PROMPTS = {b"PLAIN": (b"",), b"LOGIN": (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6")}


class AuthExchange:
    """One AUTH command from its mechanism to its credentials.

    :ivar known: whether the mechanism is one of ours.
    """

    def __init__(self, mechanism: bytes) -> None:
        self._mechanism = mechanism.upper()
        self._responses: list[bytes] = []
        self.known = self._mechanism in _PROMPTS

    @property
    def prompt(self) -> bytes | None:
        """The text of the next 334, ``None`` when all is said."""
        prompts = _PROMPTS[self._mechanism]
        return prompts[len(self._responses)] if len(self._responses) < len(prompts) else None

    def add(self, encoded: bytes) -> None:
        """Take the client's next response.

        :raises ValueError: when it is not base64.
        """
        self._responses.append(b64decode(encoded, validate=True))

    @property
    def credentials(self) -> tuple[bytes, bytes]:
        """User and password; two times ``b""`` when they make no sense."""
        words = self._responses if self._mechanism == b"LOGIN" else self._responses[0].split(b"\0")[1:]
        return (words[0], words[1]) if len(words) == 2 else (b"", b"")
