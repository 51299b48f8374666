"""Self-corrections: what a speaker takes back is out, what replaces it is in.

"Twee weken. Nee, drie." -> "3 weken." Works on one turn (all a speaker says in a row), after numbers are written.
The value after a correction word replaces the last value of the same kind before it; without such a value the
clause before is taken back when the correction says so ("dat is de vorige", "dat slikt hij niet meer").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transcribe.soep.language import by_language
from transcribe.soep.lexicon import cue_pattern, has
from transcribe.soep.numbers import plain

Piece = tuple[tuple[int, ...], str]  # evidence and text of one sentence


@by_language
def _kinds() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The kinds of values that can be taken back; those with words in them stand in the table of cues."""
    digits = {
        "pressure": r"\b\d{2,3}/\d{2,3}\b",
        "dose": r"\b\d+(?:,\d+)? ?(?:mg|mcg|ml|g|gram|%|mmol)(?!\w)",
        "length": r"\b\d+(?:,\d+)? ?(?:cm|mm|meter|kg|gram)\b",
        "things": r"\b\d+(?:-\d+)? (?!(?:dd|x|mg|ml|over)\b)[^\W\d]{3,}",
        "number": r"(?<![\d,/])\d+(?:,\d+)?(?:-\d+)?(?![\d/,]?\d)",
    }
    spoken = ("times", "time", "day", "month", "side", "rank", "class")
    return (
        *((kind, cue_pattern("correction", kind)) for kind in spoken),
        *((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in digits.items()),
    )


@dataclass(frozen=True)
class _Value:
    kind: str
    start: int
    end: int
    text: str


def _values(text: str) -> list[_Value]:
    found = [_Value(kind, m.start(), m.end(), m.group()) for kind, rx in _kinds() for m in rx.finditer(text)]
    whole = [v for v in found if v.kind not in ("number", "things")]
    return [v for v in found if v in whole or not any(w.start <= v.start < w.end for w in whole)]


_NUMERIC = ("times", "time", "dose", "length", "things", "number")


def _unit(value: _Value) -> str:
    return re.sub(r"^[\d,\- ]+", "", value.text)


def _amount(value: _Value) -> str:
    """The number of a value without its unit."""
    return re.sub(r"[^\d,\-].*", "", value.text)


def _rank(stale: _Value, fresh: _Value) -> int | None:
    """How well one value can replace another, 0 is best; None: it can't."""
    if stale.kind == fresh.kind and stale.kind not in ("number", "things"):
        return 0
    if stale.kind == fresh.kind == "things" and _unit(stale).lower()[:3] == _unit(fresh).lower()[:3]:
        return 1
    if "number" in (stale.kind, fresh.kind) and stale.kind in _NUMERIC and fresh.kind in _NUMERIC:
        alike = _alike(stale, fresh)
        if not alike and stale.kind == "times":
            return None  # "3 keer. Nee, 400.": that was said of something else
        return 1 if alike and stale.kind == fresh.kind else 2 if alike else 3
    return None


def _match(old: str, new: str, *, near: int = 60) -> tuple[_Value, _Value] | None:
    """The last value in the old text that the first fitting value in the new text replaces."""
    olds, news = _values(old), [v for v in _values(new) if v.start <= near]
    pairs = []
    for fresh in news:
        for stale in olds:
            rank = _rank(stale, fresh)
            if rank is not None and stale.text != fresh.text:
                pairs.append((fresh.start, rank, -stale.end, -len(fresh.text), stale, fresh))
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair[:4])
    return pairs[0][4], pairs[0][5]


SIZE = 8  # a slip of the tongue is not another order of size: 600 is no correction of "3 keer"


def _alike(stale: _Value, fresh: _Value) -> bool:
    """Are two numbers of about the same size?"""
    old, new = (float(re.split("-", _amount(v))[0].replace(",", ".") or 0) for v in (stale, fresh))
    return old == new == 0 or (min(old, new) > 0 and max(old, new) / min(old, new) <= SIZE)


def _merge(stale: _Value, fresh: _Value) -> str:
    """The new value, with the unit of the old one when it has none of its own."""
    if fresh.kind == "number" and stale.kind in ("dose", "length", "time", "things"):
        return f"{fresh.text} {_unit(stale)}".replace(" %", "%")
    if fresh.kind == "number" and stale.kind == "times":
        return fresh.text + _unit(stale)
    if fresh.kind == "things" and stale.kind == "number":
        return _amount(fresh)
    return fresh.text


