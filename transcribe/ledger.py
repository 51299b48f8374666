"""What a person did to a draft before signing it, as counts: how good drafts are, and what checking them costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from transcribe.consult import Action, AuditEvent
from transcribe.soep.note import Answered, Checked, Edits, Line, Note, Section

#: Nobody reads one note for so long without doing anything to it: the page was left open, or closed in between.
AWAY = timedelta(minutes=10)


def checked(draft: Note, signed: Note, events: Sequence[AuditEvent], now: datetime) -> Checked:
    """Line by line, by id. ``events``: of the consult, oldest first; the first look at this draft is in it, if somebody
    looked.
    """
    before = {line.id: line for line in draft.lines()}
    after = {line.id: line for line in signed.lines()}
    return Checked(
        sections=tuple(
            Edits(
                section=section,
                kept=sum(_same(before[name], after[name]) for name in drafted & after.keys()),
                changed=sum(not _same(before[name], after[name]) for name in drafted & after.keys()),
                removed=len(drafted - after.keys()),
                added=sum(line.section is section for name, line in after.items() if name not in before),
            )
            for section in Section
            for drafted in [{name for name, line in before.items() if line.section is section}]
        ),
        seconds=_spent(events, now),
        missed=Answered(
            taken=len(draft.missed) - len(signed.missed) - len(signed.dismissed),
            dismissed=len(signed.dismissed),
            open=len(signed.missed),
        )
        if draft.missed
        else None,
        exercise=signed.exercise.score if signed.exercise else None,
    )


def _spent(events: Sequence[AuditEvent], now: datetime) -> int | None:
    """Seconds from the first look at this draft to now. So long without anything done is somebody who went away."""
    moments: list[datetime] = []
    for event in events:
        if event.action is Action.DRAFTED:
            moments = []
        elif moments or event.action is Action.NOTE_VIEWED:
            moments.append(event.at)
    spent = [max(timedelta(0), after - before) for before, after in pairwise([*moments, now])]
    counted = [one for one in spent if one <= AWAY]
    return round(sum(counted, timedelta(0)).total_seconds()) if counted else None


def _same(one: Line, other: Line) -> bool:
    return (one.section, one.text) == (other.section, other.text)
