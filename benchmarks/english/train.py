"""The recipe of ``headers.npz``: trains the section headers of MTS-Dialog. The only user of scikit-learn.

    pip install scikit-learn
    python -m benchmarks.english.train --data FOLDER [--validate] [--out headers.npz]

``FOLDER`` holds ``mts-dialog/train.jsonl`` and ``aci-bench/train.jsonl``. ``--validate`` prints the accuracy by
five-fold cross-validation on the first, by which everything was chosen; held-out files are never read here.
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from benchmarks.english.bench import rows as read
from benchmarks.english.headers import WEIGHTS, Headers, counts, features, shape

LEAST = {"word": 2, "pair": 3}  # texts a word or pair must be in
C = 0.2
RARE = 0.75  # a header counts for (its dialogues / those of the most frequent one) to the power of minus this
NOTE_WEIGHT = 1.0  # the note of a dialogue is a second example of its header
SECTION_WEIGHT = 0.6  # and so is a section of an ACI-Bench note, below; it has the shape of a short dialogue
SECTION_SHAPE = "Doctor: \n" * 7
SECTIONS = {
    "PHYSICAL EXAM": "EXAM", "PHYSICAL EXAMINATION": "EXAM", "ASSESSMENT": "ASSESSMENT", "IMPRESSION": "ASSESSMENT",
    "PLAN": "PLAN", "INSTRUCTIONS": "PLAN", "MEDICATIONS": "MEDICATIONS", "CURRENT MEDICATIONS": "MEDICATIONS",
    "ALLERGIES": "ALLERGY", "SURGICAL HISTORY": "PASTSURGICAL", "MEDICAL HISTORY": "PASTMEDICALHX",
    "REVIEW OF SYSTEMS": "ROS", "RESULTS": "LABS",
}  # fmt: skip
_IMAGE = re.compile(r"x-?ray|ct |mri|ultrasound|echo", re.IGNORECASE)  # results of this kind are IMAGING
FOLDS, SEEDS = 5, (1, 2, 3)
SOEP = {
    "S": "GENHX CC ROS PASTMEDICALHX PASTSURGICAL FAM/SOCHX ALLERGY MEDICATIONS IMMUNIZATIONS GYNHX OTHER_HISTORY",
    "O": "EXAM LABS IMAGING PROCEDURES",
    "E": "ASSESSMENT DIAGNOSIS",
    "P": "PLAN DISPOSITION EDCOURSE",
}
SECTION = {header: section for section, headers in SOEP.items() for header in headers.split()}


def idf_of(texts: list[str]) -> dict[str, dict[str, float]]:
    """How telling each word and pair is, of those that are in enough texts."""
    result: dict[str, dict[str, float]] = {}
    for kind, least in LEAST.items():
        within = Counter(word for text in texts for word in counts(text)[kind])
        kept = sorted(word for word, n in within.items() if n >= least)
        result[kind] = {word: math.log((1 + len(texts)) / (1 + within[word])) + 1 for word in kept}
    return result


def sections(encounters: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The sections of ACI-Bench notes that are one header of MTS-Dialog, with that header."""
    found = []
    for encounter in encounters:
        parts = re.split(r"(?m)^([A-Z][A-Z &/]{3,}):?\s*$", encounter["note"])
        for heading, text in zip(parts[1::2], parts[2::2], strict=True):
            if heading in SECTIONS and text.strip():
                image = heading == "RESULTS" and _IMAGE.search(text)
                found.append((text.strip(), "IMAGING" if image else SECTIONS[heading]))
    return found


def trained(rows: list[dict[str, Any]], more: list[tuple[str, str]]) -> Headers:
    dialogues = [row["dialogue"] for row in rows]
    texts = [*dialogues, *(row["text"] for row in rows), *(text for text, _ in more)]
    shapes = [*dialogues, *dialogues, *[SECTION_SHAPE] * len(more)]
    wanted = [row["header"] for row in rows] * 2 + [header for _, header in more]
    idf = idf_of(texts)
    place = {f"{kind}:{word}": n for n, (kind, word) in enumerate((k, w) for k in idf for w in idf[k])}
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for text, shaped in zip(texts, shapes, strict=True):
        named, _ = features(text, idf)
        whole = shape(shaped)
        values += [*named.values(), *whole]
        columns += [*(place[entry] for entry in named), *range(len(place), len(place) + len(whole))]
        ends.append(len(values))
    matrix = csr_matrix((values, columns, ends), shape=(len(texts), len(place) + 4))
    model = LinearSVC(C=C, random_state=0)
    often = Counter(row["header"] for row in rows)
    rare = np.array([(often[header] / max(often.values())) ** -RARE for header in wanted])
    shares = np.repeat([1.0, NOTE_WEIGHT, SECTION_WEIGHT], [len(rows), len(rows), len(more)])
    model.fit(matrix, wanted, sample_weight=rare * shares)
    weights = np.concatenate([model.coef_.T, model.intercept_[None, :]]).astype(np.float32)
    return Headers(names=tuple(model.classes_), idf=idf, place=place, weights=weights)


def save(model: Headers, path: Path) -> None:
    """One byte a weight, with the size of the largest of each header."""
    scale = np.abs(model.weights).max(axis=0) / 127
    idf = [model.idf[entry.partition(":")[0]][entry.partition(":")[2]] for entry in model.place]
    np.savez_compressed(
        path,
        vocabulary=np.frombuffer("\n".join(model.place).encode(), dtype=np.uint8),
        names=np.frombuffer("\n".join(model.names).encode(), dtype=np.uint8),
        idf=np.array(idf, dtype=np.float16),
        scale=scale.astype(np.float32),
        weights=np.round(model.weights / scale).astype(np.int8),
    )


def validate(rows: list[dict[str, Any]], more: list[tuple[str, str]]) -> None:
    """Accuracy on folds that the model did not see, and how many of each SOEP section keep their section."""
    headers = [row["header"] for row in rows]
    right: list[float] = []
    placed: Counter[tuple[str, str]] = Counter()
    for seed in SEEDS:
        for known, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, headers):
            model = trained([rows[n] for n in known], more)
            found = [model.header(rows[n]["dialogue"]) for n in unseen]
            right.append(float(np.mean([headers[n] == header for n, header in zip(unseen, found, strict=True)])))
            placed.update((SECTION[headers[n]], SECTION[header]) for n, header in zip(unseen, found, strict=True))
    print(f"accuracy {100 * np.mean(right):.1f} %, worst fold {100 * min(right):.1f}, best {100 * max(right):.1f}")
    for section in SOEP:
        count = sum(n for (gold, _), n in placed.items() if gold == section)
        print(f"{section}: {100 * placed[section, section] / count:.1f} % of {count // len(SEEDS)} in their section")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--validate", action="store_true")
    arguments = parser.parse_args()
    rows = read(arguments.data / "mts-dialog" / "train.jsonl")
    more = sections(read(arguments.data / "aci-bench" / "train.jsonl"))
    if arguments.validate:
        validate(rows, more)
    save(trained(rows, more), arguments.out)


if __name__ == "__main__":
    main()
