"""Medicines on a plan without a word on who the patient is: asked at a video consult, never in the way."""

from __future__ import annotations

from transcribe.soep.drugs import named
from transcribe.soep.note import Note, Section


def unidentified(note: Note) -> frozenset[str]:
    """The ids of reports whose plan names a medicine, while nobody recorded who was on the screen.

    No finding: those are doubts about a line against its source, and must be answered before approval. Whether identity
    needs checking is for the doctor to say (LHV: "zo nodig"), who mostly knows the patient; a question that must be
    clicked away each time is soon clicked away unread.
    """
    if note.video is None or note.video.identity is not None:
        return frozenset()
    return frozenset(
        report.id for report in note.reports if any(named(line.text) for line in report.section(Section.P))
    )
