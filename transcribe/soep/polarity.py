"""Said with or without a denial: of a thing in a text, and whether that can be told at all. Quiet when in doubt."""

from __future__ import annotations

import re
from enum import Enum

from transcribe.soep.lexicon import cue_pattern, plain_same_length


class Polarity(Enum):
    AFFIRMED = 1
    DENIED = 2
    UNCLEAR = 3  # a denial stands near, but perhaps not about this


DENIAL = re.compile(
    r"\b(?:geen|niet(?! (?:alleen|meer dan|te missen|zeker))|nooit|zonder|noch|niks|niets|nergens|ontkent|nee|evenmin|"
    r"not|no|don't|never|without)\b"
)
#: What ends the reach of a denial, and what may end it.
_TURN = re.compile(r"\b(?:maar|mag|mogen|wel|behalve|want|toch|echter|eerder)\b|[;:]")
_PERHAPS = re.compile(r"\b(?:omdat|bij|indien|als|sinds|dus|met|tot|door|voor|of|en)\b|[()/]")
ON_CONDITION = re.compile(r"\b(?:als|indien|zodra|wanneer|tot|pas)\b[^,;]*$|\bbij\b[^.;]*\bniet$")
_STOPPED = re.compile(r"\b(?:(?:ge)?stop\w*|staak\w*|staken|in plaats van|ipv|voordat) (?:\w+ )?$")
#: A comma part with one of these says how something is: the denial of an earlier part does not reach it.
_OWN = re.compile(
    r"\b(?:normaal|normale|gaaf|schoon|soepel|goed|gb|intact|symm\w*|positief|negatief|rood|rode|links|rechts|beide|"
    r"beiderzijds|bdz|heeft|had|is|was|zijn|wel|ja|vooral|alleen|iets|matig|licht|veel|weinig|laag|hoog|niet|geen)\b|\d"
)
LATER = re.compile(
    r"\b(?:niet(?! (?:alleen|uit|zeker|te missen))|nooit|niks|neg|negatief|(?:on|minder )waarschijnlijk|verworpen|"
    r"uitgesloten|nergens|laten staan|stop\w*|staken|weg|halver\w*|overslaan|afgeraden|vermijden|past niet)\b"
)
#: What may stand between a thing and the "niet" that denies it: "koorts heb ik niet", "pijn is er ook niet".
_COPULA = frozenset(
    ("is", "was", "zijn", "waren", "heb", "heeft", "had", "hebben", "ik", "hij", "ze", "zij", "er", "ook", "nu", "nog",
     "dus", "zelf", "eigenlijk", "meer", "gaat", "ging", "beide", "verder", "doe", "doen", "we", "wij", "geef", "hoeft",
     "hoeven", "krijgt", "u", "je", "wil")
)  # fmt: skip
_SIGNS = re.compile(r"^ (?:\w+ )?(?:aanwijzing|teken)\w* (?:voor|van|op)\b(?: een)?")  # "geen tekenen van"
REACH = 4  # words a denial governs without doubt


def polarity(text: str, start: int, end: int) -> Polarity:
    """Is a thing said with or without a denial? Looks in its own sentence, and says when it can't tell."""
    flat = plain_same_length(text)
    left = max((m.end() for m in re.finditer(r"[.!?]\s", flat[:start])), default=0)
    after = re.split(r"[.!?](?:\s|$)", flat[end:])[0]
    if re.match(r"[\w-]*(?:vrij|loos)\b", flat[start:]):
        return Polarity.UNCLEAR
    behind = cue_pattern("negation", "after").match(after)
    if behind:
        weak = re.search(
            r"negatief|\bniet (?:met|in|op|bij|na|voor|tot|aan|te)\b", behind.group() + after[behind.end() :][:6]
        )
        return Polarity.UNCLEAR if weak else Polarity.DENIED
    before = flat[left:start]
    denial = max((m.end() for m in DENIAL.finditer(before)), default=None)
    if denial is not None:
        between = re.sub(r"^ eerder\b", "", _SIGNS.sub("", before[denial:]))  # "niet eerder trombose"
        if re.fullmatch(r" \w+ (?:of|en|noch) (?:\w+ )?", between):
            return Polarity.UNCLEAR  # "niet tillen of bukken"
        if not _TURN.search(between):
            if not between.strip() and re.search(r"\b(?:geen|zonder) ?$", before[:denial]):
                return Polarity.DENIED
            near = "," not in between and len(between.split()) <= REACH and not _PERHAPS.search(between)
            if near and not ON_CONDITION.search(before[:denial]):
                return Polarity.DENIED
            if near or _goes_on(before[:denial], [*between.split(",")[1:-1], between.split(",")[-1] + after]):
                return Polarity.UNCLEAR
    if _STOPPED.search(before):
        return Polarity.UNCLEAR
    clause = re.split(r"[,;(]", after)[0]
    later = LATER.search(clause) or re.search(r"\b(?:minder |on)waarschijnlijk|verworpen", after)
    if later:
        apart = clause[: later.start()].split()
        near = later.group() in ("niet", "nooit") and len(apart) <= 3 and _COPULA.issuperset(apart)
        whole = re.match(r"(?: (?:met|in|op|bij|na|voor|tot|aan|kunnen|kunt|kan|te)\b)", clause[later.end() :])
        return Polarity.DENIED if near and not whole else Polarity.UNCLEAR
    return Polarity.AFFIRMED


def _goes_on(denial: str, parts: list[str]) -> bool:
    """Does a denial reach over comma parts? "Geen koorts, hoest", but not "geen koorts, longen schoon"."""
    if not parts:
        return True  # the same comma part, further on
    own = [re.split(r"[,;(]", part)[0] for part in parts]
    if any(_OWN.search(part) for part in own):
        return False
    return not denial.endswith("niet") or len(own[-1].split()) == 1
