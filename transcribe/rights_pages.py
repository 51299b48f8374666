"""What a patient gets who asks what is kept: one file with a page to read, the same as JSON, and the sound.

Always in Dutch: it is a letter to a patient, not a screen.
"""

from __future__ import annotations

import json
import os
import wave
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import IO, Any, cast

from consent import Consent
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.consult import Consult
from transcribe.erasure import WHAT, ground
from transcribe.i18n import PRACTICE_ZONE
from transcribe.rights import Held, KeptNote
from transcribe.soep.note import Line, Note, Section
from transcribe.video import video_line
from transcribe.workflow import Pcm16File

DRAFT = "CONCEPT, niet vastgesteld"
_CHUNK = 1 << 20  # bytes

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
table { border-collapse: collapse; width: 100% }
td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; overflow-wrap: anywhere }
article { border-top: 2px solid; margin-top: 2rem }
.draft { border-left: .4rem solid #b45309; padding-left: 1rem }
.mark { font-weight: bold }
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that goes into one file."""

    at: datetime
    patient_ref: str
    practice: str
    held: Sequence[Held]
    drafts: bool  # a doctor decided that they go along
    decided_by: str


@contextmanager
def private_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A new file that only we can read; it has its name when it is whole. Raises ``FileExistsError``, ``OSError``."""
    if path.exists():
        raise FileExistsError(path)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
                yield target
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sound_name(consult: Consult) -> str:
    return f"geluid/{consult.id}.wav"


def put_sound(target: zipfile.ZipFile, consult: Consult, sound: Pcm16File) -> None:
    """As WAV, a piece at a time."""
    with sound.file as pcm, target.open(zipfile.ZipInfo(sound_name(consult)), "w", force_zip64=True) as entry:
        frames = pcm.seek(0, os.SEEK_END) // (SAMPLE_BYTES * sound.channels)
        pcm.seek(0)
        with wave.open(cast("IO[bytes]", _Forward(entry)), "wb") as wav:
            wav.setnchannels(sound.channels)
            wav.setsampwidth(SAMPLE_BYTES)
            wav.setframerate(RATE_HZ)
            wav.setnframes(frames)
            while piece := pcm.read(_CHUNK):
                wav.writeframesraw(piece)


def put_pages(target: zipfile.ZipFile, answer: Answer, sounds: Iterable[Consult]) -> None:
    with_sound = {consult.id for consult in sounds}
    document = {
        "gemaakt": answer.at.isoformat(),
        "patientkenmerk": answer.patient_ref,
        "praktijk": answer.practice,
        "concepten": f"meegegeven op besluit van {answer.decided_by}" if answer.drafts else "niet meegegeven",
        "consulten": [_as_json(one, answer, sound=one.consult.id in with_sound) for one in answer.held],
    }
    target.writestr("gegevens.json", json.dumps(document, ensure_ascii=False, indent=2))
    target.writestr("index.html", _page(answer, with_sound))


# -- as data -------------------------------------------------------------------------------------------------------


def _as_json(held: Held, answer: Answer, *, sound: bool) -> dict[str, Any]:
    consult = held.consult
    return {
        "nummer": str(consult.id),
        "status": consult.status.value,
        "begonnen": consult.created_at.isoformat(),
        "gewijzigd": consult.changed_at.isoformat(),
        "soort_contact": consult.contact.kind.value if consult.contact.kind else None,
        "contact_dag": consult.contact.day.isoformat() if consult.contact.day else None,
        "contact_begin": _iso(consult.contact.began),
        "contact_einde": _iso(consult.contact.ended),
        "opname_seconden": consult.audio_s,
        "opname_bestand": sound_name(consult) if sound else None,
        "videogegevens": video_line(held.video) if held.video else None,
        "toestemming": [_consent(one) for one in held.consents],
        "transcript": None
        if held.transcript is None
        else [
            {"wie": said.speaker.value, "van_s": said.start_s, "tot_s": said.end_s, "tekst": said.text}
            for said in held.transcript.utterances
        ],
        "verslagen": [_note(one, drafts=answer.drafts) for one in held.notes],
        "concepten_niet_meegegeven": 0 if answer.drafts else held.drafts,
        "bericht_aan_collega": held.message or None,
        "akkoord": [
            {
                "door": one.approved_by,
                "rol": one.role.value,
                "op": one.approved_at.isoformat(),
                "versie": one.note_version,
            }
            for one in held.approvals
        ],
        "overgenomen_in_his": [
            {"deel": one.part, "door": one.delivered_by, "op": one.delivered_at.isoformat()} for one in held.deliveries
        ],
        "vernietigd": [
            {
                "bewijs": str(one.id),
                "wat": WHAT[one.purpose],
                "op": one.destroyed_at.isoformat(),
                "waarom": ground(one.why).why,
                "compleet_op": _iso(one.cleared_at),
            }
            for one in held.certificates
        ],
        "wie_deed_wat": [
            {
                "op": one.at.isoformat(),
                "wie": one.actor,
                "rol": one.role.value,
                "wat": one.action.value,
                "bijzonderheid": one.detail,
            }
            for one in held.events
        ],
    }


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "versie": consent.version,
        "status": consent.status.value,
        "waarvoor": sorted(purpose.value for purpose in consent.purposes),
        "door": consent.given_by.value if consent.given_by else None,
        "hoe": consent.how.value if consent.how else None,
        "leeftijd": consent.age.value if consent.age else None,
        "relatie": consent.relation.value if consent.relation else None,
        "anderen_aanwezig": consent.others_present,
        "vastgelegd_door": consent.recorded_by,
        "ingetrokken_door": consent.withdrawn_by.value if consent.withdrawn_by else None,
        "geinformeerd_door": consent.informed_by,
        "tekst": consent.text_id,
        "op": consent.recorded_at.isoformat(),
        "ingetrokken_op": _iso(consent.withdrawn_at),
    }


