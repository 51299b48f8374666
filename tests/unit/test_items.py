"""What the row, the file and the consult of a recording come to: a truth table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from consent import How, current_text, grant, refuse
from transcribe.asr.transcript import Speaker
from transcribe.batch.items import State, before, state_of
from transcribe.batch.manifest import Entry, NoRef
from transcribe.consult import Consult, Reason, Status

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORDS = current_text("nl")
YES = grant(
    how=How.SPOKEN, informed_by="B", text_id=WORDS.id, text_sha256=WORDS.sha256, others_informed=True, now=NOW,
)  # fmt: skip
NO = refuse(informed_by="B", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
ROW = Entry(name="a.mp4", row=2, ref="P-1", consent=YES, layout=(Speaker.HUISARTS, Speaker.PATIENT))
MADE = Consult(
    id=uuid4(), patient_ref="P-1", status=Status.DRAFTED, created_at=NOW, changed_at=NOW, version=1,
    channels=(Speaker.HUISARTS, Speaker.PATIENT),
)  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "whole", "state"),
    [
        (None, True, State.NO_ROW),
        (replace(ROW, problem=NoRef()), True, State.BAD_ROW),
        (ROW, False, State.NO_FILE),
        (replace(ROW, consent=None), True, State.NO_CONSENT),
        (replace(ROW, consent=NO), True, State.REFUSED),
        (ROW, True, State.READY),
    ],
)
def test_by_the_row_and_the_file(entry: Entry | None, whole: bool, state: State) -> None:
    assert before(entry, whole=whole) is state


@pytest.mark.parametrize(
    ("row", "consult", "state"),
    [
        ({}, None, State.READY),
        ({}, {"status": Status.NEW, "channels": ()}, State.READY),
        ({}, {"status": Status.CONSENTED, "channels": ()}, State.READY),
        ({}, {"status": Status.RECORDED}, State.WAITING),
        ({}, {"status": Status.RECORDED, "progress_s": 3.0}, State.BUSY),
        ({}, {"status": Status.RECORDED, "reason": Reason.NO_SPEECH}, State.STOPPED),
        ({}, {}, State.BEFORE),
        ({"ref": " p-1"}, {}, State.BEFORE),
        ({"ref": "P-2"}, {}, State.OTHER_REF),
        ({"ref": "P-2"}, {"status": Status.CONSENTED, "channels": ()}, State.OTHER_REF),
        ({"layout": (Speaker.PATIENT, Speaker.HUISARTS)}, {}, State.OTHER_LAYOUT),
        ({"layout": (Speaker.PATIENT, Speaker.HUISARTS)}, {"status": Status.APPROVED}, State.BEFORE),
        ({"layout": (Speaker.PATIENT, Speaker.HUISARTS), "second": "b.mp4"}, {}, State.BEFORE),
        ({}, {"channels": (Speaker.ONBEKEND,)}, State.BEFORE),  # one channel after all
        ({"consent": None}, None, State.NO_CONSENT),
        ({"consent": None}, {}, State.KEPT),
        ({"consent": NO}, {}, State.KEPT),
        ({"consent": NO}, {"status": Status.CONSENTED}, State.KEPT),
        ({"consent": NO}, {"status": Status.NEW}, State.REFUSED),
        ({"consent": NO}, {"status": Status.WITHDRAWN}, State.REFUSED),
        ({}, {"status": Status.DISCARDED}, State.GONE),
        ({}, {"status": Status.DISCARDED, "reason": Reason.UNUSABLE}, State.FAILED),
        ({"ref": "P-2"}, {"status": Status.ERASED, "patient_ref": ""}, State.GONE),
    ],
)
def test_by_the_row_and_the_consult(row: dict[str, object], consult: dict[str, object] | None, state: State) -> None:
    made = None if consult is None else replace(MADE, **consult)  # type: ignore[arg-type]
    assert state_of(replace(ROW, **row), made) is state  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [Status.WITHDRAWN, Status.REFUSED, Status.ERASED])
def test_after_a_withdrawal_only_a_later_consent_counts(status: Status) -> None:
    over = replace(MADE, status=status)
    assert state_of(ROW, over, ended=NOW + HOUR) is State.WITHDRAWN
    assert state_of(ROW, over, ended=NOW) is State.WITHDRAWN
    assert state_of(ROW, over, ended=NOW - HOUR) is State.GONE
