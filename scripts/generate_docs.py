"""Write the pages of docs/ that come from code; with ``--check`` say which are stale and exit 1."""

from __future__ import annotations

import sys
from pathlib import Path

from transcribe.consult import REASON_TEXT, STOPPING, TRANSITIONS
from transcribe.policy import RIGHTS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def states() -> str:
    """The status diagram (Mermaid), the reasons and the rights, from the dicts that drive the program."""
    rows = ["# Statuses of a consult", "", "Made from `TRANSITIONS` in `transcribe/consult.py` by `make docs`.", ""]
    rows += ["```mermaid", "stateDiagram-v2", "    [*] --> NEW"]
    rows += [
        f"    {status.name} --> {to.name}"
        for status, following in TRANSITIONS.items()
        for to in sorted(following, key=lambda status: list(TRANSITIONS).index(status))
    ]
    rows += [f"    {status.name} --> [*]" for status, following in TRANSITIONS.items() if not following]
    rows += ["```", "", "| status | on the screen |", "| --- | --- |"]
    rows += [f"| {status.name} | {status.value} |" for status in TRANSITIONS]
    rows += ["", "## Reasons", "", "A failing step keeps the status and sets a reason.", ""]
    rows += ["| reason | stops the worker | what the screen says |", "| --- | --- | --- |"]
    rows += [
        f"| {reason.name} | {'yes' if reason in STOPPING else 'no'} | {text} |" for reason, text in REASON_TEXT.items()
    ]
    rows += ["", "## Rights", "", "From `RIGHTS` in `transcribe/policy.py`.", ""]
    rows += ["| role | record | edit and listen | approve | copy |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {role.value} | "
        + " | ".join("yes" if allowed else "-" for allowed in (rights.record, rights.edit, rights.approve, rights.copy))
        + " |"
        for role, rights in RIGHTS.items()
    ]
    return "\n".join(rows) + "\n"


PAGES = {"states.md": states}


def main() -> int:
    stale = [name for name, make in PAGES.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != make()]
    if "--check" in sys.argv:
        for name in stale:
            sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
