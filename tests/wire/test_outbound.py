"""`PooledNextHop` against a scripted server on the loopback interface."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from shieldrelay.mail.outcome import Fate, ServerHealth
from shieldrelay.testing.nexthop import (
    End,
    Gate,
    Step,
    close,
    endless,
    lose_reply,
    reset,
    say,
    silence,
)
from tests.wire.next_hop_fixture import ALICE, GHOST, FileContent, MemoryContent, NextHopFixture, attempt_for

reactor: Any = the_reactor
LETTER = b"From: s@sender.example\r\n\r\nhello\r\n"


class DeliveryTests(NextHopFixture):
    """What a decent next hop gets and says."""

    async def test_a_message_arrives_byte_for_byte(self) -> None:
        """Envelope and content as given, dots and a missing line end included, and no liberty taken."""
        content = b".leading\r\n..two\r\n.\r\nlast line without an end"
        attempt = attempt_for(MemoryContent(content[:11], content[11:]))
        result = await self.next_hop.attempt(attempt)
        self.assertEqual(self.fates(result), [Fate.TAKEN])
        self.assertEqual((result.health, result.next_hop), (ServerHealth.ANSWERED, f"127.0.0.1:{self.server.port}"))
        self.assertEqual(self.server.messages[0].content, content + b"\r\n")
        self.assertEqual(self.server.messages[0].recipients, (b"alice@example.com",))
        self.assertTrue(attempt.dotted)

    async def test_large_content_in_memory_and_from_a_file(self) -> None:
        """Content above the size of one write goes out in blocks, whether the reader answers at once or later."""
        octets = b".dot\r\n" * 400000
        for content in (MemoryContent(octets), FileContent(octets), FileContent(octets, clock=reactor)):
            result = await self.next_hop.attempt(attempt_for(content))
            self.assertEqual(self.fates(result), [Fate.TAKEN])
            self.assertEqual(self.server.messages.pop().content, octets)

    async def test_content_goes_with_its_attempt(self) -> None:
        """Once an attempt is over nothing holds its content, without help of the collector of cycles."""
        await self.deliver()
        gc.disable()
        self.addCleanup(gc.enable)
        attempt = attempt_for(MemoryContent(LETTER))
        content = weakref.ref(attempt.content)
        self.assertEqual(self.fates(await self.next_hop.attempt(attempt)), [Fate.TAKEN])
        del attempt
        await deferLater(reactor, 0)  # out of the calls that brought the result
        self.assertIsNone(content())

    async def test_recipients_have_fates_of_their_own(self) -> None:
        """A refused recipient does not keep the others from being served, and the outcomes are in order."""
        self.server.script.on_recipient(b"ghost@example.com", "550 5.1.1 unknown")
        result = await self.next_hop.attempt(attempt_for(MemoryContent(LETTER), GHOST, ALICE))
        self.assertEqual(self.fates(result), [Fate.REFUSED, Fate.TAKEN])
        self.assertEqual(self.server.messages[0].recipients, (b"alice@example.com",))

    async def test_the_servers_size_is_known(self) -> None:
        """Nothing before the first connection, then what EHLO announced last; above it nothing is offered (R9)."""
        self.assertIsNone(self.next_hop.size_limit)
        self.server.extensions = ["PIPELINING", f"SIZE {len(LETTER)}"]
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
        self.assertEqual(self.next_hop.size_limit, len(LETTER))
        result = await self.next_hop.attempt(attempt_for(MemoryContent(LETTER + b"x")))
        self.assertEqual((self.fates(result), result.health), ([Fate.CONTENT_REFUSED], ServerHealth.ANSWERED))
        self.assertEqual(self.server.script.times(Step.MAIL), 1)

    async def test_nobody_accepted_gets_no_content(self) -> None:
        """All refused: the final dot is not noted, and the connection serves the next message."""
        self.server.script.on_recipient(b"ghost@example.com", "550 5.1.1 unknown")
        attempt = attempt_for(MemoryContent(LETTER), GHOST)
        self.assertEqual(self.fates(await self.next_hop.attempt(attempt)), [Fate.REFUSED])
        self.assertFalse(attempt.dotted)
        await self.until(lambda: self.next_hop.idle_connections == 1)
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
        self.assertEqual(len(self.server.connections), 1)
        self.assertEqual(self.server.messages[0].content, LETTER)

    async def test_an_unlawful_envelope_costs_nobody_else_anything(self) -> None:
        """A command that cannot be built is transient for its message; the connection lives, the journal knows."""
        await self.deliver()
        broken = attempt_for(MemoryContent(LETTER), envid=b"x\r\nDATA")
        result = await self.next_hop.attempt(broken)
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.UNTRIED))
        self.assertEqual(len(self.journal.named("bug")), 1)
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])
        self.assertEqual(len(self.server.connections), 1)


class PoolTests(NextHopFixture):
    """Connections are kept, replaced and let go."""

    async def test_one_connection_serves_one_message_after_the_other(self) -> None:
        """In turn: one connection; at once: one for each."""
        for _ in range(3):
            await self.deliver()
        self.assertEqual(len(self.server.connections), 1)
        results = await DeferredList([self.deliver() for _ in range(4)])
        self.assertEqual([self.fates(result)[0] for _, result in results], [Fate.TAKEN] * 4)
        self.assertEqual(len(self.server.connections), 4)
        self.assertEqual(self.next_hop.idle_connections, 4)

    async def test_a_connection_closed_while_idle_is_forgotten(self) -> None:
        """The next message gets a fresh one, and nobody was troubled."""
        await self.deliver()
        for how in (End.CLOSE, End.RESET):
            self.server.end_connections(how)
            await self.until(lambda: self.next_hop.connections == 0)
            result = await self.deliver()
            self.assertEqual((self.fates(result), result.health), ([Fate.TAKEN], ServerHealth.ANSWERED))

    async def test_a_leave_taking_while_idle_is_forgotten(self) -> None:
        """421 on an idle connection."""
        await self.deliver()
        self.server.say_to_all("421 4.3.2 idle too long")
        await self.until(lambda: self.next_hop.connections == 0)
        self.assertEqual(self.fates(await self.deliver()), [Fate.TAKEN])

    async def test_a_stale_connection_is_replaced_once(self) -> None:
        """Lost or 421 at the MAIL of a reused connection: the same attempt goes over a fresh one (R6)."""
        for stale in (close(), reset(), say("421 4.3.2 bye", end=End.CLOSE)):
            await self.deliver()
            before = len(self.server.connections)
            self.server.script.once(Step.MAIL, stale)
            result = await self.deliver()
            self.assertEqual((self.fates(result), result.health), ([Fate.TAKEN], ServerHealth.ANSWERED))
            self.assertEqual(len(self.server.connections), before + 1)

    async def test_a_fresh_connection_is_not_replaced(self) -> None:
        """The second time in one attempt it is the server's fault."""
        await self.deliver()
        self.server.script.on(Step.MAIL, close())
        result = await self.deliver()
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
        self.assertEqual(len(self.server.connections), 2)

    async def test_a_connection_has_its_share_of_messages(self) -> None:
        """After so many it says QUIT."""
        next_hop = self.another(messages_per_connection=2)
        for _ in range(3):
            await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual(len(self.server.connections), 2)
        await self.until(lambda: self.server.connections[0].quit)
        await next_hop.stop()

    async def test_close_idle_says_quit(self) -> None:
        """Idle connections leave in order."""
        await self.deliver()
        self.next_hop.close_idle()
        await self.until(lambda: self.next_hop.connections == 0)
        self.assertTrue(self.server.connections[0].quit)

    async def test_stop_waits_for_attempts_under_way(self) -> None:
        """What is under way runs on; then its connection closes too, and stop is done."""
        gate = Gate()
        self.server.script.once(Step.CONTENT, say("250 2.0.0 taken", gate=gate))
        under_way = self.deliver()
        await self.server.reached(Step.CONTENT)
        stopped = self.next_hop.stop()
        self.assertNoResult(stopped)
        gate.release()
        self.assertEqual(self.fates(await under_way), [Fate.TAKEN])
        await stopped
        self.assertTrue(self.server.connections[0].quit)


