"""The recipe of ``transcribe/soep/rules/sections.json``: to which section of the note a sentence belongs.

    python -m benchmarks.sections train [--out FILE]
    python -m benchmarks.sections validate

``train`` makes the weights anew from ``talks/``, ``consults/`` and ``unseen/development/``; ``held`` is never read.
``validate`` leaves out one author at a time: how many sentences come into their section by the rules alone and with
what was learned from all others, and what the drafts of that author's consults are worth either way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from benchmarks import score
from benchmarks.sets import COLUMNS
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.soep.bench import as_consult, as_draft
from transcribe.soep.dictation import is_dictation
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.language import speaking
from transcribe.soep.learned import BIAS, LABELS, UNIT, Learned, features
from transcribe.soep.leaving_out import leave_out
from transcribe.soep.lexicon import words
from transcribe.soep.memory import forget
from transcribe.soep.note import Section
from transcribe.soep.problems import divide
from transcribe.soep.sentences import Sentence, clean, sentences

HERE = Path(__file__).parent
SOURCES = (HERE / "talks", HERE / "consults", HERE / "unseen" / "development")
WEIGHTS = HERE.parent / "transcribe" / "soep" / "rules" / "sections.json"
LEAST = 3  # sentences a feature must be in
PENALTY = 6.0  # half of it times the squared weights is added to the loss
STEPS = 150
#: Who wrote the consults up to a number.
WRITERS = {299: "own", 312: "3a", 332: "3b", 412: "4a", 432: "4b"}
SMALL = 5  # hundredths: a feature whose weights are all below it is left out


@dataclass(frozen=True, kw_only=True)
class Source:
    """A talk or consult to learn from. ``labels``: of its sentences, by place."""

    name: str
    author: str
    data: dict[str, Any]
    said: list[Sentence]
    labels: list[Section | None]


def author(name: str) -> str:
    """Who wrote it, from its name: t1-03, 007, 213, 304, 325."""
    if not name.isdigit():
        return name.partition("-")[0]
    number = int(name)
    return next(writer for last, writer in WRITERS.items() if number <= last)


def read(folders: Iterable[Path] = SOURCES) -> list[Source]:
    """All that may be learned from: Dutch talks of more than one person."""
    result = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        data = json.loads(path.read_text(encoding="utf-8"))
        source = of_talk(data) if "sentences" in data["utterances"][0] else of_consult(data)
        if source is not None:
            result.append(source)
    return result


def as_talk(data: dict[str, Any]) -> tuple[Transcript, list[str]]:
    """A labelled talk with an utterance for each sentence, and their labels."""
    labelled = [(u["speaker"], *sentence) for u in data["utterances"] for sentence in u["sentences"]]
    said = tuple(
        Utterance(speaker=Speaker(speaker), text=text, start_s=float(n), end_s=n + 1.0)
        for n, (speaker, text, _) in enumerate(labelled)
    )
    return Transcript(utterances=said, language="nl", model="labelled talk"), [label for *_, label in labelled]


def of_talk(data: dict[str, Any]) -> Source:
    transcript, given = as_talk(data)
    said = heard(transcript)
    labels = [None if given[s.utterance] == "-" else Section(given[s.utterance]) for s in said]
    return Source(name=data["id"], author=author(data["id"]), data=data, said=said, labels=labels)


def of_consult(data: dict[str, Any]) -> Source | None:
    name, transcript = as_consult(data)
    if transcript.language != "nl" or is_dictation(transcript):
        return None
    said = heard(transcript)
    with speaking("nl"):
        labels = [label(data, sentence, said) for sentence in said]
    forget()
    return Source(name=name, author=author(name), data=data, said=said, labels=labels)


def heard(transcript: Transcript) -> list[Sentence]:
    """What the drafter reads of a transcript."""
    with speaking("nl"):
        kept, _ = leave_out(divide(sentences(transcript)).said)
    forget()
    return kept


def label(consult: dict[str, Any], sentence: Sentence, said: Sequence[Sentence]) -> Section | None:
    """The section whose lines and facts rest on the utterance of a sentence and share the most words with it.

    Evidence is by utterance. The only sentence of an utterance needs no word in common with the line of the note.
    """
    if sentence.question:
        return None
    n = sentence.utterance
    alone = sum(other.utterance == n and not other.question for other in said) == 1
    mine = stems(sentence.text)
    best, most = None, 0.0
    for section in Section:
        found = max(
            (
                len(mine & stems(clean(line))) + alone / 2
                for line, evidence in zip(
                    consult["reference"][section], consult["reference_evidence"][section], strict=True
                )
                if n in evidence
            ),
            default=0.0,
        )
        for fact in consult["facts"]:
            if fact["section"] == section and n in fact["evidence"]:
                share = np.mean([any(_said(k, sentence.text) for k in group) for group in fact["keywords"]])
                found += 2 * share if share >= 0.5 else 0
        if found > most:
            best, most = section, found
    return best if most >= (0.5 if alone else 1) else None


def _said(keyword: str, text: str) -> bool:
    return score.keyword_in(re.sub(r"^(?:neg|pos):", "", keyword), text)


#: Words that tell nothing of what a sentence is about.
EMPTY = re.compile(
    "de|het|een|en|of|maar|dat|die|dit|er|in|op|van|te|is|u|ik|je|we|aan|met|voor|niet|als|dan|ook|nog|wel|bij|naar|om"
    "|al|zo|hij|ze|zij|was|heeft|heb|hebt|bent|ben|zijn"
)


def stems(text: str) -> set[str]:
    return {word[:5] for word in words(text) if not EMPTY.fullmatch(word) and (len(word) > 2 or word.isdigit())}


def examples(sources: Iterable[Source]) -> list[tuple[set[str], int]]:
    """The features of each sentence that tells something, with the place of its label."""
    result = []
    for source in sources:
        with speaking("nl"):
            seen = features(source.said)
        forget()
        result += [(found, LABELS.index(source.labels[n])) for n, found in seen.items()]
    return result


def trained(rows: Sequence[tuple[set[str], int]]) -> Learned:
    """Multinomial logistic regression with a squared penalty, rounded to whole hundredths."""
    often = Counter(name for found, _ in rows for name in found)
    names = sorted(name for name, n in often.items() if n >= LEAST)
    place = {name: n for n, name in enumerate(names)}
    within = [[*sorted(place[name] for name in found if name in place), len(names)] for found, _ in rows]
    ends = np.cumsum([0, *map(len, within)])
    columns = np.concatenate(within)
    matrix = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(names) + 1))
    right = np.array([label for _, label in rows])
    wanted = np.eye(len(LABELS))[right]
    turned = matrix.T.tocsr()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, len(LABELS))
        scores = matrix @ weights
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        kept = PENALTY * weights
        kept[-1] = 0  # the bias is free
        missed = -np.log(shares[np.arange(len(rows)), right] + 1e-12).sum()
        return missed + (kept * weights).sum() / 2, (turned @ (shares - wanted) + kept).ravel()

    start = np.zeros((len(names) + 1) * len(LABELS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x.reshape(-1, len(LABELS))
    whole = np.rint(UNIT * found).astype(int)
    weights = {name: tuple(map(int, own)) for name, own in zip([*names, BIAS], whole, strict=True)}
    return Learned(weights={n: own for n, own in weights.items() if n == BIAS or max(map(abs, own)) >= SMALL})


def without(rows: dict[str, list[tuple[set[str], int]]], left_out: str) -> Learned:
    return trained([row for name, own in rows.items() if name != left_out for row in own])


def in_their_section(sources: Iterable[Source], drafter: ExtractiveDrafter) -> Counter[tuple[str, str]]:
    """Sentences of the huisarts in labelled talks: the label, and the section of the first line that rests on each."""
    result: Counter[tuple[str, str]] = Counter()
    for source in sources:
        if "sentences" not in source.data["utterances"][0]:
            continue
        transcript, _ = as_talk(source.data)
        placed: dict[int, str] = {}
        for line in drafter.draft(transcript).lines():
            for n in line.evidence:
                placed.setdefault(n, line.section.value)
        for sentence, given in zip(source.said, source.labels, strict=True):
            if sentence.speaker is Speaker.HUISARTS and not sentence.question:
                result[given.value if given else "-", placed.get(sentence.utterance, "-")] += 1
    return result


def worth(sources: Iterable[Source], drafter: ExtractiveDrafter) -> list[dict[str, Any]]:
    """The scorer's rows of the consults among the sources."""
    rows = []
    for source in sources:
        if "facts" in source.data:
            _, transcript = as_consult(source.data)
            draft = score.norm_draft(as_draft(drafter.draft(transcript)))
            rows.append(score.score_one(source.data, draft, 2))
    return rows


