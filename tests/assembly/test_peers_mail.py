"""Claims about mail that goes from node to node: by halves, twice, hostile, to nodes that hang; on whole nodes."""

from __future__ import annotations

from typing import Any

from shieldrelay.assembly import drain as drains
from shieldrelay.assembly import handover, peers_mail
from shieldrelay.mail.address import NULL, parse_mailbox
from shieldrelay.mail.envelope import Envelope, Message, Recipient
from shieldrelay.peers.client import PeerRefused, PeerUnreachable
from shieldrelay.spool.envelope_block import encode_block
from tests.assembly.members_case import PeeredCase, PeeredNode

CONTENT = b"Subject: x\r\n\r\nx\r\n"


class MailTakingTests(PeeredCase):
    """What a node takes, asked by another's client."""

    async def two(self) -> PeeredNode:
        """Start two nodes; the first will ask, the second is given back."""
        self.one, two = await self.together("one", "two")
        await self.hop.down()
        return two

    async def ask(self, node: PeeredNode, target: str, body: bytes) -> dict[str, Any]:
        """Ask."""
        peers = self.one.service.house.peers
        assert peers is not None
        address = str(node.service.house.configuration.cluster.listen)
        return await peers.client.document(address, "POST", f"/peer/v1/mail{target}", body)

    async def refused(self, node: PeeredNode, target: str, body: bytes) -> int:
        """Ask, and give the status of the refusal."""
        try:
            await self.ask(node, target, body)
        except PeerRefused as refusal:
            return refusal.status
        return 200

    def block(self, id: str = "A1", domain: str = "example.test") -> bytes:
        """Write an envelope."""
        recipient = Recipient(parse_mailbox(b"alice@" + domain.encode()))
        return encode_block(Message(id, self.one.service.house.wall(), domain, Envelope(NULL, (recipient,))))

    def parts(self, node: PeeredNode) -> list[str]:
        """Name the files that are by half."""
        return [file.name for file in node.directory.glob("spool/*/*/tmp/*")]

    async def test_nonsense_is_refused_and_leaves_nothing(self) -> None:
        """No envelope, another domain, more or fewer octets than said, no numbers: all by status, none by a bug."""
        two = await self.two()
        whole, most = self.block() + CONTENT, len(CONTENT)
        for target, body, status in (
            ("?octets=1&due=0&held=0&again=0", b"", 400),
            ("?octets=1&due=0&held=0&again=0", b"X-Shieldrelay-Envelope: 1 00000099\r\nx", 400),
            (f"?octets={most}&due=0&held=0&again=0", whole[:100], 400),
            (f"?octets={most}&due=0&held=0&again=0", self.block(domain="other.test") + CONTENT, 404),
            (f"?octets={most}&due=0&held=0&again=0", whole.replace(b'in":"example.test', b'in":"../../../tes'), 404),
            (f"?octets={most - 1}&due=0&held=0&again=0", whole, 400),
            (f"?octets={most}&due=x&held=0&again=0", whole, 400),
            (f"?octets={most}&due=0&held=2&again=0", whole, 400),
            ("?due=0&held=0&again=0", whole, 400),
            ("/unknown?at=0", CONTENT, 404),
        ):
            self.assertEqual(await self.refused(two, target, body), status, (target, body[:50]))
        self.assertEqual((self.parts(two), two.spooled), ([], 0))

    async def test_what_stays_by_half_is_given_up(self) -> None:
        """After a while, and when a piece does not go on where the last one ended."""
        self.patch(peers_mail, "PIECE_SECONDS", 0.3)
        two = await self.two()
        first = f"?octets={2 * len(CONTENT)}&due=0&held=0&again=0"
        token = (await self.ask(two, first, self.block() + CONTENT))["token"]
        self.assertEqual(len(self.parts(two)), 1)
        self.assertEqual(await self.refused(two, f"/{token}?at=1", CONTENT), 400)
        self.assertEqual(await self.refused(two, f"/{token}?at={len(CONTENT)}", CONTENT), 404)
        token = (await self.ask(two, first, self.block() + CONTENT))["token"]
        self.assertEqual((await self.ask(two, f"/{token}?at={len(CONTENT)}", CONTENT)), {"stored": True})
        await self.ask(two, first, self.block("A2") + CONTENT)
        await self.until(lambda: not self.parts(two))
        self.assertEqual(two.spooled, 1)

    async def test_no_more_than_so_many_by_half(self) -> None:
        """Then others have to wait; a stop leaves none of them."""
        self.patch(peers_mail, "DRAFTS_MOST", 2)
        two = await self.two()
        first = f"?octets={2 * len(CONTENT)}&due=0&held=0&again=0"
        for id in ("A1", "A2"):
            await self.ask(two, first, self.block(id) + CONTENT)
        self.assertEqual(await self.refused(two, first, self.block("A3") + CONTENT), 503)
        await two.service.stopService()
        self.nodes.remove(two)
        self.assertEqual(self.parts(two), [])

    async def test_what_may_be_there_already_is_taken_once(self) -> None:
        """When the giver says that it asks again."""
        two = await self.two()
        for again in (0, 1, 1):
            target = f"?octets={len(CONTENT)}&due=0&held=0&again={again}"
            self.assertEqual(await self.ask(two, target, self.block() + CONTENT), {"stored": True})
        self.assertEqual(two.spooled, 1)


class HandoverTests(PeeredCase):
    """What a node gives."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(drains, "DELIVER_SECONDS", 0.2)
        self.patch(drains, "AGAIN_SECONDS", 0.2)

    async def test_a_lost_answer_duplicates_nothing(self) -> None:
        """The message is offered to the same node again, though there is another, and is there once."""
        one, two, three = await self.together("one", "two", "three")
        await self.hop.down()
        for _ in range(4):
            self.assertEqual(await one.send(), 250)
        whole, lost = peers_mail.give, list[str]()

        async def give(client: Any, address: str, entry: Any, record: Any, **how: Any) -> None:
            await whole(client, address, entry, record, **how)
            if not how["again"]:
                lost.append(address)
                raise PeerUnreachable(f"{address}: the answer is lost")

        self.patch(handover, "give", give)
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "drained")
        self.assertEqual((len(lost), one.spooled, two.spooled + three.spooled), (4, 0, 4))
        self.assertEqual(one.members.draining().handed_over, 4)

    async def test_what_one_refuses_another_takes(self) -> None:
        """A node whose spool takes nothing more is passed over."""
        one, two, three = await self.together("one", "two", "three")
        await self.hop.down()
        for _ in range(4):
            self.assertEqual(await one.send(), 250)
        two.service.house.shield.membership.state = "draining"  # the others have not heard of it
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().phase == "drained")
        self.assertEqual((two.spooled, three.spooled), (0, 4))

    async def test_a_stop_in_the_middle_loses_nothing(self) -> None:
        """What was not taken is there at the next start, and is delivered."""
        one, two = await self.together("one", "two")
        await self.hop.down()
        for _ in range(6):
            self.assertEqual(await one.send(), 250)
        whole, given = peers_mail.give, list[str]()

        async def give(*arguments: Any, **how: Any) -> None:
            if len(given) >= 2:
                raise PeerUnreachable("it hangs")
            given.append("")
            await whole(*arguments, **how)

        self.patch(handover, "give", give)
        one.members.drain("me", hand_over=True)
        await self.until(lambda: one.members.draining().handed_over)
        await one.service.stopService()
        self.assertEqual(one.spooled + two.spooled, 6)
        one.build()
        await one.start()
        self.assertEqual(one.members.draining().phase, "")
        self.hop.up()
        await self.until(lambda: len(self.hop.messages) == 6)
