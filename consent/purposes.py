"""What can be agreed to, and what this product asks."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What is agreed to, each recorded separately. The first three make the note.

    The others are in the record because the standard has them, and always "no": nothing here keeps sound after the
    note is approved, looks at content to judge quality, or trains a model with it, so nobody is asked. Whoever builds
    such a thing calls ``gate.require`` with its purpose, and asks for it apart.
    """

    RECORDING = "opname"
    TRANSCRIPTION = "transcriptie"
    DRAFT = "concept"
    KEEP_AUDIO = "audio-bewaren"
    QUALITY = "kwaliteit"
    IMPROVEMENT = "modelverbetering"


#: What one "ja" covers. They are three steps of one thing, and worth nothing alone: sound is recorded to be written
#: out, and written out to make the draft. Who does not want one of them refuses.
COMMON_PURPOSES = frozenset({Purpose.RECORDING, Purpose.TRANSCRIPTION, Purpose.DRAFT})


class ConsentStatus(StrEnum):
    ACTIVE = "gegeven"
    REFUSED = "geweigerd"
    WITHDRAWN = "ingetrokken"
