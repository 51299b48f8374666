"""Measure and print: word error rate, real-time factor, time to the draft, the drafter's time.

    python scripts/bench.py [--consults DIR] [--write]
    python scripts/bench.py --blobs
    python scripts/bench.py --draft

``--consults``: a folder of Dutch consults in the schema of transcribe/demo/consults, rendered anew with espeak-ng
(needs the extra ``train``). ``--write``: put the word error rates beside the model, where the demo's pages find them.
Everything runs on the bundled demo model, here and now; nothing is remembered from an earlier run.
``--blobs``: only how fast sealed sound is written and read, in a folder and in an object store (moto, which is slow
itself: a lower bound).
``--draft``: only how long the drafter and the check take for half an hour of talk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from uuid import uuid4

import jiwer

from transcribe.app import choose_model, make_drafter, make_transcriber
from transcribe.asr.evaluate import evaluate_folder
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.audio.decode import PyAvDecoder
from transcribe.demo import CONSULTS
from transcribe.settings import Settings
from transcribe.soep.bench import read_consult
from transcribe.soep.check import open_findings
from transcribe.store.blobs import open_blobs
from transcribe.store.crypto import new_key
from transcribe.store.sound import SealedAudioStore

ROOT = Path(__file__).resolve().parent.parent
CHANNELS = (Speaker.HUISARTS, Speaker.PATIENT)


def words(text: str) -> str:
    """Lower case, letters only: how the demo model's figures are counted."""
    return " ".join(re.sub(r"[^a-zà-ÿ' ]", " ", text.lower()).split())


def compare(truth: Path, heard: Path) -> tuple[float, float]:
    """Word error rate of one consult, and the share of true utterances whose both edges are within 0.3 s."""
    spoken = json.loads(truth.read_text(encoding="utf-8"))["utterances"]
    found = json.loads(heard.read_text(encoding="utf-8"))["transcript"]["utterances"]
    error_rate = jiwer.wer(words(" ".join(u["text"] for u in spoken)), words(" ".join(u["text"] for u in found)))
    return error_rate, _edges(spoken, found)


def _edges(spoken: list[dict[str, object]], found: list[dict[str, object]]) -> float:
    def near(moment: object, key: str) -> bool:
        return any(abs(float(u[key]) - float(moment)) <= 0.3 for u in found)  # type: ignore[arg-type]

    return sum(near(u["start"], "start") and near(u["end"], "end") for u in spoken) / len(spoken)


def render(consults: Path, folder: Path) -> None:
    """Speak consults anew with espeak-ng, both channels, by the recipe of the demo recordings."""
    script = ROOT / "models" / "demo-nl" / "train" / "render_demo.py"
    for consult in sorted(consults.glob("*.json")):
        if json.loads(consult.read_text(encoding="utf-8")).get("language", "nl") != "nl":
            continue  # the model knows Dutch voices only
        copy = folder / consult.name
        copy.write_bytes(consult.read_bytes())
        subprocess.run([sys.executable, script, copy], check=True, capture_output=True)


def hear(folder: Path, truth: Path, title: str) -> float:
    """Transcribe a folder and print its figures. Returns the mean word error rate."""
    model = choose_model(Settings.from_env(demo=True))
    if model is None:
        sys.exit("the demo model is not there")
    transcriber = make_transcriber(model)
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        evaluate_folder(
            folder,
            Path(out),
            decoder=PyAvDecoder(),
            transcriber=transcriber,
            drafter=make_drafter(Settings.from_env(demo=True)),
            channels=CHANNELS,
        )
        took = time.perf_counter() - began
        rates, edges = zip(
            *(
                compare(truth / path.name, path)
                for path in sorted(Path(out).glob("*.json"))
                if path.stem in names(truth)
            ),
            strict=True,
        )
    seconds = sum(json.loads((truth / f"{n}.json").read_text())["utterances"][-1]["end"] for n in names(truth))
    print(
        f"{title}: {len(rates)} recordings, word error rate {statistics.mean(rates):.1%} "
        f"({min(rates):.1%} to {max(rates):.1%}), both edges within 0.3 s {statistics.mean(edges):.0%}, "
        f"real-time factor {took / seconds:.3f} (decode, voice detection, recognition, draft)"
    )
    return statistics.mean(rates)


