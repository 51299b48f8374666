"""The recipe of the demo model runs from text to a model that faster-whisper loads, and goes on where it stopped."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

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

    from faster_whisper import WhisperModel

    assert WhisperModel(str(tmp_path / "model"), device="cpu", compute_type="int8").model.is_multilingual


def test_the_same_seed_writes_the_same_text_and_nothing_held_out() -> None:
    spec = importlib.util.spec_from_file_location("demo_nl_text", RECIPE.with_name("text.py"))
    assert spec is not None
    assert spec.loader is not None
    text = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(text)

    held = text.draw_held_out(40, 7, text.PATTERNS)
    first, again = (text.write(500, 3, held, ["aalbes", "zwaluw"]) for _ in range(2))
    assert first == again
    assert not {text.plain(sentence) for sentence in first} & {text.plain(sentence) for sentence in held}
    assert text.number_words(1234) == "duizend tweehonderdvierendertig"
    assert text.number_words(72) == "tweeënzeventig"
