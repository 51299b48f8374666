"""Which speech models there are, which are installed, whether their files are still the same. Standard library only.

A model is a folder with the files of a CTranslate2 Whisper. Installed ones are the demo model of this package and the
folders under ``<data>/models`` that hold a ``model.toml``, written when the model was added or pulled.

    python -m models.catalog sums DIR      # writes DIR/SHA256SUMS again (after training a new demo model)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
MANIFEST = PACKAGE / "manifest.toml"
RECORD = "model.toml"
SUMS = "SHA256SUMS"

NEEDED = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
#: Everything that belongs to a model; other files in a folder are left alone.
FILES = (*NEEDED, *VOCABULARIES, "preprocessor_config.json")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

#: Downloads ``repo`` at ``revision`` (empty: the newest) into a folder, going on where it was broken off. Returns the
#: exact revision. Passed in: this package never uses the network.
Fetch = Callable[[str, str, Path], str]


class ModelProblem(Exception):
    """Something is wrong with a model's files; the message is a Dutch sentence that says what and what to do."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model the manifest knows."""

    name: str
    demo_only: bool  # never for a real consult
    language: str
    licence: str
    size_mb: int
    repo: str  # "owner/name" on the model hub; empty: ships with this package
    revision: str = ""  # empty: recorded when pulled
    pack_s: float = 28.0  # speech is packed to windows of so many seconds; 0: each stretch alone
    hints: bool = True  # takes words that may occur (the practice's own list)
    sha256: Mapping[str, str] = field(default_factory=dict)  # empty: recorded when pulled or added


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A model on this machine."""

    name: str
    path: Path
    demo_only: bool
    language: str
    licence: str
    revision: str
    pack_s: float
    hints: bool
    sha256: Mapping[str, str]  # of every file; what ``verify`` compares with

    @property
    def label(self) -> str:
        """Name and revision, for transcripts; without a revision the hash of the weights."""
        return f"{self.name}@{(self.revision or self.sha256.get('model.bin', ''))[:12]}"


def entries(manifest: Path = MANIFEST) -> list[Entry]:
    """The manifest, in its order."""
    tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    return [Entry(name=name, **table) for name, table in tables.items()]


def entry(name: str, manifest: Path = MANIFEST) -> Entry:
    """Raises ``ModelProblem`` for a name the manifest does not have."""
    known = {found.name: found for found in entries(manifest)}
    if name not in known:
        raise ModelProblem(f"Model “{name}” is niet bekend. Bekend zijn: {', '.join(known)}.")
    return known[name]


def installed(folder: Path | None = None, package: Path = PACKAGE) -> list[Installed]:
    """The models of this package and under ``folder``, by name; one under ``folder`` goes before the package's."""
    found: dict[str, Installed] = {}
    for known in entries(package / MANIFEST.name):
        path = package / known.name
        if (path / "model.bin").is_file():
            found[known.name] = _from_entry(known, path, read_sums(path))
    for record in sorted(folder.glob(f"*/{RECORD}")) if folder is not None and folder.is_dir() else ():
        if NAME.fullmatch(record.parent.name):  # a broken off pull has a name with a dot before it
            try:
                model = read_record(record.parent)
            except ModelProblem:
                continue  # one broken folder must not hide the others; ``unreadable`` names it
            found[model.name] = model
    return [found[name] for name in sorted(found)]


def unreadable(folder: Path) -> list[str]:
    """A Dutch sentence for each model folder whose record can't be read."""
    problems = []
    for record in sorted(folder.glob(f"*/{RECORD}")) if folder.is_dir() else ():
        if NAME.fullmatch(record.parent.name):
            try:
                read_record(record.parent)
            except ModelProblem as problem:
                problems.append(str(problem))
    return problems


def verify(model: Installed) -> list[str]:
    """What is wrong with its files, in Dutch; empty: nothing. Reads everything, so it takes seconds for a large one."""
    problems = [] if model.sha256 else ["er zijn geen controlegetallen vastgelegd"]
    problems += _incomplete(model.path)
    for name, expected in sorted(model.sha256.items()):
        file = model.path / name
        if not file.is_file():
            problems.append(f"{name} ontbreekt")
        elif file_hash(file) != expected:
            problems.append(f"{name} is gewijzigd of beschadigd")
    return list(dict.fromkeys(problems))


def add(path: Path, folder: Path, *, name: str = "", manifest: Path = MANIFEST) -> Installed:
    """Copy a model folder (a USB stick, a share) to ``folder/name``, whole or not at all.

    Hashes that come with it (``model.toml``, ``SHA256SUMS``, the manifest) must be right. A copy of the demo model
    stays a demo model under any name. Raises ``ModelProblem``.
    """
    name = name or path.name
    _check_name(name)
    _check_complete(path)
    known = {found.name: found for found in entries(manifest)}
    expected = dict(read_sums(path))
    base = _from_entry(known[name], path, {}) if name in known else _own(name, path)
    if (path / RECORD).is_file():
        brought = read_record(path)
        expected |= brought.sha256
        base = replace(brought, name=name, path=path)
    if name in known:
        expected |= known[name].sha256
    part = _part(folder, name)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file in FILES:
        if (path / file).is_file():
            shutil.copyfile(path / file, part / file)
    return _finish(base, part, folder, expected, manifest.parent)


