"""One recording from the command line to a waiting draft, with visible progress. Never shows the draft itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from consent import Consent, ConsentProblem, Device, How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import RATE_HZ
from transcribe.consult import REASON_TEXT, STOPPING, Actor, Consult, Lane, Reason, Status
from transcribe.errors import AudioProblem, NoSpeech, SetupProblem, StoreUnavailable
from transcribe.policy import LIKE_BSN, like_bsn
from transcribe.workflow import Workflow

CHUNK = 1 << 20  # bytes
POLL_S = 0.2
PATIENCE_S = 60.0  # for a database that is away


class Stopped(SetupProblem):
    """The worker stopped at a reason; the sentence is the reason's own."""

    def __init__(self, reason: Reason) -> None:
        self.text = REASON_TEXT[reason]
        super().__init__()


class Unusable(AudioProblem):
    """As ``Stopped``, when it is the recording that can't be used."""

    text = REASON_TEXT[Reason.UNREADABLE]


def file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def consent_given(how: str | None, informed_by: str | None, *, others_informed: bool) -> Consent:
    """The consent that the command's options describe. Raises ``ConsentProblem``: no option, no recording."""
    if how is None:
        raise ConsentProblem(
            "Zonder toestemming van de patiënt wordt niets verwerkt. Geef op: --consent mondeling|schriftelijk|digitaal"
            " --informed-by NAAM --others-informed."
        )
    try:
        manner = How(how)
    except ValueError:
        raise ConsentProblem("Kies bij --consent: mondeling, schriftelijk of digitaal.") from None
    words = current_text("nl")
    return grant(
        how=manner,
        informed_by=informed_by or "",
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=others_informed,
        device=Device.COMPUTER,
        now=datetime.now(UTC),
    )


def bring_in(
    workflow: Workflow,
    actor: Actor,
    file: Path,
    *,
    ref: str,
    consent: Consent,
    layout: tuple[Speaker, ...],
    out: Console,
    lane: Lane = Lane.LIVE,
) -> Consult:
    """Consent, recording, draft. Raises what the rules raise; the file itself is only read."""
    if like_bsn(ref):
        out.print(LIKE_BSN)
    consult = workflow.create(actor, ref, lane)
    try:
        workflow.record_consent(actor, consult.id, consent)
        workflow.receive(actor, consult.id, file_chunks(file), layout)
    except BaseException:
        workflow.discard(actor, consult.id)  # whatever went wrong, nothing half-stored stays behind
        raise
    consult = follow(workflow, consult.id, out)
    out.print("Het concept staat klaar. Controleer het in de browser (transcribe serve).")
    return consult


def follow(workflow: Workflow, consult_id: UUID, out: Console) -> Consult:
    """Show how far a consult is until its draft is there; a worker process does the work.

    Raises ``NoSpeech``, ``Unusable`` or ``Stopped`` when the worker stopped.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} van {task.total:.0f} s"),
        TimeRemainingColumn(),
        console=out,
    )
    with bar:
        task = bar.add_task("Uitschrijven", total=workflow.consult(consult_id).audio_s or RATE_HZ)
        away_s = 0.0
        while True:
            try:
                consult = workflow.consult(consult_id)
            except StoreUnavailable:
                # the supervisor brings our own database back; until then there is only waiting
                if away_s >= PATIENCE_S:
                    raise
                away_s += POLL_S
                time.sleep(POLL_S)
                continue
            away_s = 0.0
            bar.update(task, completed=consult.progress_s, total=consult.audio_s or None)
            if consult.reason in STOPPING or consult.status not in {Status.RECORDED, Status.TRANSCRIBED}:
                break
            time.sleep(POLL_S)
    if consult.reason is Reason.NO_SPEECH:
        raise NoSpeech
    if consult.reason is Reason.UNREADABLE:
        raise Unusable
    if consult.reason in STOPPING:
        assert consult.reason is not None
        raise Stopped(consult.reason)
    return consult
