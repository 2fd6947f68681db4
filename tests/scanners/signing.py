"""A DKIM signature (RFC 6376) with simple canonicalization, made by hand: every octet of header and body counts."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

SIGNED = (b"From", b"Subject")


def signature(key: RSAPrivateKey, letter: bytes) -> bytes:
    """Give the DKIM-Signature field of a letter, CRLF included."""
    header, _, body = letter.partition(b"\r\n\r\n")
    lines = (header + b"\r\n").replace(b"\r\n\t", b"\0\t").split(b"\r\n")
    fields = {line.partition(b":")[0]: line.replace(b"\0\t", b"\r\n\t") for line in lines if line}
    digest = b64encode(sha256(body.rstrip(b"\r\n") + b"\r\n").digest())
    unsigned = (
        b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=signed.test; s=sel; h="
        + b":".join(SIGNED) + b"; bh=" + digest + b"; b="
    )  # fmt: skip
    octets = b"".join(fields[name] + b"\r\n" for name in SIGNED) + unsigned
    return unsigned + b64encode(key.sign(octets, PKCS1v15(), SHA256())) + b"\r\n"