def _note(kept: KeptNote, *, drafts: bool) -> dict[str, Any]:
    draft = kept.approval is None

    def row(line: Line) -> dict[str, str]:
        return {"deel": line.section.value, "tekst": f"{DRAFT}: {line.text}" if draft else line.text}

    return {
        "versie": kept.version,
        "stand": DRAFT if draft else "vastgesteld",
        "regels": [
            [row(line) for section in Section for line in report.section(section)] for report in kept.note.reports
        ],
        "codes": [f"{code.code} {code.title}".strip() for report in kept.note.reports for code in report.codes],
        # what the doctor took out is draft text that was never signed
        "verwijderde_regels": [f"{DRAFT}: {line.text}" for _, line in kept.note.removed] if drafts else [],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


# -- to read -------------------------------------------------------------------------------------------------------


def _page(answer: Answer, with_sound: set[Any]) -> str:
    count = len(answer.held)
    parts = [
        "<!doctype html><html lang=nl><head><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Uw gegevens</title><style>{_STYLE}</style></head><body><main><h1>Uw gegevens</h1>",
        f"<p>Dit is alles wat {escape(answer.practice) or 'de praktijk'} op {_moment(answer.at)} van u bewaart in het ",
        "programma dat spreekuurgesprekken uitschrijft. Uw medisch dossier staat in het systeem van de huisarts (het ",
        "HIS); dat vraagt u apart op.</p>",
        f"<p>Patiëntkenmerk: {escape(answer.patient_ref)}. {'1 consult' if count == 1 else f'{count} consulten'}, de ",
        "nieuwste eerst. Dezelfde gegevens staan in <code>gegevens.json</code>, voor een computer.</p>",
    ]
    if not answer.drafts and any(one.drafts for one in answer.held):
        parts.append(
            "<p>Van sommige consulten is er een concept: tekst die een computer schreef en die nog geen arts heeft "
            "gecontroleerd. Dat is nog geen verslag over u en staat hier niet bij. De arts controleert het of gooit "
            "het weg; daarna kunt u opnieuw om inzage vragen.</p>"
        )
    for number, one in enumerate(answer.held, 1):
        parts += _article(number, one, answer, sound=one.consult.id in with_sound)
    parts.append("</main></body></html>")
    return "".join(parts)


def _article(number: int, held: Held, answer: Answer, *, sound: bool) -> Iterator[str]:
    consult = held.consult
    yield f"<article><h2>Consult {number}: {_moment(consult.created_at)}</h2>"
    yield _rows(
        {
            "Nummer": str(consult.id),
            "Stand": consult.status.value,
            "Soort contact": consult.contact.kind.value if consult.contact.kind else "",
            "Dag van het contact": f"{consult.contact.day:%d-%m-%Y}" if consult.contact.day else "",
            "Opname": _length(consult.audio_s),
            "Videogegevens": video_line(held.video) if held.video else "",
            "Bericht aan een collega": held.message,
        }
    )
    if sound:
        yield f"<p>De opname is er nog: <a href='{sound_name(consult)}'>luister</a>.</p>"
    elif consult.audio_s and not held.certificates:
        yield "<p>De opname zit niet in dit bestand: zij is niet gevonden of nog niet klaar.</p>"
    for kept in held.notes:
        yield from _note_part(kept, drafts=answer.drafts)
    if held.drafts and not answer.drafts:
        yield "<p>Er is een concept dat nog geen arts heeft gecontroleerd; dat staat hier niet bij.</p>"
    if held.transcript is not None:
        yield "<h3>Wat er is gezegd</h3><p>Uitgeschreven door een computer en niet gecontroleerd; er kunnen fouten in "
        yield "staan.</p><table>"
        for said in held.transcript.utterances:
            yield _row(_clock(said.start_s), escape(said.speaker.value), escape(said.text))
        yield "</table>"
    if held.consents:
        yield "<h3>Toestemming</h3><table>"
        for consent in held.consents:
            moment = consent.withdrawn_at or consent.recorded_at
            what = ", ".join(sorted(purpose.value for purpose in consent.purposes))
            yield _row(
                _moment(moment),
                escape(consent.status.value),
                escape(what),
                escape(consent.how.value if consent.how else ""),
            )
        yield "</table>"
    if held.deliveries:
        yield "<h3>Overgenomen in uw dossier</h3><table>"
        for copied in held.deliveries:
            yield _row(_moment(copied.delivered_at), escape(copied.delivered_by), escape(copied.part))
        yield "</table>"
    if held.certificates:
        yield "<h3>Wat is vernietigd</h3><table>"
        for proof in held.certificates:
            yield _row(_moment(proof.destroyed_at), escape(WHAT[proof.purpose]), escape(ground(proof.why).why))
        yield "</table>"
    yield "<h3>Wie deed wat</h3><table>"
    for event in held.events:
        who = f"{event.actor} ({event.role.value})"
        yield _row(_moment(event.at), escape(who), escape(event.action.value), escape(event.detail))
    yield "</table></article>"


def _note_part(kept: KeptNote, *, drafts: bool) -> Iterator[str]:
    if kept.approval is None:
        yield f"<section class=draft><h3>{DRAFT}</h3><p>Een computer schreef dit; geen arts heeft het vastgesteld.</p>"
    else:
        signed = f"{escape(kept.approval.approved_by)} op {_moment(kept.approval.approved_at)}"
        yield f"<section><h3>Verslag</h3><p>Vastgesteld door {signed}.</p>"
    yield from _lines(kept.note, draft=kept.approval is None)
    if drafts and kept.note.removed:
        yield f"<h4>Door de arts verwijderd ({DRAFT})</h4>"
        yield "".join(f"<p><span class=mark>{DRAFT}</span> {escape(line.text)}</p>" for _, line in kept.note.removed)
    yield "</section>"


def _lines(note: Note, *, draft: bool) -> Iterator[str]:
    mark = f"<span class=mark>{DRAFT}</span> " if draft else ""
    for report in note.reports:
        yield "<table>"
        for section in Section:
            for line in report.section(section):
                yield _row(section.value, f"{mark}{escape(line.text)}")
        for code in report.codes:
            yield _row(code.section.value, f"{mark}ICPC {escape(code.code)} {escape(code.title)}")
        yield "</table>"


def _rows(fields: Mapping[str, str]) -> str:
    return "<table>" + "".join(_row(name, escape(value)) for name, value in fields.items() if value) + "</table>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(PRACTICE_ZONE):%d-%m-%Y %H:%M}"


def _length(seconds: float | None) -> str:
    return "" if not seconds else f"{_clock(seconds)} (minuten:seconden)"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class _Forward:
    """A place in a zip that takes bytes and never goes back: the length of the sound is known beforehand."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target

    def write(self, data: bytes) -> int:
        return self._target.write(data)

    def flush(self) -> None:
        """When the zip is."""