def names(truth: Path) -> set[str]:
    return {path.stem for path in truth.glob("*.json")}


def draft_time() -> None:
    """Draft and check of half an hour of talk, 4,500 words: consults of the benchmark one after the other."""
    turns: list[Utterance] = []
    for path in sorted((ROOT / "benchmarks" / "consults").glob("*.json")):
        turns += read_consult(path)[1].utterances
        if sum(len(turn.text.split()) for turn in turns) >= 4500:
            break
    long = Transcript(utterances=tuple(turns))
    drafter = make_drafter(Settings.from_env(demo=True))
    drafting, checking = [], []
    for _ in range(5):
        began = time.process_time()
        note = drafter.draft(long)
        drafted = time.process_time()
        open_findings(note, long)
        drafting.append(drafted - began)
        checking.append(time.process_time() - drafted)
    both = [a + b for a, b in zip(drafting, checking, strict=True)]
    print(
        f"{len(long.utterances)} utterances (30 min of talk), processor time, least of {len(both)} (median): "
        + ", ".join(
            f"{title} {min(took):.2f} s ({statistics.median(took):.2f})"
            for title, took in (("draft", drafting), ("check", checking), ("together", both))
        )
    )


def blob_speed(megabytes: int = 40) -> None:
    """Sealed sound to a store and back, in pieces of 1 MB as the use cases do, and jumps to a random place."""
    sys.path.insert(0, str(ROOT))
    from tests.object_server import run_object_server

    sound = os.urandom(1 << 20)
    with tempfile.TemporaryDirectory() as folder, run_object_server() as server:
        os.environ.update(server.environment)
        for title, location in (("folder", folder), ("S3 (moto)", server.address())):
            store, consult, key = SealedAudioStore(open_blobs(location, Path(folder))), uuid4(), new_key()
            began = time.perf_counter()
            store.write(consult, "upload", key, (sound for _ in range(megabytes)))
            written = time.perf_counter()
            with store.open(consult, "upload", key) as file:
                while file.read(1 << 20):
                    pass
                read = time.perf_counter()
                jumps = []
                for _ in range(30):
                    began_jump = time.perf_counter()
                    file.seek(random.randrange(megabytes << 20))
                    file.read(1)
                    jumps.append(time.perf_counter() - began_jump)
            print(
                f"sealed sound, {title}: write {megabytes / (written - began):.0f} MB/s, "
                f"read {megabytes / (read - written):.0f} MB/s, jump median {1000 * statistics.median(jumps):.2f} ms"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=Path, help="consults to render and hear as well")
    parser.add_argument("--write", action="store_true", help="put the figures beside the model")
    parser.add_argument("--blobs", action="store_true", help="only the speed of the places for sound")
    parser.add_argument("--draft", action="store_true", help="only the time of the draft and its check")
    args = parser.parse_args()
    if args.blobs:
        blob_speed()
        return
    if args.draft:
        draft_time()
        return
    figures = {"wer_demo": f"{hear(CONSULTS, CONSULTS, 'demo consults as shipped'):.0%}".replace("%", " %")}
    if args.consults:
        with tempfile.TemporaryDirectory() as folder:
            render(args.consults, Path(folder))
            rate = hear(Path(folder), Path(folder), "freshly rendered consults")
            figures["wer_open"] = f"{rate:.0%}".replace("%", " %")
    draft_time()
    if args.write:
        beside = ROOT / "models" / "demo-nl" / "figures.toml"
        figures = tomllib.loads(beside.read_text(encoding="utf-8")) | figures  # what was not measured now stays
        lines = ["# Measured by scripts/bench.py --write; the demo's pages show them."]
        lines += [f'{name} = "{value}"' for name, value in figures.items()]
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