class TroubleTests(NextHopFixture):
    """Next hops that are down, refuse, or talk nonsense."""

    async def test_nobody_listens(self) -> None:
        """Refused: transient, a fault, and the journal has the address."""
        await self.server.down()
        result = await self.deliver()
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
        self.assertIn("no connection", result.reason)
        self.assertIn("127.0.0.1", str(self.journal.named("next_hop_fault")[0]["next_hop"]))

    async def test_refusals_of_the_opening_are_faults(self) -> None:
        """5yz and 4yz in greeting and EHLO, and a close before them (R5)."""
        for step, answer in (
            (Step.GREETING, say("554 5.3.2 no service", end=End.CLOSE)),
            (Step.GREETING, close()),
            (Step.GREETING, say("250 not a greeting\n250 and more")),
            (Step.EHLO, "550 5.7.1 no"),
            (Step.EHLO, "421 4.3.2 busy"),
        ):
            self.server.script.once(step, answer)
            result = await self.deliver()
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))

    async def test_endless_and_senseless_replies_end_the_connection(self) -> None:
        """A next hop that never stops talking is a fault, soon, and holds nothing."""
        for step in (Step.GREETING, Step.EHLO, Step.MAIL):
            for noise in (b"250-more\r\n", b"x" * 1000):
                self.server.script.once(step, endless(noise))
                result = await self.deliver()
                self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
        await self.until(lambda: self.next_hop.connections == 0)

    async def test_lost_after_the_dot_is_transient_and_no_fault(self) -> None:
        """The message may have arrived; the server had answered."""
        for step, end in ((Step.CONTENT, lose_reply()), (Step.CONTENT, lose_reply(End.RESET)), (Step.RCPT, close())):
            self.server.script.once(step, end)
            result = await self.deliver()
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.ANSWERED))
        self.assertEqual(len(self.server.messages), 2)

    async def test_lost_in_the_midst_of_content(self) -> None:
        """The pump stops, its reader is closed, and the outcome is transient."""
        self.server.script.once(Step.MIDST, reset())
        content = FileContent(b"line\r\n" * 1000000)
        result = await self.next_hop.attempt(attempt_for(content))
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.ANSWERED))
        self.assertTrue(all(reader.closed for reader in content.readers))

    async def test_unreadable_content_is_never_ended_by_a_dot(self) -> None:
        """A read error in the middle drops the connection; nothing of the message is taken, no dot is noted."""
        for clock in (None, reactor):
            content = FileContent(b"line\r\n" * 100000, fails_at=3, clock=clock)
            attempt = attempt_for(content)
            result = await self.next_hop.attempt(attempt)
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.ANSWERED))
            self.assertIn("could not be read", result.outcomes[0].reason)
            self.assertFalse(attempt.dotted)
        self.assertEqual(self.server.messages, [])

    async def test_content_that_cannot_be_opened(self) -> None:
        """The same before the first block."""
        attempt = attempt_for(FileContent(b"x" * 300000, fails_at=-1))
        self.assertEqual(self.fates(await self.next_hop.attempt(attempt)), [Fate.TRANSIENT])
        self.assertFalse(attempt.dotted)


