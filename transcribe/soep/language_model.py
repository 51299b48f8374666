"""The drafter that asks a language model. Which model, and where it runs, is an adapter's business.

Nothing is mended in the dark: an answer that is not exactly a note, or no answer, gives the extractive draft, and the
draft says so. What a model wrote is checked like everything else; a line its source does not carry is marked, or with
``Unsupported.DROP`` put aside among the removed lines, where it can be read and put back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from transcribe.asr.transcript import Transcript
from transcribe.soep.check import Kind, open_findings
from transcribe.soep.dictation import literal
from transcribe.soep.extractive import SUSPICIONS, ExtractiveDrafter
from transcribe.soep.language import speaking
from transcribe.soep.lines import reports_by_talk
from transcribe.soep.memory import forget
from transcribe.soep.missed import missed
from transcribe.soep.note import Dropped, Line, Note
from transcribe.soep.problems import divide
from transcribe.soep.prompting import (
    Message,
    Said,
    Unusable,
    messages,
    parsed,
    schema,
    together,
    told,
    version,
    windows,
)
from transcribe.soep.sentences import sentences

log = logging.getLogger(__name__)

ANSWER_TOKENS = 2048  # room for one answer, at most a third of the context
UNUSED = "niet gebruikt door het taalmodel"


class ModelFailed(Exception):
    """No whole answer: not reachable, too slow, cut off. The message is Dutch and holds nothing of the consult."""


class LanguageModel(Protocol):
    """A chat model whose answers follow a JSON schema. Temperature 0: the same question gives the same answer."""

    @property
    def name(self) -> str:
        """With version, for the note."""
        ...

    @property
    def context_tokens(self) -> int:
        """Question and answer together."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text, rather too many than too few."""
        ...

    def complete(self, asked: Sequence[Message], schema: Mapping[str, object], *, most_tokens: int) -> str:
        """The whole answer. Raises ``ModelFailed``."""
        ...


class Unsupported(StrEnum):
    """What happens to a line of the model that the source does not carry."""

    MARK = "mark"  # it stays, and must be confirmed, changed or removed before approval
    DROP = "drop"  # it is put aside with the removed lines


@dataclass(frozen=True)
class ModelDrafter:
    """``ports.Drafter`` on a language model."""

    model: LanguageModel
    unsupported: Unsupported = Unsupported.MARK
    instead: ExtractiveDrafter = field(default_factory=ExtractiveDrafter)

    @property
    def name(self) -> str:
        return f"{self.model.name}, {version()}"

    def draft(self, transcript: Transcript) -> Note:
        try:
            with speaking(transcript.language):
                return self._draft(transcript)
        except (ModelFailed, Unusable) as problem:
            # the message names no content; the model's answer is nowhere kept
            log.warning("language model: %s", problem)
            note = self.instead.draft(transcript)
            return replace(note, drafter=f"{note.drafter} (in plaats van {self.name}: {problem})")
        finally:
            forget()

    def _draft(self, transcript: Transcript) -> Note:
        if literal(transcript):
            return self.instead.draft(transcript)  # the huisarts's own text is nobody's to write anew
        said, left = told(transcript)
        if not said:
            return self.instead.draft(transcript)
        answer = min(ANSWER_TOKENS, self.model.context_tokens // 3)
        room = self.model.context_tokens - answer
        if self._size(()) > room:
            raise ModelFailed("het contextvenster van het taalmodel is te klein")
        parts = list(windows(said, lambda part: self._size(part) <= room))
        lines = together([self._ask(part, n, len(parts), answer) for n, part in enumerate(parts, 1)])
        used = {i for line in lines for i in line.evidence}
        reasons = {i: item.reason for item in reversed(left) for i in item.evidence if item.always or i not in used}
        dropped = [
            Dropped(
                utterance=i,
                reason=SUSPICIONS[utterance.suspicion] if utterance.suspicion else reasons.get(i, UNUSED),
            )
            for i, utterance in enumerate(transcript.utterances)
            if i in reasons or i not in used
        ]
        note = Note(
            reports=reports_by_talk(lines, divide(sentences(transcript))),
            dropped=tuple(dropped),
            drafter=self.name,
            next_line=len(lines) + 1,
        )
        if self.unsupported is Unsupported.DROP:
            note = without_unsupported(note, transcript)
        return replace(note, missed=missed(note, transcript))

    def _size(self, part: Sequence[Said]) -> int:
        asked = messages(part, 99, 99)
        return sum(self.model.count(message.text) for message in asked) + 16 * len(asked)  # what a template adds

    def _ask(self, part: Sequence[Said], n: int, parts: int, most_tokens: int) -> list[Line]:
        return parsed(self.model.complete(messages(part, n, parts), schema(part), most_tokens=most_tokens), part)


def without_unsupported(note: Note, transcript: Transcript) -> Note:
    """The note with every line without a source put aside."""
    for line_id, found in open_findings(note, transcript).items():
        if any(finding.kind is Kind.NO_SOURCE for finding in found):
            note = note.without_line(line_id)
    return note
