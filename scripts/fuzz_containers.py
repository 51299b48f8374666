"""Mutated recordings through the decoder and its real child, by the thousand.

    python scripts/fuzz_containers.py [--rounds 10000] [--seed 1] [--checkpoint FILE] [--keep FOLDER]

Goes on where it stopped when there is a checkpoint (of the same seed). What breaks the decoder is written to
``--keep``, to be decoded again, and the exit code is 1. A round is told by seed and number: see ``tests/fuzzing.py``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fuzzing import Broken, outcome_of, round_of
from transcribe.errors import DecoderFailed

EVERY = 25  # rounds between two checkpoints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, default=Path("build/fuzz.json"))
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    args = parser.parse_args()
    done, outcomes, broken = restored(args.checkpoint, args.seed)
    began, first = time.monotonic(), done
    slowest_s = 0.0
    for number in range(done, args.rounds):
        name, data = round_of(args.seed, number)
        started = time.monotonic()
        try:
            outcome = outcome_of(data)
            outcomes[f"{name} {outcome}"] += 1
            if outcome == DecoderFailed.__name__:  # it is told, and yet the child came to its end
                print(f"{number}: {name}, the child ended", flush=True)
        except Broken as how:
            broken.append(f"{number}: {name}, {how}")
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{args.seed}-{number}.{name}").write_bytes(data)
            print(broken[-1], flush=True)
        slowest_s = max(slowest_s, time.monotonic() - started)
        done = number + 1
        if done % EVERY == 0 or done == args.rounds:
            keep(args.checkpoint, {"seed": args.seed, "done": done, "outcomes": outcomes, "broken": broken})
    took_s = time.monotonic() - began
    largest_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{done} rounds ({done - first} now, {took_s:.0f} s, the slowest {slowest_s:.1f} s), child {largest_mb:.0f} MB"
    )
    for what, count in sorted(outcomes.items()):
        print(f"{count:7} {what}")
    print(f"{len(broken)} broke the decoder")
    return 1 if broken else 0


def restored(path: Path, seed: int) -> tuple[int, Counter[str], list[str]]:
    if not path.exists():
        return 0, Counter(), []
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["seed"] != seed:
        sys.exit(f"{path} is of seed {kept['seed']}: remove it, or name another --checkpoint")
    return kept["done"], Counter(kept["outcomes"]), kept["broken"]


def keep(path: Path, state: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(state), encoding="utf-8")
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
