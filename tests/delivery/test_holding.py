"""Where content is while it comes in (D2, R14)."""

from __future__ import annotations

from shieldrelay.delivery.holding import MemoryBudget
from shieldrelay.testing.hop import FakeNextHop, down
from shieldrelay.testing.threads import HeldThreads
from tests.delivery.relay import RelayTests, a_message, content_of, done


class HoldingTests(RelayTests):
    """`Holding` over the real spool's drafts."""

    def test_small_content_stays_in_memory(self) -> None:
        """Up to the limit nothing touches the disk, and what was taken of the budget is given back."""
        relay, budget = self.relay(), MemoryBudget(1000)
        holding = relay.holding(a_message(), 100, budget)
        holding.begin(b"Received: us\r\n")
        self.assertIsNone(holding.append(b"x" * 80))
        content = holding.content(ascii_header=True)
        self.assertEqual((content_of(content), budget.used), (b"Received: us\r\n" + b"x" * 80, 94))
        self.assertIsNone(holding.discard())
        holding.discard()
        self.assertEqual((budget.used, relay.files("tmp")), (0, []))

    def test_what_outgrows_memory_is_whole_on_disk(self) -> None:
        """Beyond the limit everything moves to a draft, in order, and the budget is free."""
        relay, budget = self.relay(), MemoryBudget(1000)
        holding = relay.holding(a_message(), 100, budget)
        holding.begin(b"Received: us\r\n")
        for number in range(10):
            done(holding.append(b"%d" % number * 30))
        content = holding.content(ascii_header=True)
        whole = b"Received: us\r\n" + b"".join(b"%d" % number * 30 for number in range(10))
        self.assertEqual((content_of(content), content.size, budget.used), (whole, len(whole), 0))
        done(holding.discard())
        self.assertEqual(relay.files("tmp"), [])

    def test_a_full_budget_sends_content_to_the_disk(self) -> None:
        """When all sessions hold what they may together, the next block goes to a draft; the trace line does not."""
        relay, budget = self.relay(), MemoryBudget(10)
        holding = relay.holding(a_message(), 1000, budget)
        holding.begin(b"Received: us\r\n")
        self.assertEqual(budget.used, 14)
        done(holding.append(b"y" * 20))
        self.assertEqual(
            (budget.used, content_of(holding.content(ascii_header=True))), (0, b"Received: us\r\n" + b"y" * 20)
        )
        done(holding.discard())

    def test_discarded_at_any_moment_it_leaves_nothing(self) -> None:
        """Whatever of a spill is under way when the client disappears: no file stays, and the budget is whole."""
        for steps in range(4):
            threads, budget = HeldThreads(), MemoryBudget(1000)
            relay = self.relay(threads=threads)
            holding = relay.holding(a_message(), 100, budget)
            holding.begin(b"Received: us\r\n")
            held = holding.append(b"z" * 200)
            for _ in range(min(steps, len(threads.waiting))):
                threads.go()
            holding.discard()
            threads.go_on()
            assert held is not None
            self.successResultOf(held)
            self.assertEqual((steps, relay.files("tmp"), budget.used), (steps, [], 0))

    def test_a_failing_disk_fails_the_append_and_leaves_nothing(self) -> None:
        """No space for the draft: the append fails, and after the discard budget and disk are as before."""
        for step in ("create", "write"):
            relay, budget = self.relay(), MemoryBudget(1000)
            holding = relay.holding(a_message(), 100, budget)
            holding.begin(b"Received: us\r\n")
            relay.disk.failing = {step: 28}
            held = holding.append(b"z" * 200)
            assert held is not None
            self.failureResultOf(held, OSError)
            relay.disk.well()
            done(holding.discard())
            self.assertEqual((relay.files("tmp"), budget.used), ([], 0))

    def test_fields_come_on_top_of_what_is_in_memory(self) -> None:
        """Header fields that a check adds stand above our trace line, are counted in the budget, and given back."""
        relay, budget = self.relay(), MemoryBudget(1000)
        holding = relay.holding(a_message(), 100, budget)
        holding.begin(b"Received: us\r\n")
        holding.append(b"Subject: hello\r\n\r\n")
        holding.annotate(b"X-Scanned: clean\r\n")
        content = holding.content(ascii_header=True)
        whole = b"X-Scanned: clean\r\nReceived: us\r\nSubject: hello\r\n\r\n"
        self.assertEqual((content_of(content), content.size, budget.used), (whole, len(whole), len(whole)))
        holding.discard()
        self.assertEqual(budget.used, 0)

    def test_fields_come_on_top_of_a_draft(self) -> None:
        """A draft that is annotated is read with the fields on top, and what is spooled is a copy that has them."""
        relay = self.relay(FakeNextHop(down))
        holding = relay.holding(a_message(), 10)
        holding.begin(b"Received: us\r\n")
        done(holding.append(b"Subject: hello\r\n\r\n" + b"x" * 200_000))
        plain = content_of(holding.content(ascii_header=True))
        holding.annotate(b"X-Scanned: clean\r\n")
        content = holding.content(ascii_header=True)
        self.assertEqual((content.size, content.blocks, holding.draft), (len(plain) + 18, None, None))
        self.assertEqual(self.answered(relay.acceptance().accept([a_message()], holding, content)), 250)
        self.assertEqual(content_of(relay.records()[0].content), b"X-Scanned: clean\r\n" + plain)
        self.assertEqual((relay.files("tmp"), len(relay.files())), ([], 1))
