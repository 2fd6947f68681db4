"""Claims about directories, against OpenLDAP's server."""

from __future__ import annotations

from typing import Any

from shieldrelay.importer.fault import FaultKind
from shieldrelay.importer.settings import Limits, Preset
from tests.capabilities import possible
from tests.importer.case import lines_of
from tests.importer.slapd import SUFFIX
from tests.importer.slapd_case import PEOPLE, SlapdCase


@possible("slapd")
class SlapdTests(SlapdCase):
    async def test_all_pages_come(self) -> None:
        """More entries than a page or the server's default limit come whole, each address once."""
        lines = await self.entries(self.source())
        wanted = [f"{name}{number}@example.test" for number in range(PEOPLE) for name in ("u", "alias")]
        self.assertEqual(sorted(lines), sorted(wanted))

    async def test_last_page_may_be_full(self) -> None:
        """A tree whose size is a multiple of the page's comes whole."""
        lines = await self.entries(self.source(page_size=100, attributes=("mail",)))
        self.assertEqual(len(lines), PEOPLE)

    async def test_size_limit_fails(self) -> None:
        """Who may see 500 entries only gets no list at all, and the words say what to raise."""
        await self.fails(FaultKind.INCOMPLETE, "its size limit was reached", self.anonymous())

    async def test_filter_is_sent(self) -> None:
        """The operator's filter decides, escapes and all."""
        wanted = "(&(objectClass=inetOrgPerson)(|(uid=u1)(cn=User 16\\39*))(!(sn=1690))(cn:caseIgnoreMatch:=User 1))"
        lines = await self.entries(self.source(filter=wanted, attributes=("mail",)))
        self.assertEqual(lines, ["u1@example.test"])

    async def test_bad_filter_is_told(self) -> None:
        """A filter that is none fails before anything is connected."""
        await self.fails(FaultKind.REQUEST, "the filter lacks a ) at character 6", self.source(filter="(cn=a"))

    async def test_referral_object_fails(self) -> None:
        """A part of the tree that another server has fails the import."""
        await self.fails(
            FaultKind.INCOMPLETE, "it refers to another server", self.source(base=f"ou=referring,{SUFFIX}")
        )

    async def test_referral_for_the_base_fails(self) -> None:
        """A base that another server has fails the import."""
        await self.fails(FaultKind.INCOMPLETE, "it refers to another server", self.source(base="dc=other,dc=test"))

    async def test_missing_base_fails(self) -> None:
        """A base that is not there is told."""
        await self.fails(FaultKind.INCOMPLETE, "there is no such base", self.source(base=f"ou=away,{SUFFIX}"))

    async def test_closed_part_fails(self) -> None:
        """A part that the reader may not see gives no list."""
        await self.fails(FaultKind.INCOMPLETE, "there is no such base", self.source(base=f"ou=closed,{SUFFIX}"))

    async def test_nothing_found_fails(self) -> None:
        """A base without any address gives no list."""
        await self.fails(FaultKind.EMPTY, "no address of example.test in it", self.source(base=f"ou=none,{SUFFIX}"))

    async def test_wrong_password_is_told(self) -> None:
        """A wrong password is told, and is not in the words."""
        file = self.written("password", "not the secret")
        result = await self.imported(self.source(password_file=str(file)))
        self.assertIn("it does not take this name and password", result.words)  # type: ignore[union-attr]
        self.assertNotIn("not the secret", result.words)  # type: ignore[union-attr]

    async def test_missing_password_file_is_told(self) -> None:
        """A password file that is not there is named."""
        await self.fails(FaultKind.UNREADABLE, "/nonexistent: no such file", self.source(password_file="/nonexistent"))

    async def test_active_directory(self) -> None:
        """The preset takes SMTP proxy addresses of enabled accounts, and counts what is of other kinds or domains."""
        source = self.source(base=f"ou=exchange,{SUFFIX}", preset=Preset.ACTIVE_DIRECTORY)
        result: Any = await self.imported(source)
        self.assertEqual(sorted(lines_of(result)), ["First.Last@example.test", "fl@alias.test"])
        self.assertEqual((result.others, result.elsewhere), (2, 1))

    async def test_values_are_names(self) -> None:
        """What a directory has is a name, even where the line form would see a pattern."""
        lines = await self.entries(self.source(base=f"ou=strange,{SUFFIX}"))
        self.assertEqual(sorted(lines), ['"a*"@example.test', "b@example.test"])

    async def test_entry_limit_holds(self) -> None:
        """A directory with more addresses than declared is not read to its end."""
        await self.fails(FaultKind.TOO_LARGE, "more than 1000 entries", self.source(limits=Limits(entries=1000)))