def _tail(text: str) -> str:
    """What follows the new value: a separate remark, or the rest of the sentence."""
    return re.sub(r"^\s*(?:,?\s*dus|natuurlijk|zelfs)\b", "", text)


def _replace(old: str, new: str) -> str | None:
    found = _match(old, new)
    if found is None:
        return None
    stale, fresh = found
    put = _merge(stale, fresh)
    bare = fresh.kind == "things" and stale.kind == "number"  # "drie, nee, vier dagen": the noun stays where it is
    end = fresh.start + len(_amount(fresh)) if bare else fresh.end
    rest = _tail(new[end:])
    between = old[stale.end :]
    between = re.sub(r",? dus .*", "", between).rstrip(" .")  # what followed from the old value goes with it
    if fresh.kind == "class":
        between = ""
    elif not re.match(r"\s*[,.;]|\s*$", rest):
        # "3 dagen niks, nee, 2 dagen rustig": the new value brings its own words; other values of the old one stay
        again = {v.kind for v in _values(rest)}
        kept = [p for p in between.split(", ")[1:] if (own := {v.kind for v in _values(p)}) and not own & again]
        return old[: stale.start] + put + ", ".join([rest.rstrip(" ."), *kept]) + "."
    return old[: stale.start] + put + between + rest


def _content(text: str) -> set[str]:
    return {
        word
        for word in re.findall(r"[a-z]{4,}", plain(text))
        if word not in ("maar", "want", "niet", "heeft", "wordt", "mag")
    }


_NAMED = re.compile(r",? ([A-Z][a-z]+)$")


def _within(text: str) -> str:
    """Corrections inside one sentence."""
    text = cue_pattern("correction", "said").sub(" ", text)
    if cue_pattern("correction", "dismissed").search(text):  # "van 25 naar, eh, 50 is te veel, naar 37"
        text = re.sub(r"\b(\w+),? \1\b", r"\1", cue_pattern("correction", "dismissed").sub("", text))
    for _ in range(4):
        mark = next(
            (
                m
                for m in cue_pattern("correction", "mark").finditer(text)
                if m.start() > 0 and m.group().startswith(",") and "?" not in text[: m.start()]
            ),
            None,
        )
        if mark is None:
            break
        old, new = text[: mark.start()], text[mark.end() :]
        names = _NAMED.search(old), re.match(r"[A-Z][a-z]+\b", new)
        replaced = _replace(old, new)
        if replaced is None and names[0] and names[1]:
            replaced = old[: names[0].start(1)] + new  # "mijn jongste, Anna, nee Eva"
        elif replaced is None and names[1] and has("family", old.split()[-1]):
            replaced = old + new[names[1].end() :]  # the first name is the relation already
        if replaced is None:
            clause = re.split(r"[,;]\s*", old)[-1]
            if _content(clause) & _content(new[:60]) or (re.search(r"\d", clause) and _taken_back(new)):
                replaced = old[: len(old) - len(clause)] + new
            elif re.search(r"\d", old) and re.match(r"(?:die|dat) ", new):
                replaced = new  # "twee keer 2,5, eh, nee, die lage dosis is alleen voor ...": all taken back
            else:
                text = old + "\0" + text[mark.start() :].replace(",", "\1", 1)
                continue
        text = replaced
    text = text.replace("\0", "").replace("\1", ",")
    mark = cue_pattern("correction", "hesitation").search(text)
    if mark:
        old, new = text[: mark.start()], text[mark.end() :]
        found = _match(old, new, near=22)
        if found and found[0].end >= len(old) - 12:
            text = _replace(old, new) or text
    return text


