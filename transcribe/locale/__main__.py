"""``python -m transcribe.locale``: gather the marked sentences, keep the translations there are, compile.

Prints what is still to be translated and exits 1 when there is something. ``--check`` writes nothing and also exits 1
when a catalogue is not what this command would write.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LANGUAGES = ("en",)
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true"}}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
SOURCES = ("transcribe", "consent")


def marked() -> Catalog:
    """Every marked sentence of the program. No line numbers: they change with every edit."""
    catalog = Catalog(project="transcribe", fuzzy=False)
    for source in SOURCES:
        found = extract_from_dir(str(ROOT / source), METHODS, options_map=OPTIONS, keywords=KEYWORDS)
        for name, _, message, comments, _ in found:
            place = f"{source}/{Path(name).as_posix()}"
            catalog.add(message, locations=[(place, 0)], auto_comments=comments)
    return catalog


def updated(language: str) -> Catalog:
    """The catalogue of a language with exactly the sentences of today and the translations it had."""
    path = po_path(language)
    old = read(path) if path.exists() else Catalog(locale=language)
    new = marked()
    result = Catalog(
        locale=language,
        project="transcribe",
        version="1",
        header_comment=f"# transcribe: {language}",
        msgid_bugs_address="-",
        last_translator="transcribe",
        language_team=language,
        fuzzy=False,
    )
    # a date of its own would make every run another file
    result.creation_date = result.revision_date = datetime(2026, 11, 22, tzinfo=UTC)
    for message in sorted(new, key=lambda message: str(message.id)):
        if not message.id:
            continue
        before = old.get(message.id)
        result.add(
            message.id,
            string=before.string if before else None,
            locations=sorted({(place, 0) for place, _ in message.locations}),
            flags=message.flags,
        )
    return result


def missing(catalog: Catalog) -> list[Message]:
    """Sentences without a translation in every form."""
    found = []
    for message in catalog:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(forms):
            found.append(message)
    return found


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_mo(file) if path.suffix == ".mo" else read_po(file)


def sentences(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """What a catalogue says, without its header: that names the version of the tool that wrote it."""
    found = {}
    for message in catalog:
        if message.id:
            ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
            forms = message.string if isinstance(message.string, tuple | list) else (message.string or "",)
            found[ids[0]] = tuple(forms)
    return found


def po_text(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)
    return out.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def po_path(language: str) -> Path:
    return HERE / language / "LC_MESSAGES" / "messages.po"


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    problems = 0
    for language in LANGUAGES:
        catalog = updated(language)
        po, mo = po_path(language), po_path(language).with_suffix(".mo")
        for message in missing(catalog):
            problems += 1
            sys.stderr.write(f"{language}: not translated: {message.id!r}\n")
        for path, content in ((po, po_text(catalog)), (mo, mo_bytes(catalog))):
            if path.exists() and sentences(read(path)) == sentences(catalog):
                continue
            if check:
                problems += 1
                sys.stderr.write(f"{path.name} of {language} is old: run python -m transcribe.locale\n")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
