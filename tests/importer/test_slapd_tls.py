"""Claims about directories behind TLS, against OpenLDAP's server."""

from __future__ import annotations

import time

from shieldrelay.importer.fault import FaultKind
from shieldrelay.testing.authority import Authority
from tests.capabilities import possible
from tests.importer.slapd_case import PEOPLE, SlapdCase


@possible("slapd")
class SlapdTlsTests(SlapdCase):
    async def test_ldaps(self) -> None:
        """A directory behind TLS is read when its certificate is signed by the declared authority."""
        lines = await self.entries(self.source(self.slapd.secure_url, ca=str(self.slapd.ca), attributes=("mail",)))
        self.assertEqual(len(lines), PEOPLE)

    async def test_start_tls(self) -> None:
        """StartTLS comes before the login, and works with the declared authority."""
        lines = await self.entries(self.source(start_tls=True, ca=str(self.slapd.ca), attributes=("mail",)))
        self.assertEqual(len(lines), PEOPLE)

    async def test_wrong_authority_fails(self) -> None:
        """A certificate that the declared authority has not signed fails, with StartTLS and without."""
        other = str(Authority(now=time.time()).write(self.directory / "other.pem"))
        for source in (self.source(start_tls=True, ca=other), self.source(self.slapd.secure_url, ca=other)):
            await self.fails(FaultKind.CERTIFICATE, "certificate verify failed", source)
        await self.fails(FaultKind.CERTIFICATE, "certificate verify failed", self.source(self.slapd.secure_url))

    async def test_wrong_name_fails(self) -> None:
        """A certificate for another name fails."""
        url = self.slapd.secure_url.replace("127.0.0.1", "localhost")
        await self.fails(
            FaultKind.CERTIFICATE, "its certificate is for another name", self.source(url, ca=str(self.slapd.ca))
        )

    async def test_verification_can_be_switched_off(self) -> None:
        """The operator may do without verification."""
        lines = await self.entries(self.source(self.slapd.secure_url, verify=False, attributes=("mail",)))
        self.assertEqual(len(lines), PEOPLE)
