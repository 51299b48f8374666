"""Other people's work in this program: packages, the native libraries they bring along, and models; as CycloneDX.

Read from what is installed (``importlib.metadata``), not from what was once asked for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from uuid import UUID

from models.catalog import Installed

PROGRAM = "transcribe"
UNKNOWN = "niet vermeld"

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_NATIVE = re.compile(r"\.(?:so|dylib)(?:\.|$)")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.-]+)?")
_TABLES = tomllib.loads(Path(__file__).with_name("licences.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Part:
    """A package, or a native library that came with one (``of``)."""

    name: str
    version: str
    licence: str  # an SPDX expression where we know one
    of: str = ""
    sha256: str = ""  # of a library's file

    @property
    def permissive(self) -> bool:
        return permissive(self.licence)


def parts() -> list[Part]:
    """Everything that the installed program needs, by name; the program itself is not among it."""
    found: dict[str, Part] = {}
    todo = [(PROGRAM, frozenset[str]())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system or another Python
        if name != PROGRAM:
            found[name] = Part(name=name, version=package.version, licence=_licence(package, name))
            for library in _brought(package, name):
                found[f"{name}/{library.name}"] = library
        todo += _needed(package, extras)
    return [found[name] for name in sorted(found)]


def _needed(package: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in package.requires or ():
        wanted, _, marker = requirement.partition(";")
        extra = _EXTRA.search(marker)
        match = _REQUIREMENT.match(wanted)
        if match and (extra is None or extra[1] in extras):
            more = frozenset(one.strip() for one in (match[2] or "").split(",") if one.strip())
            yield re.sub(r"[-_.]+", "-", match[1]).lower(), more


def _brought(package: Distribution, of: str) -> Iterator[Part]:
    """Libraries of other projects that were put into the package's wheel (auditwheel, delocate: a folder ``.libs``)."""
    for file in package.files or ():
        if any(part.endswith(".libs") or part == ".dylibs" for part in file.parts[:-1]) and _NATIVE.search(file.name):
            path = Path(str(package.locate_file(file)))
            if path.is_file():
                licence = _licence_of_library(file.name)
                plain = re.sub(r"-[0-9a-f]{8}(?=[-.])", "", file.name)
                version = _NATIVE.split(plain, maxsplit=1)[-1]
                digest = sha256(path.read_bytes()).hexdigest()
                yield Part(name=plain, version=version or "-", licence=licence, of=of, sha256=digest)


def _licence(package: Distribution, name: str) -> str:
    known = _TABLES["packages"].get(name)
    said = package.metadata.json
    if known or said.get("license_expression"):
        return str(known or said["license_expression"])
    names = [
        row.rpartition(" :: ")[2]
        for row in said.get("classifier", ())
        if row.startswith("License :: ") and row != "License :: OSI Approved"
    ]
    field = str(said.get("license", "")).strip()
    if 0 < len(field) <= 60 and "\n" not in field:
        names = [field]
    return " AND ".join(spdx(one) for one in names) or UNKNOWN


def _licence_of_library(file: str) -> str:
    """By the longest name that fits: libcrypto is not libcrypt."""
    known = [name for name in _TABLES["brought"] if file.startswith(name)]
    return str(_TABLES["brought"][max(known, key=len)]) if known else UNKNOWN


def spdx(name: str) -> str:
    found = _TABLES["names"].get(name, name)
    return str(found)


def permissive(licence: str) -> bool:
    """Of an expression: one of its choices (OR) consists (AND) of nothing but permissive ones."""
    known = set(_TABLES["permissive"])
    return any(
        all(one.strip(" ()") in known for one in choice.split(" AND ")) for choice in spdx(licence).split(" OR ")
    )


def cyclonedx(
    found: Sequence[Part], models: Sequence[Installed], *, version: str, at: datetime, number: UUID
) -> object:
    """A CycloneDX 1.6 bill of materials, as JSON. ``number``: of this bill."""
    packages = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{part.name}@{part.version}",
            "name": part.name,
            "version": part.version,
            "purl": f"pkg:pypi/{part.name}@{part.version}",
            "licenses": _licences(part.licence),
            "components": [
                {
                    "type": "library",
                    "bom-ref": f"pkg:pypi/{part.name}@{part.version}#{library.name}",
                    "name": library.name,
                    "version": library.version,
                    "hashes": [{"alg": "SHA-256", "content": library.sha256}],
                    "licenses": _licences(library.licence),
                }
                for library in found
                if library.of == part.name
            ],
        }
        for part in found
        if not part.of
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat(timespec="seconds"),
            "component": {
                "type": "application",
                "bom-ref": PROGRAM,
                "name": PROGRAM,
                "version": version,
                "licenses": _licences("Apache-2.0"),
            },
        },
        "components": [*packages, *map(_model, models)],
        "dependencies": [
            {
                "ref": PROGRAM,
                "dependsOn": [*(str(package["bom-ref"]) for package in packages), *map(_model_ref, models)],
            }
        ],
    }


def _model(model: Installed) -> dict[str, object]:
    return {
        "type": "machine-learning-model",
        "bom-ref": _model_ref(model),
        "name": model.name,
        "version": model.revision or model.sha256.get("model.bin", "")[:12],
        "licenses": _licences(spdx(model.licence)),
        "hashes": [{"alg": "SHA-256", "content": model.sha256["model.bin"]}] if "model.bin" in model.sha256 else [],
    }


def _model_ref(model: Installed) -> str:
    return f"model:{model.name}"


def _licences(said: str) -> list[dict[str, object]]:
    """One SPDX expression, or a name when it is none; nothing when nobody says."""
    if said == UNKNOWN:
        return []
    ids = [one.strip(" ()") for one in re.split(r" (?:AND|OR) ", said)]
    if all(_SPDX.fullmatch(one) and one not in {"BSD"} for one in ids):
        return [{"expression": said}]
    return [{"license": {"name": said}}]
