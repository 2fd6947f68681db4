"""Claims about members of a cluster, as whole nodes with a real Redis server."""

from __future__ import annotations

from smtplib import SMTPConnectError

from shieldrelay.assembly import drain as drains
from tests.assembly.members_case import PeeredCase


class MembersTests(PeeredCase):
    """Who there is."""

    async def test_everybody_is_shown_with_what_it_says_of_itself(self) -> None:
        """Version, hub, clock, sessions and spool of each come from itself."""
        one, _two = await self.together("one", "two")
        await self.until(lambda: one.service.house.shield.exchange.members == 2)
        shown = await self.seen(one)
        self.assertEqual(sorted(shown), ["one", "two"])
        two = shown["two"]
        self.assertEqual((two.state, two.trouble, two.sessions, two.queued, two.differs), ("up", "", 0, 0, ()))
        self.assertEqual(two.hub, "shared")
        self.assertLess(abs(two.skew), 1.0)

    async def test_one_that_is_silent_one_that_is_lost_and_one_that_left(self) -> None:
        """Whoever does not answer is shown as such, and so is who is gone, with or without a word."""
        one, two, three = await self.together("one", "two", "three")
        assert two.service.house.peers is not None
        await two.service.house.peers.stop()
        silent = (await self.seen(one))["two"]
        self.assertEqual((silent.state, silent.sessions), ("up", None))
        self.assertIn("127.0.0.1", silent.trouble)
        self.nodes.remove(three)
        await three.service.stopService()
        await self.until(lambda: one.journal("member_left"))
        self.assertEqual(one.journal("member_left")[0]["state"], "left")
        self.assertEqual((await self.seen(one))["three"].state, "left")

    async def test_a_configuration_that_differs_is_shown(self) -> None:
        """By the part in which it does."""
        one = await self.join("one")
        await self.join("two", extra='[shield.greeting]\nmode = "observe"\n')
        await self.until(lambda: len(one.service.house.shield.membership.roster.cards) == 2)
        self.assertEqual((await self.seen(one))["two"].differs, ("shield",))
        await self.until(lambda: one.journal("configuration_drift"))

    async def test_two_nodes_of_one_name_are_told_of_each_other(self) -> None:
        """Both are shown, and each says of the other what is wrong and what to do."""
        one, two = [await self.join("one", directory=directory) for directory in ("first", "second")]
        await self.until(lambda: len(one.service.house.shield.membership.roster.cards) == 2)
        (twin,) = [each for each in await one.members.members() if each.member != one.members.member().member]
        self.assertEqual(twin.member, two.members.member().member)
        self.assertIn("[node] hostname", twin.trouble)

    async def test_another_key_is_told_in_words(self) -> None:
        """A node with the cluster's name and another key is let in nowhere, and says why."""
        one = await self.join("one")
        await self.until(lambda: one.service.house.shield.membership.roster.met_since is not None)
        two = await self.join("two", key="f" * 32)
        await self.until(lambda: two.journal("hub_refused"))
        self.assertIn("key", two.journal("hub_refused")[0]["reason"])
        self.assertIn("key", (await self.seen(two))["two"].trouble)
        self.assertEqual(await two.send(), 250)


class DrainTests(PeeredCase):
    """Out of service, and back."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(drains, "DELIVER_SECONDS", 0.3)
        self.patch(drains, "AGAIN_SECONDS", 0.3)

    async def test_mail_goes_to_the_other_node_and_from_there_to_the_customer(self) -> None:
        """All of it, once, what is on hold as well; then the node is leaving, and takes no mail until it is back."""
        one, two = await self.together("one", "two")
        await self.hop.down()
        for _ in range(5):
            self.assertEqual(await one.send(), 250)
        held = next(iter((await one.service.house.spool.window("example.test", 10)).entries))
        one.way.queue.forget(held)
        await one.service.house.spool.hold(held)
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "drained")
        self.assertEqual((one.spooled, two.spooled, one.members.draining().handed_over), (0, 4, 5))
        self.assertEqual([each.id for each in await two.service.house.spool.held("example.test")], [held.id])
        with self.assertRaisesRegex(SMTPConnectError, "421"):
            await one.send()
        self.assertEqual(one.service.house.shield.membership.state, "leaving")
        self.hop.up()
        await self.until(lambda: len(self.hop.messages) == 4)
        one.members.resume("me")
        self.assertEqual(await one.send(), 250)
        self.assertEqual(len(two.journal("taken_over")), 5)

    async def test_a_long_message_goes_in_pieces(self) -> None:
        """Byte for byte."""
        one, two = await self.together("one", "two")
        await self.hop.down()
        body = "Subject: long\r\n\r\n" + ("x" * 70 + "\r\n") * 60_000
        self.assertEqual(await one.send(body), 250)
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "drained")
        self.assertEqual((one.spooled, two.spooled), (0, 1))
        self.hop.up()
        await self.until(lambda: self.hop.messages)
        self.assertTrue(bytes(self.hop.messages[0].content).endswith(body[-2000:].encode()))
        self.assertIn(body.encode(), bytes(self.hop.messages[0].content))

    async def test_nobody_takes_it(self) -> None:
        """Mail stays, and is delivered from here when the customer's server is back; the drain says why it waits."""
        (one,) = await self.together("one")
        await self.hop.down()
        self.assertEqual(await one.send(), 250)
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "waiting")
        self.assertIn("no other node", one.members.draining().trouble)
        self.hop.up()
        await self.until(lambda: one.members.draining().phase == "drained")
        self.assertEqual(len(self.hop.messages), 1)

    async def test_a_node_that_is_drained_itself_takes_nothing(self) -> None:
        """Two that are drained at once do not pass mail to and fro; kept mail is given to nobody."""
        one, two = await self.together("one", "two")
        await self.hop.down()
        self.assertEqual(await one.send(), 250)
        two.members.drain("me", hand_over=False)
        await self.until(lambda: two.members.draining().phase == "drained")
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "waiting")
        self.assertEqual((one.spooled, two.spooled), (1, 0))