class CancelTests(NextHopFixture):
    """An attempt can be taken back until its final dot."""

    async def test_before_the_dot(self) -> None:
        """At MAIL, and in mid-content: transient, untried, and the connection is dropped."""
        for step in (Step.MAIL, Step.MIDST):
            self.server.script.once(step, silence())
            attempt = attempt_for(FileContent(b"line\r\n" * 2000000))
            times = self.server.script.times(step)
            under_way = self.next_hop.attempt(attempt)
            await self.until(lambda step=step, times=times: self.server.script.times(step) > times)  # type: ignore[misc]
            under_way.cancel()
            result = await under_way
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.UNTRIED))
            self.assertFalse(attempt.dotted)
            await self.until(lambda: self.next_hop.connections == 0)
        self.assertEqual(self.server.messages, [])

    async def test_a_session_that_does_not_open_is_silent(self) -> None:
        """Given up while the greeting or the reply to EHLO is awaited: transient, and it speaks against the server."""
        for step in (Step.GREETING, Step.EHLO):
            self.server.script.once(step, silence())
            times = self.server.script.times(step)
            under_way = self.deliver()
            await self.until(lambda step=step, times=times: self.server.script.times(step) > times)  # type: ignore[misc]
            under_way.cancel()
            result = await under_way
            self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.SILENT))
            self.assertEqual(result.reason, "it had not opened the session in time")
            await self.until(lambda: self.next_hop.connections == 0)

    async def test_a_pooled_connection_that_says_nothing_is_silent(self) -> None:
        """Given up without one reply on a pooled connection: silent, and the other idle connections are let go."""
        await DeferredList([self.deliver() for _ in range(3)])
        self.assertEqual(self.next_hop.idle_connections, 3)
        self.server.script.once(Step.MAIL, silence())
        times = self.server.script.times(Step.MAIL)
        under_way = self.deliver()
        await self.until(lambda: self.server.script.times(Step.MAIL) > times)
        under_way.cancel()
        self.assertEqual((await under_way).health, ServerHealth.SILENT)
        await self.until(lambda: self.next_hop.connections == 0)

    async def test_after_the_dot(self) -> None:
        """Cancelling does nothing: the attempt runs to its reply (R1)."""
        gate = Gate()
        self.server.script.once(Step.CONTENT, say("250 2.0.0 taken", gate=gate))
        under_way = self.deliver()
        await self.server.reached(Step.CONTENT)
        under_way.cancel()
        self.assertNoResult(under_way)
        gate.release()
        self.assertEqual(self.fates(await under_way), [Fate.TAKEN])

    async def test_while_the_name_is_resolved(self) -> None:
        """A resolver that never answers does not hold a cancelled attempt."""
        self.resolver.answer = Deferred()
        under_way = self.another(host="mx.test").attempt(attempt_for(MemoryContent(LETTER)))
        under_way.cancel()
        self.assertEqual((await under_way).health, ServerHealth.UNTRIED)

    async def test_the_dot_is_told_once(self) -> None:
        """`final_dot` is called once for each message that is ended, in memory or not."""
        dots: list[str] = []
        for content in (MemoryContent(LETTER), FileContent(LETTER)):
            await self.next_hop.attempt(attempt_for(content, on_dot=lambda: dots.append(".")))
        self.assertEqual(dots, [".", "."])


