"""The English benchmark: encounters to transcripts, headers, and the command. All people are invented."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.english import aci, bench
from benchmarks.english.headers import Headers, counts, features
from transcribe.asr.transcript import Speaker
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Section

ENCOUNTER = {
    "id": "A1",
    "dialogue": "\n".join(
        [
            "[doctor] hi , martha . how are you ?",
            "[patient] i 've had a cough for three weeks , doctor .",
            "[patient_guest] she does n't sleep .",
            "[doctor] okay do you have any fever or chills so have you lost weight",
            "[patient] no",
            "[doctor] let me take a look at you .",
            "[doctor] your lungs are clear .",
            "[doctor] i think you have bronchitis .",
            "[doctor] i 'm gon na prescribe amoxicillin five hundred milligrams three times a day , okay ?",
        ]
    ),
    "note": "CHIEF COMPLAINT\n\nCough.",
}


def test_an_encounter_becomes_a_transcript() -> None:
    said = aci.transcript(ENCOUNTER).utterances
    assert [u.speaker for u in said[:4]] == [
        Speaker.HUISARTS, Speaker.PATIENT, Speaker.BEGELEIDER, Speaker.HUISARTS,
    ]  # fmt: skip
    assert said[0].text == "Hi, martha. How are you?"
    assert said[2].text == "She doesn't sleep."
    assert said[3].text == "Okay do you have any fever or chills so have you lost weight?"
    assert said[8].text == "I 'm gonna prescribe amoxicillin five hundred milligrams three times a day, okay?"


def test_a_long_turn_without_punctuation_is_cut() -> None:
    text = aci.restored(
        "okay so any pain in your foot or your ankle okay now i want you to rest for a week", doctor=True
    )
    assert text == "Okay. So any pain in your foot or your ankle? Okay. Now I want you to rest for a week."
    assert "?" not in aci.restored("so any pain in your foot", doctor=False)


def test_a_draft_as_text_has_its_sections() -> None:
    note = ExtractiveDrafter().draft(aci.transcript(ENCOUNTER))
    whole = aci.as_text(note)
    assert whole.startswith("SUBJECTIVE\n\n")
    assert "ough for 3 weeks" in whole
    assert "No fever, chills" in whole
    assert "amoxicillin 500 mg 3dd" in aci.as_text(note, aci.DIVISIONS["assessment_and_plan"])
    assert "ungs clear" in aci.as_text(note, (Section.O,))
    assert "ungs clear" not in aci.as_text(note, (Section.S,))


def test_words_and_pairs_are_counted_and_weighed() -> None:
    assert counts("Any pain? Any?") == {"word": {"any": 2, "pain": 1}, "pair": {"any pain": 1, "pain any": 1}}
    named, shape = features("Doctor: any pain?\nGuest: no", {"word": {"any": 3.0, "no": 4.0}, "pair": {}})
    assert named == {"word:any": pytest.approx(0.6), "word:no": pytest.approx(0.8)}
    assert len(shape) == 4


SAID = {
    "ALLERGY": "Doctor: Are you allergic to any medicine?\nPatient: Yes, penicillin gives me a rash.",
    "MEDICATIONS": "Doctor: What medications do you take?\nPatient: Lisinopril ten milligrams and a baby aspirin.",
    "PASTSURGICAL": "Doctor: Any surgeries in the past?\nPatient: They took out my appendix and my tonsils.",
    "FAM/SOCHX": "Doctor: Do you smoke or drink?\nPatient: No. I live with my wife, and I am retired.",
}


@pytest.mark.parametrize("header", SAID)
def test_plain_dialogues_get_their_header(header: str) -> None:
    assert Headers.load().header(SAID[header]) == header


def test_the_weights_are_whole() -> None:
    model = Headers.load()
    assert len(model.names) == 20
    assert model.weights.shape == (len(model.place) + 5, 20)
    assert model.header("") in model.names


#: Not ours to include: beside the checkout, or where the variable says.
DATA = Path(os.environ.get("TRANSCRIBE_ENGLISH_DATA", Path(__file__).resolve().parents[3] / "shared" / "english"))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="no folder with MTS-Dialog and ACI-Bench (TRANSCRIBE_ENGLISH_DATA)")
def test_headers_on_the_validation_split() -> None:
    gold = bench.rows(DATA / "mts-dialog" / "valid.jsonl")
    found = bench.predicted_headers(gold)
    assert sum(a["header"] == b["header"] for a, b in zip(gold, found, strict=True)) / len(gold) >= 0.7


def test_the_command_writes_predictions_and_asks_the_scorer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    scorer = tmp_path / "tools" / "score_english.py"
    for path, row in (
        (data / "mts-dialog" / "valid.jsonl", {"id": "0", "header": "ALLERGY", "dialogue": SAID["ALLERGY"]}),
        (data / "aci-bench" / "valid.jsonl", ENCOUNTER),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    scorer.parent.mkdir()
    scorer.write_text("import sys; print(open(sys.argv[5]).read().count('\\n'), sys.argv[1])", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["bench", "--data", str(data), "--out", str(tmp_path / "out")])
    bench.main()
    shown = capsys.readouterr().out
    assert "MTS-Dialog, section header: 1 header" in shown
    assert "ACI-Bench, assessment_and_plan: 1 note" in shown
    assert json.loads((tmp_path / "out" / "headers.jsonl").read_text(encoding="utf-8"))["header"] == "ALLERGY"


def test_without_the_data_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--data", str(tmp_path / "data")])
    with pytest.raises(SystemExit):
        bench.main()
    assert "is not there" in capsys.readouterr().err
