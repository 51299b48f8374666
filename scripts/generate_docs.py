"""Write the pages of docs/ that come from code; with ``--check`` say which are stale and exit 1."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from starlette.routing import BaseRoute

from transcribe.access_log import KINDS
from transcribe.accounts import Person
from transcribe.consult import REASON_TEXT, STOPPING, TRANSITIONS, Actor, Role
from transcribe.policy import RIGHTS
from transcribe.web.application import WITH_SESSION
from transcribe.web.rights import RULES, name_of, permitted

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
    rows += [
        "| role | record | edit and listen | approve | copy | access log |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {role.value} | "
        + " | ".join(
            "yes" if allowed else "-"
            for allowed in (rights.record, rights.edit, rights.approve, rights.copy, rights.logs)
        )
        + " |"
        for role, rights in RIGHTS.items()
    ]
    return "\n".join(rows) + "\n"


SEVERITY = {1: "hinder", 2: "licht", 3: "matig", 4: "ernstig", 5: "levensgevaar of blijvend letsel"}
CHANCE = {1: "zeer klein", 2: "klein", 3: "soms", 4: "vaak", 5: "bijna zeker"}


def hazards() -> str:
    """The hazard log from its table; how large a risk is follows from the two figures and from nothing else."""
    table = tomllib.loads((DOCS / "veiligheid" / "gevaren.toml").read_text(encoding="utf-8"))["gevaar"]
    rows = [
        "# Gevarenlijst",
        "",
        "Gemaakt uit `gevaren.toml` met `make docs`. In de geest van ISO 14971; geen verklaring dat aan die norm is",
        "voldaan. Ernst en kans zijn **schattingen van de makers**, voor en na de maatregelen. Niemand heeft ze in een",
        "praktijk gemeten. De praktijk die het programma gaat gebruiken, loopt de lijst na en oordeelt zelf.",
        "",
        "Elke maatregel wordt bewaakt door toetsen die bij elke wijziging draaien. Of die er zijn, wordt ook getoetst.",
        "",
        "| | ernst | kans |",
        "| --- | --- | --- |",
        *(f"| {n} | {SEVERITY[n]} | {CHANCE[n]} |" for n in SEVERITY),
        "",
        "Risico = ernst × kans: tot en met 6 laag, tot en met 12 midden, daarboven hoog. De ernst verandert niet door",
        "een maatregel, de kans wel.",
        "",
        "| nr | gevaar | ernst | kans voor → na | risico voor → na |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in sorted(table, key=lambda one: (-one["ernst"] * one["na"], one["id"])):
        before, after = one["ernst"] * one["voor"], one["ernst"] * one["na"]
        rows.append(
            f"| [{one['id']}](#{one['id'].lower()}) | {one['naam']} | {one['ernst']} | {one['voor']} → {one['na']} | "
            f"{before} {_risk(before)} → {after} **{_risk(after)}** |"
        )
    for one in table:
        rows += ["", f'<a id="{one["id"].lower()}"></a>', f"## {one['id']} {one['naam']}", ""]
        rows += [f"- **Oorzaak:** {one['oorzaak']}", f"- **Schade:** {one['schade']}"]
        rows += ["- **Maatregelen:**", *(f"  - {measure}" for measure in one["maatregelen"])]
        rows += ["- **Toetsen:**", *(f"  - `{test}`" for test in one["toetsen"])]
        rows += [f"- **Wat overblijft:** {one['rest']}"]
    return "\n".join(rows) + "\n"


def attacks() -> str:
    """What people may try, what refuses it, and the tests that try it."""
    table = tomllib.loads((DOCS / "veiligheid" / "aanvallen.toml").read_text(encoding="utf-8"))["aanval"]
    rows = [
        "# Aanvallen",
        "",
        "Gemaakt uit `aanvallen.toml` met `make docs`. Wat iemand kan proberen die kwaad wil, wat dat weigert, en de",
        "toetsen die het bij elke wijziging proberen. Of die er zijn, wordt ook getoetst. Het zijn toetsen van de",
        "makers; een onafhankelijke beveiligingstest is niet gedaan.",
        "",
        "| aanval | wat hem weigert | toetsen |",
        "| --- | --- | --- |",
    ]
    for one in table:
        tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in one["toetsen"])
        rows.append(f"| **{one['naam']}**<br>{one['hoe']} | {'<br>'.join(one['weigert'])} | {tests} |")
    return "\n".join(rows) + "\n"


def _risk(product: int) -> str:
    return "laag" if product <= 6 else "midden" if product <= 12 else "hoog"


def access_log_events() -> str:
    """What is logged, in the words of NEN 7513 and DICOM."""
    rows = ["# Events of the access log", "", "Made from `KINDS` in `transcribe/access_log.py` by `make docs`.", ""]
    rows += ["`event`: NEN 7513 chapter 6, as far as we know it. `type`: `EventID` (DCM). `act`: `EventActionCode`."]
    rows += ["`right`: the right of `policy.Rights` that it takes; what the program does by itself takes none.", ""]
    rows += ["| our action | event | type | act | object | life cycle | right | outcome |"]
    rows += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    rows += [
        f"| {action.value} | {kind.chapter_6} | {' '.join(kind.event.value)} | {kind.act.value} "
        f"| {kind.thing.value[2]} | {' '.join(kind.life.value)} | {kind.right or '-'} | {kind.outcome.value} |"
        for action, kind in KINDS.items()
    ]
    return "\n".join(rows) + "\n"


def rights() -> str:
    """Who may use which route, from the routes and the table that decides it."""
    routes = [route for router in WITH_SESSION for route in router.routes]
    addresses = {name_of(route.endpoint): _address(route) for route in routes}  # type: ignore[attr-defined]
    roles = [role for role in Role if role is not Role.SYSTEEM]
    people = [Person(actor=Actor(name="", role=role), manages=role is Role.BEHEERDER) for role in roles]
    people.append(Person(actor=Actor(name="", role=Role.SYSTEEM), manages=True))
    heads = [role.value for role in roles] + ["+ *beheer*"]
    rows = [
        "# Who may use what",
        "",
        "Made from the routes and `RULES` in `transcribe/web/rights.py` by `make docs`.",
        "",
        "A route that is not in the table is refused; pages of the log-in and of health need nobody. *Beheer* is a",
        "flag beside any role; a beheerder always has it. The use cases look at the consult as well (`policy.py`,",
        "[states.md](states.md)). Each row is of one's own practice. An address with the number of a consult, a",
        "colleague or a rule of another practice answers as one with a number that nobody has;",
        "`tests/integration/test_web_rights.py` asks every route as every role, in both.",
        "",
        "While a practice has a logbeheerder who can log in, huisarts and waarnemer don't read the access log: its",
        "pages refuse them, and the menu has no link.",
        "",
        "A consult that is closed to colleagues ([accounts.md](accounts.md)) answers those to whom it is closed with",
        "a refusal, but for routes marked †; `tests/integration/test_web_closed.py` asks them all.",
    ]
    rows += ["", f"| route | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads)]
    for name, rule in RULES.items():
        may = " | ".join("yes" if permitted(rule, one) else "-" for one in people)
        rows.append(f"| `{addresses[name]}`{' †' if rule.closed else ''} | {may} |")
    return "\n".join(rows) + "\n"


def _address(route: BaseRoute) -> str:
    methods = sorted(getattr(route, "methods", {"WS"}) - {"HEAD"})
    return f"{' '.join(methods)} {route.path}"  # type: ignore[attr-defined]


PAGES = {
    "states.md": states,
    "veiligheid/gevarenlijst.md": hazards,
    "veiligheid/aanvallen.md": attacks,
    "rights.md": rights,
    "access-log-events.md": access_log_events,
}


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
