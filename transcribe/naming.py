"""Who said what, as a person who was there knows it; the draft follows, and nothing that a person wrote is lost."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from transcribe import policy
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, Consult, Status
from transcribe.errors import N_, Conflict, InvalidInput, NotFound
from transcribe.ports import Store
from transcribe.soep.note import Note
from transcribe.speakers.naming import named, swapped
from transcribe.writer import Writer

#: In the access log, when a new draft is made.
AGAIN = "verslag opnieuw"


def was_edited(note: Note) -> bool:
    """Would a new draft take the place of a person's work? Also of what was undone: it can be done again."""
    return bool(note.before or note.after)


class Naming:
    """One object for all threads."""

    def __init__(self, *, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    def name(
        self, actor: Actor, consult_id: UUID, version: int, said: Sequence[Speaker] | None, *, keep: bool | None = None
    ) -> Consult:
        """``said``: by voice; None: huisarts and patiënt change places. A worker makes the draft anew.

        ``keep``, asked for a draft that was edited: it stays as it is (else it makes place). Raises ``InvalidInput``
        when that was not said, ``NotFound`` for other voices than there are or when the source was destroyed.
        """
        consult = self._store.consult(consult_id)
        policy.check_name_speakers(actor, consult)
        if consult.version != version:
            raise Conflict
        found, transcript = self._store.note(consult_id), self._store.transcript(consult_id)
        if found is None or transcript is None:
            raise NotFound
        try:
            right = named(transcript, swapped(transcript) if said is None else said)
        except ValueError as other:
            raise NotFound from other
        if right == transcript:
            return consult
        edited = was_edited(found[1])
        if edited and keep is None:
            raise InvalidInput(problem=N_("Dit verslag is al gewijzigd. Kies wat ermee moet gebeuren."))
        if self._store.typing(consult_id).texts:
            raise InvalidInput(problem=N_("Er staat nog een regel open. Bewaar of annuleer die eerst."))
        count = f"{len(right.voices)} sprekers"
        if (edited and keep) or [u.speaker for u in right.utterances] == [u.speaker for u in transcript.utterances]:
            return self._writer.apply(actor, consult, Action.SPEAKERS_NAMED, detail=count, transcript=right)
        return self._writer.apply(
            actor,
            consult,
            Action.SPEAKERS_NAMED,
            detail=f"{count}, {AGAIN}",
            status=Status.TRANSCRIBED,
            transcript=right,
        )