def validate(sources: list[Source]) -> None:
    by_author: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_author[source.author].append(source)
    rows = {name: examples(own) for name, own in by_author.items()}
    print("| author | by | in their section | " + " | ".join(COLUMNS.values()) + " |")
    print("| --- |" + " --- |" * (len(COLUMNS) + 2))
    for name, own in by_author.items():
        for by, drafter in (
            ("rules", ExtractiveDrafter(sections=None)),
            ("learned", ExtractiveDrafter(sections=without(rows, name))),
        ):
            told = in_their_section(own, drafter)
            right = f"{100 * sum(n for (a, b), n in told.items() if a == b) / told.total():.1f} %" if told else "-"
            scored = worth(own, drafter)
            figures = score.summarise(scored) if scored else {}
            cells = (f"{figures[key]:.1f}" if figures else "-" for key in COLUMNS)
            print(f"| {name} ({len(own)}) | {by} | {right} | " + " | ".join(cells) + " |", flush=True)


def fingerprint(folders: Iterable[Path] = SOURCES) -> str:
    """SHA-256 over all that is learned from."""
    result = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        result.update(path.name.encode() + b"\n" + path.read_bytes())
    return result.hexdigest()


def save(model: Learned, sources: Sequence[Source], path: Path) -> None:
    """The weights, a feature a line, with their card."""
    card = {
        "what": "Which section of the note a sentence belongs to; multinomial logistic regression, in hundredths",
        "for": "a proposal to transcribe/soep/extractive.py beside its rules; never alone, Dutch only",
        "labels": [section.value if section else "-" for section in LABELS],
        "data": "benchmarks/talks, benchmarks/consults and benchmarks/unseen/development; invented, CC BY 4.0",
        "sha256": fingerprint(),
        "talks": len(sources),
        "sentences": len(examples(sources)),
        "recipe": "python -m benchmarks.sections train; no randomness",
        "penalty": PENALTY,
        "least": LEAST,
        "figures": "benchmarks/README.md, docs/soep-draft.md",
        "licence": "Apache-2.0",
    }
    lines = (f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(own)}" for name, own in model.weights.items())
    body = ",\n".join(line.replace(", ", ",") for line in lines)
    path.write_text(
        f'{{"card": {json.dumps(card, ensure_ascii=False, indent=1)},\n"weights": {{\n{body}\n}}}}\n', encoding="utf-8"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "validate"])
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    sources = read()
    if arguments.what == "validate":
        validate(sources)
    else:
        save(trained(examples(sources)), sources, arguments.out)


if __name__ == "__main__":
    main()
