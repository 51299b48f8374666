"""Drafting a folder of test consults: good files are drafted, bad ones are named and the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from transcribe.soep.bench import BadConsult, BenchResult, draft_folder, read_consult
from transcribe.soep.extractive import ExtractiveDrafter

GOOD = {
    "id": "goed",
    "language": "nl",
    "utterances": [
        {"speaker": "huisarts", "text": "Heeft u koorts?", "start": None},
        {"speaker": "patient", "text": "Nee.", "start": None},
        {"speaker": "huisarts", "text": "Ik denk dat u een keelontsteking heeft.", "start": 3.5, "end": 5.0},
    ],
}


def test_a_folder_is_drafted_in_the_form_of_the_scorer(tmp_path: Path) -> None:
    (tmp_path / "goed.json").write_text(json.dumps(GOOD), encoding="utf-8")
    seen: list[BenchResult] = []
    results = draft_folder(tmp_path, tmp_path / "uit", ExtractiveDrafter(), progress=seen.append)
    assert [r.problem for r in results] == [""]
    assert seen == results
    draft = json.loads((tmp_path / "uit" / "goed.json").read_text(encoding="utf-8"))
    assert draft["S"] == [{"text": "Geen koorts.", "evidence": [0, 1]}]
    assert draft["E"] == [{"text": "Keelontsteking.", "evidence": [2]}]
    assert draft["O"] == draft["P"] == []


BAD = [
    ("geen JSON", "geen geldige JSON"),
    ("[1, 2]", "geen object"),
    ("{}", "'id'"),
    ('{"id": "../weg", "utterances": []}', "'id'"),
    ('{"id": "a"}', "'utterances'"),
    ('{"id": "a", "utterances": {}}', "'utterances'"),
    ('{"id": "a", "utterances": [3]}', "uiting 0"),
    ('{"id": "a", "utterances": [{"speaker": "tante", "text": "x"}]}', "spreker"),
    ('{"id": "a", "utterances": [{"speaker": ["patient"], "text": "x"}]}', "spreker"),
    ('{"id": "a", "utterances": [{"speaker": "patient", "text": 4}]}', "'text'"),
    ('{"id": "a", "utterances": [{"speaker": "patient", "text": "x", "start": "nu"}]}', "seconden"),
    ('{"id": "a", "utterances": [{"speaker": "patient", "text": "x", "start": -1}]}', "seconden"),
    ('{"id": "a", "language": 5, "utterances": []}', "'language'"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_bad_file_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "slecht.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadConsult, match=message.replace("'", ".")):
        read_consult(path)


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "geluid.json"
    path.write_bytes(b"\xff\xfe\x00RIFF")
    with pytest.raises(BadConsult, match="UTF-8"):
        read_consult(path)


def test_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("kapot", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(GOOD), encoding="utf-8")
    results = draft_folder(tmp_path, tmp_path / "uit", ExtractiveDrafter())
    assert [bool(r.problem) for r in results] == [True, False]
    assert (tmp_path / "uit" / "goed.json").exists()


def test_seconds_default_to_the_place_of_the_utterance(tmp_path: Path) -> None:
    path = tmp_path / "goed.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    name, transcript = read_consult(path)
    assert name == "goed"
    assert [(u.start_s, u.end_s) for u in transcript.utterances] == [(0.0, 1.0), (1.0, 2.0), (3.5, 5.0)]
