"""The site's plugins as one: the configured checks in their order, over a complete message before its inline attempt.

`delivery.intake` asks it once for each complete and lawful message, and at the steps before that which some plugin
sees (`content.conversation`); a node without plugins has no stage and pays nothing. The first refusal ends it; header
fields are gathered, and the last check's come to stand on top. Checks that answer at once are answered at once. Never
fails: a check's own trouble lets the message pass or defers it, as its terms say, and the journal hears of it
(`plugin_failed`), as it does of refusals (`content_refused`).
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from shieldrelay.content.answers import Annotate, Answer, HeaderField, Lasting, Refuse
from shieldrelay.content.asking import Asking, Failed
from shieldrelay.content.conversation import Conversation
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.judgement import Annotated, Judgement
from shieldrelay.content.steps import EARLY, Seen, Step
from shieldrelay.content.terms import Failing, Force, Installed
from shieldrelay.mail.reply import Reply
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Clock, Journal

DEFENCE = "content"
"""The word under which the stage's refusals are counted."""

_UNCHECKED = Reply(451, (4, 7, 1), ("Cannot check the message now, try again",))
_PERMANENT = {step: 554 if step is Step.CONTENT else 550 for step in Step}


class Stage:
    """Runs the checks.

    :param checks: in the order in which they are asked.
    """

    def __init__(self, checks: Sequence[Installed], clock: Clock, journal: Journal) -> None:
        askings = tuple(Asking(each, clock, journal) for each in checks)
        self._askings = askings
        self._seeing = {step: tuple(one for one in askings if step in one.installed.steps) for step in Step}
        self._journal = journal

    @property
    def under_way(self) -> int:
        """Questions that checks have in hand or that wait for their turn."""
        return sum(asking.under_way + asking.waiting for asking in self._askings)

    @property
    def sees_early(self) -> bool:
        """Whether any check sees a step before the content."""
        return any(self._seeing[step] for step in (*EARLY, Step.RCPT))

    def conversation(self) -> Conversation:
        """Begin a session's questions before its contents."""
        return Conversation(self.early)

    def early(self, seen: Seen, step: Step) -> Refusal | Deferred[Refusal | None] | None:
        """Judge a step before the content; as `judge`, and nobody adds header fields."""
        judged = self._judge(seen, step)
        assert not isinstance(judged, Annotated), "Asking makes a failure of it"
        return judged  # type: ignore[return-value]

    def judge(self, inspected: Inspected) -> Judgement | Deferred[Judgement]:
        """Judge a message.

        :returns: ``None``: nothing against it. A Deferred never fails; cancelling it drops the checks under way, and it
            fires with what a failed check means.
        """
        return self._judge(inspected, Step.CONTENT)

    def _judge(self, shown: Inspected | Seen, step: Step) -> Judgement | Deferred[Judgement]:
        fields: list[HeaderField] = []
        for index, asking in enumerate(self._seeing[step]):
            answer = asking.ask(shown, step)
            if isinstance(answer, Deferred):
                return Deferred.fromCoroutine(self._go_on(shown, step, index, answer, fields))
            refusal = self._heard(asking.installed, answer, shown, step, fields)
            if refusal is not None:
                return refusal
        return _annotated(fields)

    async def _go_on(
        self,
        shown: Inspected | Seen,
        step: Step,
        index: int,
        pending: Deferred[Answer | Failed],
        fields: list[HeaderField],
    ) -> Judgement:
        """Wait for one check and ask those after it."""
        askings = self._seeing[step]
        answer = await pending
        while True:
            refusal = self._heard(askings[index].installed, answer, shown, step, fields)
            index += 1
            if refusal is not None or index == len(askings):
                return refusal or _annotated(fields)
            asked = askings[index].ask(shown, step)
            answer = await asked if isinstance(asked, Deferred) else asked

    def _heard(
        self,
        installed: Installed,
        answer: Answer | Failed,
        shown: Inspected | Seen,
        step: Step,
        fields: list[HeaderField],
    ) -> Refusal | None:
        """Act on one answer."""
        if isinstance(answer, Failed):
            return self._failed(installed, answer, shown, step)
        if isinstance(answer, Refuse):
            return self._refused(installed, answer, shown, step)
        if isinstance(answer, Annotate) and installed.terms.force is Force.ENFORCE:
            fields[:0] = answer.fields
        return None

    def _refused(
        self, installed: Installed, answer: Refuse, shown: Inspected | Seen, step: Step
    ) -> Refusal | None:
        if answer.lasting is Lasting.PERMANENT:
            reply = Reply(_PERMANENT[step], (5, 7, 1), (answer.text,))
        else:
            reply = Reply(451, (4, 7, 1), (answer.text,))
        force = installed.terms.force
        self._journal.event(
            "content_refused",
            session=shown.session,
            message=shown.id,
            peer=shown.address,
            domain=shown.domain,
            check=installed.name,
            stage=step.name.lower(),
            mode=force.value,
            code=reply.code,
            status=reply.status,
            reason=answer.reason,
        )
        return Refusal(reply, f"{installed.name}: {answer.reason}", DEFENCE) if force is Force.ENFORCE else None

    def _failed(
        self, installed: Installed, failed: Failed, shown: Inspected | Seen, step: Step
    ) -> Refusal | None:
        tempfails = installed.terms.failing is Failing.TEMPFAIL and installed.terms.force is Force.ENFORCE
        self._journal.event(
            "plugin_failed",
            session=shown.session,
            message=shown.id,
            check=installed.name,
            stage=step.name.lower(),
            result="tempfailed" if tempfails else "accepted",
            reason=failed.reason,
            traceback=failed.traceback,
        )
        return Refusal(_UNCHECKED, f"{installed.name}: {failed.reason}", DEFENCE) if tempfails else None


def _annotated(fields: Sequence[HeaderField]) -> Annotated | None:
    return Annotated(b"".join(field.encode() for field in fields)) if fields else None
