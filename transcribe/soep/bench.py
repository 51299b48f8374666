"""Drafts for a folder of test consults: what ``transcribe eval draft`` does. Never touches a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.ports import Drafter
from transcribe.soep.note import Note, Section


class BadConsult(ValueError):
    """A file that is no test consult; the message says why, in Dutch."""


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """How one file went. ``problem`` is empty when its draft was written."""

    file: Path
    problem: str = ""


def read_consult(path: Path) -> tuple[str, Transcript]:
    """The id and the transcript of one test consult. Raises ``BadConsult``."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConsult(f"niet te lezen: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConsult("geen UTF-8-tekst") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadConsult("geen geldige JSON") from error
    return as_consult(data)


def as_consult(data: object) -> tuple[str, Transcript]:
    """The same for a consult that was already read from its JSON."""
    if not isinstance(data, dict):
        raise BadConsult("het buitenste is geen object")
    name = data.get("id")
    if not isinstance(name, str) or not name or Path(name).name != name or name in (".", ".."):
        raise BadConsult("'id' ontbreekt of is geen bestandsnaam")
    items = data.get("utterances")
    if not isinstance(items, list):
        raise BadConsult("'utterances' ontbreekt of is geen lijst")
    language = data.get("language", "nl")
    if not isinstance(language, str):
        raise BadConsult("'language' is geen tekst")
    utterances = tuple(_utterance(item, n) for n, item in enumerate(items))
    return name, Transcript(utterances=utterances, language=language, model="test consult")


def _utterance(item: object, n: int) -> Utterance:
    if not isinstance(item, dict):
        raise BadConsult(f"uiting {n} is geen object")
    speaker, text = item.get("speaker"), item.get("text")
    if not isinstance(speaker, str) or speaker not in set(Speaker):
        raise BadConsult(f"uiting {n}: onbekende spreker {speaker!r}")
    if not isinstance(text, str):
        raise BadConsult(f"uiting {n}: 'text' is geen tekst")
    start = _seconds(item.get("start"), n, float(n))
    end = max(start, _seconds(item.get("end"), n, start + 1.0))
    return Utterance(speaker=Speaker(speaker), text=text, start_s=start, end_s=end)


def _seconds(value: object, n: int, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise BadConsult(f"uiting {n}: tijd {value!r} is geen aantal seconden")
    return float(value)


def as_draft(note: Note) -> dict[str, list[dict[str, object]]]:
    """A note in the form of the scorer: items by section."""
    return {
        section.value: [
            {"text": line.text, "evidence": list(line.evidence)}
            for report in note.reports
            for line in report.section(section)
        ]
        for section in Section
    }


def draft_folder(
    consults: Path, out: Path, drafter: Drafter, *, progress: Callable[[BenchResult], None] = lambda _: None
) -> list[BenchResult]:
    """Draft every ``*.json`` of a folder into ``out/{id}.json``. A bad file is reported and the others go on."""
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for path in sorted(consults.glob("*.json")):
        try:
            name, transcript = read_consult(path)
            text = json.dumps(as_draft(drafter.draft(transcript)), ensure_ascii=False, indent=1)
            (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
            result = BenchResult(file=path)
        except BadConsult as problem:
            result = BenchResult(file=path, problem=str(problem))
        results.append(result)
        progress(result)
    return results
