"""A transcript to a language model's question, and its answer to lines: prompt, schema, windows, strict reading. Pure.

The talk is data. It goes in as JSON strings without any character that a chat template gives a meaning, the system text
says that it is no order, and the schema leaves the model nothing to say but lines that name utterances of this part.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from transcribe.asr.transcript import Transcript
from transcribe.soep.leaving_out import REASONS, Left, leave_out
from transcribe.soep.lexicon import table, words
from transcribe.soep.note import Line, Section
from transcribe.soep.sentences import sentences

MOST_LINES = 40  # of one answer
LONGEST = 300  # characters of one line
MOST_SOURCES = 8  # utterances one line may name
#: What a line may look like: one row of text as a huisarts types it, beginning with a letter or a digit.
WRITTEN = rf"^[A-Za-z0-9À-ÿ][A-Za-z0-9À-ÿ ,.;:?!%/()+'&=°µ≥≤~-]{{0,{LONGEST - 1}}}$"
OVERLAP = 4  # utterances at the end of a window that the next one begins with


class Unusable(ValueError):
    """An answer that is no note. The message says why in Dutch and holds nothing of the answer."""


@dataclass(frozen=True, kw_only=True)
class Message:
    role: str  # "system", "user", "assistant"
    text: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """One utterance as the model gets it."""

    number: int
    speaker: str
    text: str

    def row(self) -> str:
        row = {"nummer": self.number, "spreker": self.speaker, "tekst": self.text}
        return json.dumps(row, ensure_ascii=False)


def version() -> str:
    return f"opdracht {_prompt()['version']}"


@functools.cache
def _prompt() -> dict[str, object]:
    return table("prompt.toml")


#: Characters that mark roles and turns in chat templates; nobody pronounces them.
_MARKUP = re.compile(r"[<>|\[\]{}\"`#\\]|[\x00-\x1f\x7f]")


def told(transcript: Transcript) -> tuple[list[Said], list[Left]]:
    """What a model may see: all that was heard, but for what the patient wants out of the record and personal data.

    Self-corrections are worked in and numbers are in written form, as for the extractive drafter.
    """
    said = sentences(transcript)
    _, left = leave_out(said)
    hidden = {REASONS["wish"], REASONS["identity"]}
    withheld = {item.evidence for item in left if item.reason in hidden}
    rows: dict[int, list[str]] = {}
    speakers: dict[int, str] = {}
    for sentence in said:
        if sentence.evidence not in withheld:
            rows.setdefault(sentence.utterance, []).append(_MARKUP.sub(" ", sentence.text))
            speakers[sentence.utterance] = sentence.speaker.value
    kept = [
        Said(number=number, speaker=speakers[number], text=" ".join(" ".join(texts).split()))
        for number, texts in sorted(rows.items())
    ]
    return kept, left


def windows(said: Sequence[Said], fits: Callable[[Sequence[Said]], bool]) -> Iterator[list[Said]]:
    """The talk in parts that fit, each beginning with the last few utterances of the one before.

    An utterance that does not fit by itself gets a part of its own, cut to what fits.
    """
    start = 0
    while start < len(said):
        end = _last_fitting(said, start, fits)
        if end == start:
            yield [_cut(said[start], fits)]
            start += 1
            continue
        yield list(said[start:end])
        if end == len(said):
            return
        start = max(start + 1, end - OVERLAP)


def _last_fitting(said: Sequence[Said], start: int, fits: Callable[[Sequence[Said]], bool]) -> int:
    """Where a part that begins at ``start`` must end; ``start`` when not even one utterance fits."""
    low, high = start, len(said)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(said[start:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _cut(one: Said, fits: Callable[[Sequence[Said]], bool]) -> Said:
    text = one.text
    while len(text) > 1 and not fits([Said(number=one.number, speaker=one.speaker, text=text)]):
        text = text[: len(text) * 3 // 4]
    return Said(number=one.number, speaker=one.speaker, text=text)


def messages(said: Sequence[Said], part: int = 1, parts: int = 1) -> list[Message]:
    """System text, two examples, and the talk."""
    prompt = _prompt()
    result = [Message(role="system", text=str(prompt["system"]).strip())]
    for talk, lines in examples():
        result.append(Message(role="user", text=_asked(talk)))
        result.append(Message(role="assistant", text=_answer(lines)))
    which = str(prompt["part"]).format(n=part, total=parts) if parts > 1 else ""
    result.append(Message(role="user", text=_asked(said, which)))
    return result


def examples() -> list[tuple[list[Said], list[tuple[str, list[int], str]]]]:
    """The worked examples: talk and right answer."""
    entries = _prompt()["examples"]
    assert isinstance(entries, list)
    return [
        (
            [Said(number=n, speaker=who, text=text) for n, (who, text) in enumerate(entry["talk"])],
            [(section, evidence, text) for section, evidence, text in entry["lines"]],
        )
        for entry in entries
    ]


def _asked(said: Sequence[Said], which: str = "") -> str:
    head = f"{which}\nGESPREK" if which else "GESPREK"
    return "\n".join((head, *(one.row() for one in said), "EINDE GESPREK"))


def _answer(lines: Sequence[tuple[str, list[int], str]]) -> str:
    rows = [{"deel": section, "bron": evidence, "tekst": text} for section, evidence, text in lines]
    return json.dumps({"regels": rows}, ensure_ascii=False, separators=(",", ":"))


def schema(said: Sequence[Said]) -> dict[str, object]:
    """The JSON schema of an answer about these utterances. Sources come before the text: first find, then write."""
    line = {
        "type": "object",
        "properties": {
            "deel": {"enum": [section.value for section in Section]},
            "bron": {
                "type": "array",
                "items": {"enum": [one.number for one in said]},
                "minItems": 1,
                "maxItems": MOST_SOURCES,
            },
            "tekst": {"type": "string", "pattern": WRITTEN},
        },
        "required": ["deel", "bron", "tekst"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"regels": {"type": "array", "items": line, "maxItems": MOST_LINES}},
        "required": ["regels"],
        "additionalProperties": False,
    }


def parsed(answer: str, said: Sequence[Said]) -> list[Line]:
    """The lines of an answer, exactly as asked for. Raises ``Unusable`` for anything else: nothing is mended."""
    try:
        found = json.loads(answer, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unusable("het antwoord is geen JSON") from error
    if not isinstance(found, dict) or set(found) != {"regels"} or not isinstance(found["regels"], list):
        raise Unusable("het antwoord heeft een andere vorm dan gevraagd")
    if len(found["regels"]) > MOST_LINES:
        raise Unusable("het antwoord heeft te veel regels")
    known = {one.number for one in said}
    return [_line(item, n, known) for n, item in enumerate(found["regels"], 1)]


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _line(item: object, n: int, known: set[int]) -> Line:
    if not isinstance(item, Mapping) or set(item) != {"deel", "bron", "tekst"}:
        raise Unusable("een regel heeft een andere vorm dan gevraagd")
    section, evidence, text = item["deel"], item["bron"], item["tekst"]
    if not isinstance(section, str) or section not in set(Section):
        raise Unusable("een regel hoort bij geen S, O, E of P")
    if not isinstance(evidence, list) or not 1 <= len(evidence) <= MOST_SOURCES:
        raise Unusable("een regel noemt geen of te veel uitingen")
    if any(type(i) is not int or i not in known for i in evidence):
        raise Unusable("een regel noemt een uiting die er niet is")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise Unusable("een regel is leeg, te lang of onleesbaar")
    return Line(id=f"L{n}", section=Section(section), text=text.strip(), evidence=tuple(sorted(set(evidence))))


def together(parts: Sequence[Sequence[Line]]) -> tuple[Line, ...]:
    """The lines of all parts in the order S, O, E, P; what an overlap made twice stands once."""
    kept: list[Line] = []
    for section in Section:
        for line in (line for part in parts for line in part if line.section is section):
            own = set(words(line.text))
            if not any(
                other.section is section and own <= set(words(other.text)) and set(other.evidence) & set(line.evidence)
                for other in kept
            ):
                kept.append(line)
    return tuple(
        Line(id=f"L{n}", section=one.section, text=one.text, evidence=one.evidence) for n, one in enumerate(kept, 1)
    )