def pull(name: str, fetch: Fetch, folder: Path, manifest: Path = MANIFEST) -> Installed:
    """Fetch a model of the manifest, verify it and put it in ``folder``. A model that is there and right is left alone.

    Broken off, it goes on the next time. Raises ``ModelProblem`` and whatever ``fetch`` raises.
    """
    known = entry(name, manifest)
    for model in installed(folder, manifest.parent):
        if model.name == name and not verify(model):
            return model
    if not known.repo:
        raise ModelProblem(f"Model “{name}” hoort bij dit programma en kan niet worden opgehaald. Installeer opnieuw.")
    part = _part(folder, name)
    part.mkdir(parents=True, exist_ok=True)
    revision = fetch(known.repo, known.revision, part)
    if known.revision and revision != known.revision:
        raise ModelProblem(f"Model “{name}”: een andere versie gekregen dan gevraagd. Er is niets geïnstalleerd.")
    _check_complete(part)
    base = replace(_from_entry(known, part, {}), revision=revision)
    return _finish(base, part, folder, known.sha256, manifest.parent)


def file_hash(file: Path) -> str:
    """SHA-256 in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def hashes(path: Path) -> dict[str, str]:
    """SHA-256 of each of the model's files."""
    return {name: file_hash(path / name) for name in FILES if (path / name).is_file()}


def read_sums(path: Path) -> dict[str, str]:
    """``SHA256SUMS`` of a folder (as ``sha256sum`` writes it); empty when there is none."""
    if not (path / SUMS).is_file():
        return {}
    rows = (row.split(maxsplit=1) for row in (path / SUMS).read_text(encoding="utf-8").splitlines() if row.strip())
    return {name.lstrip("*"): digest for digest, name in rows}


def write_sums(path: Path) -> None:
    rows = [f"{digest}  {name}\n" for name, digest in sorted(hashes(path).items())]
    (path / SUMS).write_text("".join(rows), encoding="utf-8")


def read_record(path: Path) -> Installed:
    """``model.toml`` of a model's folder. Raises ``ModelProblem`` when it can't be read."""
    try:
        said: dict[str, Any] = tomllib.loads((path / RECORD).read_text(encoding="utf-8"))
        return Installed(
            name=path.name,
            path=path,
            demo_only=bool(said["demo_only"]),
            language=str(said["language"]),
            licence=str(said["licence"]),
            revision=str(said["revision"]),
            pack_s=float(said["pack_s"]),
            hints=bool(said.get("hints", True)),
            sha256={str(name): str(digest) for name, digest in said["sha256"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelProblem(
            f"{path / RECORD} is niet te lezen. Verwijder de map en voeg het model opnieuw toe."
        ) from error


def _write_record(model: Installed, path: Path) -> None:
    rows = [
        f"{key} = {json.dumps(value)}\n"  # JSON strings, numbers and booleans are TOML too
        for key, value in (
            ("demo_only", model.demo_only),
            ("language", model.language),
            ("licence", model.licence),
            ("revision", model.revision),
            ("pack_s", model.pack_s),
            ("hints", model.hints),
        )
    ]
    rows += ["\n[sha256]\n", *(f"{json.dumps(name)} = {json.dumps(digest)}\n" for name, digest in model.sha256.items())]
    (path / RECORD).write_text("".join(rows), encoding="utf-8")


def _from_entry(known: Entry, path: Path, sha256: Mapping[str, str]) -> Installed:
    return Installed(
        name=known.name,
        path=path,
        demo_only=known.demo_only,
        language=known.language,
        licence=known.licence,
        revision=known.revision,
        pack_s=known.pack_s,
        hints=known.hints,
        sha256=known.sha256 or sha256,
    )


def _own(name: str, path: Path) -> Installed:
    """A model the manifest does not know; the manager who adds it knows what it is."""
    return Installed(
        name=name,
        path=path,
        demo_only=False,
        language="",
        licence="onbekend",
        revision="",
        pack_s=28.0,
        hints=True,
        sha256={},
    )


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ModelProblem("Een modelnaam heeft letters, cijfers, punt, streepje; hoogstens 64 tekens.")


def _incomplete(path: Path) -> list[str]:
    missing = [name for name in NEEDED if not (path / name).is_file()]
    if not any((path / name).is_file() for name in VOCABULARIES):
        missing.append(VOCABULARIES[0])
    return [f"{name} ontbreekt" for name in missing]


def _check_complete(path: Path) -> None:
    if problems := _incomplete(path):
        raise ModelProblem(f"{path} is geen volledig spraakmodel: {', '.join(problems)}.")


def _part(folder: Path, name: str) -> Path:
    """Where a model is built up before it gets its own name."""
    return folder / f".{name}.part"


def _finish(base: Installed, part: Path, folder: Path, expected: Mapping[str, str], package: Path) -> Installed:
    """Compare, record, and give the folder its name in one step."""
    found = hashes(part)
    wrong = [name for name, digest in expected.items() if found.get(name) != digest]
    if wrong:
        raise ModelProblem(f"Model “{base.name}”: {', '.join(sorted(wrong))} klopt niet. Er is niets geïnstalleerd.")
    demo_weights = {
        read_sums(package / known.name).get("model.bin")
        for known in entries(package / MANIFEST.name)
        if known.demo_only
    }
    demo_only = base.demo_only or found["model.bin"] in demo_weights
    target = folder / base.name
    _write_record(replace(base, demo_only=demo_only, hints=base.hints and not demo_only, sha256=found), part)
    for other in part.iterdir():
        if other.name not in (*FILES, RECORD):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    for file in part.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())
    old = folder / f".{base.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    model = read_record(target)
    if problems := verify(model):
        raise ModelProblem(f"Model “{base.name}”: {'; '.join(problems)}. Controleer de schijf en haal het opnieuw op.")
    return model


def main(arguments: list[str]) -> int:
    match arguments:
        case ["sums", path]:
            write_sums(Path(path))
            return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