def apply(turn: list[Piece]) -> list[Piece]:
    """A turn without what was taken back in it."""
    done: list[Piece] = []
    corrected = ""  # the last value that replaced another in this turn
    for evidence, raw in _with_what_follows(turn):
        text = _within(raw)
        mark = cue_pattern("correction", "mark").match(text)
        if mark is None or not done or done[-1][1].rstrip().endswith("?") or not text[mark.end() :].strip(" ."):
            if not (corrected and _said_again(done, evidence, text, corrected)):
                done.append((evidence, text))
            continue
        new = text[mark.end() :]
        bare = _values(new)
        corrected = bare[0].text if bare else corrected
        if len(done) > 1 and _further_back(done, new):
            old_evidence, old = done[-2]
            done[-2:] = [(tuple(sorted({*old_evidence, *evidence})), _replace(old, new) or old), done[-1]]
            continue
        old_evidence, old = done[-1]
        replaced = _replace(old, new)
        both = tuple(sorted({*old_evidence, *evidence}))
        if replaced is not None:
            done[-1] = (both, replaced)
        elif _values(old) and len(old.split()) <= 3:
            # "Drie dagen. Nee, het was zondag, ...": a bare value, said again in other words
            done[-1] = (both, new)
        elif _taken_back(new) and not _diagnoses(old, new):
            done[-1] = (both, _without_last(old))
            done.append((evidence, ""))
        else:
            done.append((evidence, text))
    return [(evidence, text) for evidence, text in done if re.search(r"\w", text)]


def _with_what_follows(turn: list[Piece]) -> list[Piece]:
    """ "Pap 2, nee, ik kijk op de verkeerde regel. Pap 3.": what only takes back, with what comes in its place."""
    result: list[Piece] = []
    open_end = False
    for evidence, text in turn:
        if open_end:
            before, start = result.pop()
            evidence, text = tuple(sorted({*before, *evidence})), f"{start.rstrip(' .')} {text}"
        marks = list(cue_pattern("correction", "mark").finditer(text))
        open_end = bool(marks) and not text[marks[-1].end() :].strip(" .") and _only_takes_back(text, marks[-1])
        result.append((evidence, text))
    return result


def _only_takes_back(text: str, mark: re.Match[str]) -> bool:
    """A mark at the end, behind a number or as a whole sentence; a bare "Nee." is an answer."""
    if mark.start() == 0:
        return len(text.split()) > 2
    return mark[0].startswith(",") and re.search(r"\d", text) is not None


def _further_back(done: list[Piece], new: str) -> bool:
    """ "600. Drie keer. Nee, 400.": the number taken back is the one of its own size, one sentence further back."""
    near, far = _match(done[-1][1], new), _match(done[-2][1], new)
    if far is None or done[-2][1].rstrip().endswith("?") or far[1].kind != "number" or not _alike(*far):
        return False
    return near is None or not _alike(*near)


def _said_again(done: list[Piece], evidence: tuple[int, ...], text: str, corrected: str) -> bool:
    """ "Nee, 65. 3 kilo dus.": what follows from the new value replaces what followed from the old one."""
    values = _values(text)
    follows = cue_pattern("correction", "follows").search(text)
    if len(values) == 1 and follows and len(text.split()) <= 5:
        for n, (old_evidence, old) in enumerate(done):
            for stale in _values(old):
                if stale.kind == values[0].kind and _unit(stale) == _unit(values[0]) and stale.text != values[0].text:
                    put = old[: stale.start] + values[0].text + old[stale.end :]
                    done[n] = (tuple(sorted({*old_evidence, *evidence})), put)
                    return True
    # "400. 4 keer per dag 400.": all of it said once more, complete
    again = [v for v in values if _amount(v) == corrected or v.text == corrected]
    short = [n for n, (_, old) in enumerate(done) if corrected in old and len(old.split()) <= 3]
    if again and len(values) > 1 and short:
        n = short[-1]
        gone = [i for i, (_, old) in enumerate(done) if i >= n and len(old.split()) <= 3]
        both = {i for k in gone for i in done[k][0]} | {*evidence}
        done[n:] = [(tuple(sorted(both)), text), *(piece for i, piece in enumerate(done) if i > n and i not in gone)]
        return True
    return False


def _taken_back(text: str) -> bool:
    return cue_pattern("correction", "taken_back").match(text) is not None


def _diagnoses(old: str, new: str) -> bool:
    """ "Nee, dit is krentenbaard.", "Een hernia. Nee, dat is het niet.": a conclusion, nothing taken back."""
    return has("dx", new) or (has("dx", old) and cue_pattern("evaluation", "not_that").match(plain(new)) is not None)


def _without_last(text: str) -> str:
    """A sentence without its last item ("A, B, en C." -> "A, B."), or nothing when it is one clause."""
    parts = re.split(r",\s+(?:en\s+)?|\s+en\s+", text)
    return ", ".join(parts[:-1]) + "." if len(parts) > 1 else ""
