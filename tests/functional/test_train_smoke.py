"""The recipe of the demo model runs from text to a model that faster-whisper loads, and goes on where it stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "models" / "demo-nl" / "train" / "run.py"
FILES = {"config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json"}


@pytest.fixture
def _what_training_needs() -> None:
    missing = [
        name for name in ("torch", "transformers", "jiwer", "soundfile", "scipy") if not importlib.util.find_spec(name)
    ]
    if missing:
        pytest.skip(f"the extra 'train' is not installed (no {', '.join(missing)})")
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")


def recipe(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(RECIPE), *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("_what_training_needs")
def test_a_tiny_model_is_made_measured_and_trained_further(tmp_path: Path) -> None:
    work = str(tmp_path)
    told = recipe("all", "--smoke", "--work", work)
    assert "from step 0" in told
    assert "demo consults, by utterance: WER" in told
    assert "unseen sentences (patterns), 4 at a time: WER" in told
    assert {path.name for path in (tmp_path / "model").iterdir()} == FILES

    # A run that was stopped goes on: same folder, same command, further than before.
    assert "from step 30" in recipe("train", "--smoke", "--work", work, "--steps", "33")

    # Halfway to the weights another folder started with: still a model.
    start = str(tmp_path / "run" / "checkpoint.pt")
    recipe("export", "--smoke", "--work", work, "--start", start, "--share", "0.5", "--to", str(tmp_path / "model"))
    assert (tmp_path / "mixed.pt").exists()

    from faster_whisper import WhisperModel

    assert WhisperModel(str(tmp_path / "model"), device="cpu", compute_type="int8").model.is_multilingual


def the_text() -> ModuleType:
    return loaded("text.py")


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"demo_nl_{Path(name).stem}", RECIPE.with_name(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_seed_writes_the_same_text_and_nothing_held_out() -> None:
    text = the_text()
    held = text.draw_held_out(40, 7, text.PATTERNS)
    first, again = (text.write(500, 3, held, ["aalbes", "zwaluw"]) for _ in range(2))
    assert first == again
    assert not {text.plain(sentence) for sentence in first} & {text.plain(sentence) for sentence in held}
    assert text.number_words(1234) == "duizend tweehonderdvierendertig"
    assert text.number_words(72) == "tweeënzeventig"


def test_talks_are_said_as_written_joined_within_a_turn_and_with_words_swapped(tmp_path: Path) -> None:
    text = the_text()
    turns = [["Kwispel hinkt zo.", "Sinds zondag hinkt hij."], ["Rare poot, hoor."], ["Dit blijft geheim, dokter."]]
    talk = {"utterances": [{"sentences": [[sentence, "S"] for sentence in turn]} for turn in turns]}
    (tmp_path / "one.json").write_text(json.dumps(talk), encoding="utf-8")
    assert text.read_talks(tmp_path) == turns
    assert text.read_talks(tmp_path / "absent") == []

    lines = text.write(3000, 5, ["dit blijft geheim dokter"], [], turns)
    assert lines == text.write(3000, 5, ["dit blijft geheim dokter"], [], turns)
    assert {"Kwispel hinkt zo.", "Kwispel hinkt zo. Sinds zondag hinkt hij.", "Rare poot, hoor."} <= set(lines)
    assert not any("geheim" in line for line in lines)
    assert not any("Rare poot, hoor. " in line for line in lines)  # turns are never mixed
    assert any("kwispel" in line.lower() and "hinkt zo" not in line for line in lines)  # words in other company
    # Without talks the other kinds fill their place.
    assert len(text.write(300, 5, [], [])) == 300


def test_what_measures_the_model_is_kept_out_of_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = the_text()
    monkeypatch.setitem(sys.modules, "text", text)
    kept = {text.plain(sentence) for sentence in loaded("run.py").kept_out()}
    root = RECIPE.parents[3]
    for said in utterances(root / "transcribe" / "demo" / "consults"):
        assert text.plain(said) in kept
    for said in utterances(root / "benchmarks" / "consults"):
        for sentence in re.split(r"(?<=[.?!]) ", said):
            assert (text.plain(sentence) in kept) or len(sentence.split()) <= 3, sentence


def utterances(folder: Path) -> list[str]:
    consults = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    assert consults
    return [utterance["text"] for consult in consults for utterance in consult["utterances"]]
