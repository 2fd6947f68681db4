"""Claims about domains that are given at run time, on whole nodes with a real Redis server."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from shieldrelay.admin.api_domains import PushRefused
from shieldrelay.assembly import domains as pushed_domains
from tests.assembly.members_case import PeeredCase, PeeredNode


class PushedDomainTests(PeeredCase):
    """One, two and three nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(pushed_domains, "RETRY_SECONDS", 0.1)

    def settings(self, name: str = "new.test", more: str = "") -> str:
        """Write a domain's settings."""
        return f'domain = "{name}"\nnext_hops = ["127.0.0.1:{self.hop.port}"]\nrecipients = "any"\n{more}'

    async def push(self, node: PeeredNode, text: str) -> str:
        """Push."""
        return await Deferred.fromCoroutine(node.service.domains.push(text, "me"))

    async def remove(self, node: PeeredNode, name: str = "new.test") -> bool:
        """Remove."""
        return await Deferred.fromCoroutine(node.service.domains.remove(name, "me"))

    def protects(self, *nodes: PeeredNode, name: str = "new.test") -> bool:
        """Whether all protect it."""
        return all(name in node.service.house.ways for node in nodes)

    async def test_a_push_is_in_force_everywhere_and_so_is_its_end(self) -> None:
        """Within seconds, changes too; over a restart; and one that was away hears of its end."""
        one, two, three = await self.together("one", "two", "three")
        self.assertEqual(await self.push(one, self.settings()), "new.test")
        self.assertTrue(self.protects(one))
        await self.until(lambda: self.protects(one, two, three))
        await self.push(two, self.settings(more='aliases = ["alias.test"]\n'))
        await self.until(lambda: all(node.service.house.configuration.domains[-1].aliases for node in self.peered))
        await three.service.stopService()
        self.assertTrue(await self.remove(one))
        self.assertFalse(await self.remove(one))
        await self.until(lambda: not self.protects(two))
        three.build()
        self.assertTrue(self.protects(three))
        await three.start()
        await self.until(lambda: not self.protects(three))
        self.assertFalse(list(self.directory.glob("*/state/domains.d/*.toml")))

    async def test_what_is_not_valid_changes_nothing(self) -> None:
        """Anywhere: it is refused with every fault, and no file is left."""
        (one,) = await self.together("one")
        wrong = {
            "nonsense": "not valid TOML",
            'domain = "x y"\n': "domain",
            self.settings(more="pace = { connections = 0 }\n"): "connections",
            self.settings("example.test"): "stands in a file of the configuration",
            self.settings(more='aliases = ["example.test"]\n'): "protected already",
        }
        for text, words in wrong.items():
            with self.assertRaisesRegex(PushRefused, words):
                await self.push(one, text)
        self.assertEqual(sorted(one.service.house.ways), ["example.test"])
        self.assertEqual(list(self.directory.glob("*/state/domains.d/*")), [])

    async def test_a_node_that_cannot_says_so(self) -> None:
        """It goes on with what it has, tells why once, and follows when it can."""
        one, two = await self.together("one", "two")
        two_cannot = self.patch(two.service.domains, "_try", _cannot)
        await self.push(one, self.settings("other.test"))
        await self.until(lambda: two.journal("domain_not_replicated"))
        self.assertFalse(self.protects(two, name="other.test"))
        two_cannot.restore()
        await self.until(lambda: self.protects(one, two, name="other.test"))
        self.assertEqual(len(two.journal("domain_not_replicated")), 1)

    async def test_a_file_of_the_configuration_wins(self) -> None:
        """The push is kept and not in force; the status names it; when the file goes, the push holds."""
        one = await self.join("one")
        own = self.settings(more='aliases = ["own.test"]\n')
        two = await self.join("two", extra=f"[[domain]]\n{own}")
        await self.push(one, self.settings())
        await self.until(lambda: two.service.house.configuration.hidden == ("new.test",))
        self.assertIn("own.test", two.service.house.configuration.domains_by_name())
        file = two.directory / "shieldrelay.toml"
        file.write_text(file.read_text().replace(f"[[domain]]\n{own}", ""))
        await Deferred.fromCoroutine(two.service._reload.reload())
        self.assertEqual(two.service.house.configuration.pushed, ("new.test",))
        self.assertNotIn("own.test", two.service.house.configuration.domains_by_name())

    async def test_pushed_before_a_crash(self) -> None:
        """What was written and not announced is announced at the next start, by whoever put it there."""
        one, two = await self.together("one", "two")
        await one.service.stopService()
        directory = one.directory / "state" / "domains.d"
        directory.mkdir()
        (directory / "new.test.toml").write_text(self.settings())
        one.build()
        await one.start()
        await self.until(lambda: self.protects(one, two))


async def _cannot(_decided: object) -> None:
    raise PushRefused("a file that it names is not there")
