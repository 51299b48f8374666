"""Break a running service in every way we can think of, and see whether anything is lost.

    python scripts/chaos.py [--rounds 200] [--seed N] [--minutes M] [--only FAULT ...] [--short] [--report FILE]

Each round records and brings in a few consults, breaks one thing at a random moment, waits for every draft and checks
the database and the files from outside (``tests/chaos.py``). The first violation ends it: seed, round and what is
printed, the folder with log, database and sound stays, exit status 1. ``--short``: a database that is away stays away
for 10 s, not 60.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chaos import Told, harness, order, report, summary  # noqa: E402
from tests.chaos_faults import FAULTS  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", default=str(secrets.randbelow(1_000_000)))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no round after so many minutes")
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS], metavar="FAULT")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--report", type=Path, help="write what came of it as JSON")
    args = parser.parse_args()

    print(f"seed {args.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order: what we started ends with us
    end = time.monotonic() + 60 * args.minutes
    with harness(args.seed, away_s=10.0 if args.short else 60.0) as chaos:
        faults = []
        for fault in FAULTS:
            why = chaos.cant(fault)
            if why:
                print(f"left out: {fault.name}: {why}")
            elif not args.only or fault.name in args.only:
                faults.append(fault)
        well = True
        for number, fault in enumerate(order(faults, args.rounds, args.seed), start=1):
            if time.monotonic() > end:
                break
            well = said(chaos.round(number, fault))
            if not well:
                break
        well = well and said(chaos.end())
    print(f"\n{summary(chaos.told)}")
    if args.report:
        args.report.write_text(report(chaos.told, args.seed), encoding="utf-8")
    if not well:
        print(f"\nseed {args.seed}, round {chaos.told[-1].number}: {chaos.told[-1].violations}\nkept: {chaos.kept}")
    return 0 if well else 1


def said(told: Told) -> bool:
    """One line; False when something was violated."""
    print(told.line(), flush=True)
    return not told.violations


if __name__ == "__main__":
    sys.exit(main())
