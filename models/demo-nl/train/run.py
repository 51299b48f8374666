"""The demo model from nothing, or from a checkpoint, in one command that can be stopped and given again at any moment.

    python models/demo-nl/train/run.py all --work /tmp/demo-nl          # everything, on CPU or GPU
    python models/demo-nl/train/run.py speech --work ... --parts 8      # only speak the corpus
    python models/demo-nl/train/run.py train --work ... --minutes 120   # only train (resumes by itself)
    python models/demo-nl/train/run.py export --work ... --to models/demo-nl
    python models/demo-nl/train/run.py evaluate --model models/demo-nl  # the figures of the model card
    python models/demo-nl/train/run.py all --smoke --work /tmp/smoke    # a minute with a tiny model: a test

The extra ``train`` brings the Python packages; espeak-ng and the word list (Debian packages espeak-ng and wdutch) come
from the system. Without the word list the unguessable sentences are made of common words only, and without the talks
(``benchmarks/talks``) the text knows no free talk.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL_DIR = HERE.parent
ROOT = MODEL_DIR.parents[1]
CONSULTS = ROOT / "transcribe" / "demo" / "consults"
# Talk that people wrote: text to train on. And the consults that measure how well unknown words are heard.
TALKS = ROOT / "benchmarks" / "talks"
OPEN_CONSULTS = ROOT / "benchmarks" / "consults"
FREE_CONSULTS = ROOT / "benchmarks" / "unseen" / "development"

import text  # noqa: E402 - beside this script, which Python puts on the path

say = logging.getLogger("demo-nl").info
TEXT_SEED = 1000
HELD_SEEDS = {"patterns": 7, "talk": 8, "free": 9}
HELD_COUNT = 150
EVERYBODYS = 3
START = HERE / "checkpoint.pt"
WORK = Path(tempfile.gettempdir()) / "demo-nl"


def held_out() -> dict[str, list[str]]:
    """The held-out sentences: of the old patterns, of the freer talk, and free ones out of written consults."""
    free = sorted(part for part in _sentences(utterances(FREE_CONSULTS)) if len(part) <= text.MOST_LETTERS)
    return {
        "patterns": text.draw_held_out(HELD_COUNT, HELD_SEEDS["patterns"], text.PATTERNS),
        "talk": text.draw_held_out(HELD_COUNT, HELD_SEEDS["talk"], text.TALK),
        "free": random.Random(HELD_SEEDS["free"]).sample(free, HELD_COUNT),
    }


def utterances(folder: Path) -> set[str]:
    """Everything said in the consults of a folder."""
    consults = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {utterance["text"] for consult in consults for utterance in consult["utterances"]}


def kept_out() -> list[str]:
    """What the training text never says, so that the figures are honest: consults that measure, held-out sentences.

    Of an utterance of several sentences also each sentence, unless it is so short that everybody says it ("Dank u.").
    """
    measured = utterances(CONSULTS) | utterances(OPEN_CONSULTS)
    held = {sentence for kind in held_out().values() for sentence in kind}
    return sorted(utterances(CONSULTS) | _sentences(measured) | held)


def _sentences(said: Iterable[str]) -> set[str]:
    parts = {part for utterance in said for part in re.split(r"(?<=[.?!]) ", utterance)}
    return {part for part in parts if len(part.split()) > EVERYBODYS}


def speak_part(part: int, stem: Path, lines: int) -> int:
    """Draw and speak one part of the training corpus, unless it is there already; returns the lines it has."""
    from speech import speak_corpus

    if stem.with_name(f"{stem.name}.{part}.tsv").exists():
        return lines
    words = text.read_word_list() if text.WORD_LIST.exists() else []
    written = text.write(lines, TEXT_SEED + part, kept_out(), words, text.read_talks(TALKS))
    return speak_corpus(written, stem, part, seed=1)


def speech(args: argparse.Namespace) -> None:
    """Speak the held-out sentences and the parts of the corpus that are missing, several at a time."""
    from speech import speak_corpus

    corpus = args.work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for source in (text.WORD_LIST, TALKS):
        if not source.exists():
            say("%s is not there: the text goes without", source)
    for kind, sentences in held_out().items():
        if not (corpus / f"{kind}.0.tsv").exists():
            speak_corpus(sentences[: args.held], corpus / kind, 0, seed=1)
    with ProcessPoolExecutor(args.jobs) as pool:
        work = partial(speak_part, stem=corpus / "train", lines=args.lines)
        for part, count in enumerate(pool.map(work, range(args.parts))):
            say("corpus part %d: %d lines", part, count)


def train(args: argparse.Namespace) -> None:
    """Train, going on where an earlier run in the same folder stopped."""
    import torch
    from features import Tokens
    from model import TINY, Size
    from speech import Spoken
    from train import Plan, Trainer

    plan = Plan(
        minutes=args.minutes,
        steps=args.steps,
        rate=args.rate,
        encoder_every=args.encoder_every,
        replays=args.replays,
        seed=args.seed,
        threads=args.threads,
        half=args.half,
    )
    if args.smoke:
        plan = replace(
            plan, short_seconds=6.0, short_batch=4, long_seconds=8.0, long_batch=2, warm_up=5, encoder_every=1
        )
    torch.set_num_threads(plan.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu") if args.device == "auto" else args.device
    corpus, folder = args.work / "corpus", args.work / "run"
    folder.mkdir(parents=True, exist_ok=True)
    tokens = Tokens(MODEL_DIR / "tokenizer.json")
    trainer = Trainer(folder, Spoken(corpus / "train"), Spoken(corpus / "free"), tokens, plan, torch.device(device))
    start = None if args.smoke or args.scratch else args.start
    trainer.begin(start, TINY if args.smoke else Size())
    say("%s, from step %d, %s", device, trainer.step, trainer.held_out())
    trainer.run(say)


def export(args: argparse.Namespace) -> None:
    """Write the model files faster-whisper loads."""
    from export import export as write_model

    target = args.to or args.work / "model"
    trained = args.work / "run" / "checkpoint.pt"
    if args.share < 1:
        from train import mix

        mix(args.start, trained, args.share, mixed := args.work / "mixed.pt")
        trained = mixed
    size = write_model(trained, MODEL_DIR / "tokenizer.json", target)
    say("%s: %.1f MB", target, size / 1e6)


def evaluate(args: argparse.Namespace) -> None:
    """Print the figures: demo consults, held-out sentences, and other consults if a folder of them is given."""
    from evaluate import errors, score_consults, score_lines
    from faster_whisper import WhisperModel
    from speech import Spoken

    model = WhisperModel(str(args.model or args.work / "model"), "cpu", compute_type="int8", cpu_threads=args.threads)
    folders = {"demo consults": CONSULTS} | ({"other consults": args.consults} if args.consults else {})
    for name, folder in folders.items():
        paths = [path for path in sorted(folder.glob("*.json")) if _is_dutch(path)][: args.most]
        single, whole = score_consults(model, paths)
        print(f"{name}, by utterance: {single}")
        print(f"{name}, whole channels behind the voice detector: {whole}")
        if args.verbose:
            print("\n".join(errors(single)))
    corpus = args.work / "corpus"
    for kind in HELD_SEEDS:
        if (corpus / f"{kind}.0.tsv").exists():
            score = score_lines(model, Spoken(corpus / kind), args.together)
            print(f"unseen sentences ({kind}), {args.together} at a time: {score}")
            if args.verbose:
                print("\n".join(errors(score)))


def _is_dutch(path: Path) -> bool:
    return json.loads(path.read_text(encoding="utf-8")).get("language") == "nl"


def everything(args: argparse.Namespace) -> None:
    """Speak, train, export, evaluate."""
    for step in (speech, train, export, evaluate):
        step(args)


STEPS = {"speech": speech, "train": train, "export": export, "evaluate": evaluate, "all": everything}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ``--smoke`` shrinks whatever was not asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=list(STEPS))
    parser.add_argument("--work", type=Path, default=WORK, help=f"corpus, checkpoints, exported model (default {WORK})")
    parser.add_argument("--smoke", action="store_true", help="a tiny model and corpus, about a minute")
    parser.add_argument("--parts", type=int, help="parts of the corpus (default 10)")
    parser.add_argument("--lines", type=int, help="lines a part (default 4000)")
    parser.add_argument("--held", type=int, help="held-out sentences of each kind that are spoken (default all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="parts spoken at the same time")
    parser.add_argument("--minutes", type=float, help="training time over all resumes (default 120)")
    parser.add_argument("--steps", type=int, help="training steps over all resumes (default: no limit)")
    parser.add_argument("--rate", type=float, default=6e-4, help="highest learning rate")
    parser.add_argument("--encoder-every", type=int, default=3, help="the encoder learns from one in so many windows")
    parser.add_argument("--replays", type=int, default=2, help="steps on windows seen before, after each fresh one")
    parser.add_argument("--half", action="store_true", help="multiply in bfloat16, where the processor has it")
    parser.add_argument("--start", type=Path, default=START, help="weights to begin with")
    parser.add_argument("--scratch", action="store_true", help="begin with random weights")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--share", type=float, default=1.0, help="export: so much of the training, the rest of what it started with"
    )
    parser.add_argument("--to", type=Path, help="where export writes (default WORK/model)")
    parser.add_argument("--model", type=Path, help="what evaluate measures (default WORK/model)")
    parser.add_argument(
        "--consults", type=Path, help="also measure the Dutch consults in this folder, spoken on the spot"
    )
    parser.add_argument("--most", type=int, help="at most so many consults a folder")
    parser.add_argument("--together", type=int, default=4, help="unseen sentences that evaluate plays in one go")
    parser.add_argument("--verbose", action="store_true", help="print what was misheard")
    args = parser.parse_args(argv)
    small = {"parts": 1, "lines": 60, "held": 8, "minutes": 1.0, "steps": 30, "most": 1}
    full = {"parts": 10, "lines": 4000, "held": HELD_COUNT, "minutes": 120.0, "steps": 1_000_000, "most": None}
    for name, value in (small if args.smoke else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run one step, or all."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    args = parse(argv)
    STEPS[args.step](args)


if __name__ == "__main__":
    main()