class AddressTests(NextHopFixture):
    """Names and their addresses (R11)."""

    async def test_all_addresses_are_tried_and_the_good_one_is_kept(self) -> None:
        """Dead addresses are passed over; the one that worked comes first the next time."""
        self.resolver.addresses_of["mx.test"] = ("127.0.0.9", "127.0.0.1", "127.0.0.8")
        next_hop = self.another(host="mx.test")
        result = await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((self.fates(result), result.next_hop), ([Fate.TAKEN], f"127.0.0.1:{self.server.port}"))
        next_hop.close_idle()
        await self.until(lambda: next_hop.connections == 0)
        await next_hop.attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual(len(self.journal.named("next_hop_fault")), 1)
        await next_hop.stop()

    async def test_an_address_that_refuses_in_its_greeting_is_passed_over(self) -> None:
        """A 421 at one address is not the end: the next one may serve."""
        self.resolver.addresses_of["mx.test"] = ("127.0.0.1", "127.0.0.1")
        self.server.script.once(Step.GREETING, say("421 4.3.2 busy", end=End.CLOSE))
        next_hop = self.another(host="mx.test")
        self.assertEqual(self.fates(await next_hop.attempt(attempt_for(MemoryContent(LETTER)))), [Fate.TAKEN])
        await next_hop.stop()

    async def test_a_name_that_cannot_be_resolved_is_a_fault(self) -> None:
        """Transient, with the reason."""
        result = await self.another(host="nowhere.test").attempt(attempt_for(MemoryContent(LETTER)))
        self.assertEqual((self.fates(result), result.health), ([Fate.TRANSIENT], ServerHealth.FAULT))
        self.assertIn("could not be resolved", result.reason)


class SwitchTests(NextHopFixture):
    """The direct write is an optimisation and nothing else."""

    async def test_without_direct_writes(self) -> None:
        """Everything arrives just the same."""
        next_hop = self.another(direct_writes=False)
        for octets in (LETTER, b"line\r\n" * 100000):
            await next_hop.attempt(attempt_for(MemoryContent(octets)))
            self.assertEqual(self.server.messages.pop().content, octets)
        await next_hop.stop()
