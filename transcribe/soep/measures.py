"""Numbers with what they count: "3dd", "2 weken", "75 mcg", and when two of them say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

from transcribe.soep.lexicon import plain_same_length
from transcribe.soep.memory import remembered
from transcribe.soep.numbers import number_word, one_number, written

#: Kinds of quantity: how much each unit is of the smallest of its kind.
_KINDS: dict[str, dict[str, float]] = {
    "mass": {"mcg": 1, "microgram": 1, "mg": 1e3, "milligram": 1e3, "g": 1e6, "gr": 1e6, "gram": 1e6,
             "kg": 1e9, "kilo": 1e9},
    "volume": {"ml": 1, "milliliter": 1, "cc": 1, "liter": 1e3, "l": 1e3},
    "length": {"mm": 1, "millimeter": 1, "cm": 10, "centimeter": 10},
    "time": {
        **dict.fromkeys(("seconde", "seconden"), 1), **dict.fromkeys(("min", "minuut", "minuten", "minutes"), 60),
        "kwartier": 900, **dict.fromkeys(("u", "uur", "uren", "hour", "hours"), 3600),
        **dict.fromkeys(("d", "dg", "dag", "dagen", "dgn", "day", "days", "nachten"), 86_400),
        **dict.fromkeys(("week", "weken", "wk", "wkn", "weeks"), 604_800),
        **dict.fromkeys(("maand", "maanden", "mnd", "month", "months"), 2_592_000),
        **dict.fromkeys(("jaar", "jaren", "jr", "year", "years"), 31_104_000),
    },
    "often": {"pm": 1, "pw": 4, "dd": 30},
    "count": {"x": 1, "keer": 1, "maal": 1, "times": 1},
    "share": {"%": 1},
}  # fmt: skip
_UNITS = {unit: (kind, float(size)) for kind, sizes in _KINDS.items() for unit, size in sizes.items()}
_WEEK, _MONTH = 604_800, 2_592_000
_SPELLED = "|".join(sorted((re.escape(unit) for unit in _UNITS), key=len, reverse=True))
_MEASURE = re.compile(
    rf"(?<![\w,./])(?P<first>\d+(?:,\d+)?)(?: ?(?:-|tot|of|a) ?(?P<second>\d+(?:,\d+)?))? ?"
    rf"(?P<unit>{_SPELLED})(?![a-z])"
)
#: "een week" is one week; elsewhere "een" is no number.
_ONE = re.compile(
    rf"\b(?:een|elke|iedere|per|one|a|an|eerste|laatste|afgelopen|hele|halve) (?=(?:{_SPELLED})(?![a-z]))"
)
ORDINAL = re.compile(r"\b([^\W\d_]+?)(?:de|ste)\b", re.IGNORECASE)
MONTHS = {
    name: n
    for n, name in enumerate(
        ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
         "december"), 1,
    )
}  # fmt: skip
_DAY_OF = re.compile(rf"\d ({'|'.join(MONTHS)})\b")
#: "6-2 dagen", "12-9 behandelingen", but not "sinds 12-3 pijn", "12-3 gevallen".
_RANGE = re.compile(
    rf"(?<![\w,/-])(\d+)(?:-| tot )(\d+) ?(?=%|(?:{_SPELLED}|dd)(?![a-z]))"
    r"|(?<![\w,/-])(?<!sinds )(?<!\bop )(?<!\bper )(?<!vanaf )(?<!\bvan )(?<!\btot )(?<!^)(\d+)(?:-| tot )(\d+) ?"
    r"(?=[a-z])(?!over|om)"
)
_ONCE_A_DAY = re.compile(
    r"\b(?:daags|dagelijks|per dag|elke (?:dag|avond|ochtend)|iedere (?:dag|avond|ochtend)|"
    r"s (?:avonds|ochtends|morgens)|voor de nacht|a day|once|slapengaan|eenmaal|innemen|op een dag)\b"
)
_HALF = re.compile(r"\b(?:een )?half ?uur(?:tje)?\b")
_HALF_YEAR = re.compile(r"\b(?:een )?half ?jaar\b")


@remembered
def _spaced(text: str) -> str:
    """Lower case, numbers as digits, "3dd500mg" apart, names with digits in them (B12, HbA1c, R74) out."""
    text = re.sub(r"(?<=\ddd)(?=\d)", " ", plain_same_length(one_number(written(text))))
    text = re.sub(r"\bicpc [a-z]\d\d(?:[.,]\d\d)?", " ", text)
    text = re.sub(r"(?<![\w])[a-z]+-?\d+[a-z]*\b(?![/,]\d)", " ", text)
    text = _HALF_YEAR.sub("6 maanden", _HALF.sub("30 minuten", text))
    text = re.sub(r"(?<=\d) ?(?:x|keer|maal) (?:per|in de|op een) (week|maand|dag)\b", _often, text)
    return re.sub(r"\b(?:type|graad|klasse|stap|fase|stadium) \d\b", " ", re.sub(r"\b1/2\b", "0,5", text))


def _often(match: re.Match[str]) -> str:
    return {"dag": "dd", "week": " pw", "maand": " pm"}[match[1]]


def numbers(text: str) -> set[str]:
    """The numbers of a line that must have been said."""
    return {number.removesuffix(",0") for number in re.findall(r"\d+(?:,\d+)?", _spaced(text))}


def measures(text: str, *, spoken: bool = False) -> set[tuple[str, str]]:
    """Numbers with their unit: {("3", "dd"), ("500", "mg")}. ``spoken``: "een week" is one week."""
    found = set()
    for match in _MEASURE.finditer(_ONE.sub("1 ", _spaced(text)) if spoken else _spaced(text)):
        for number in (match["first"], match["second"]):
            if number:
                found.add((number, match["unit"]))
    return found


def spoken_numbers(text: str) -> set[str]:
    """Numbers that were said as something else: "de vijfde", "beide", "dagelijks" (1dd), "een" (1), "12 maart" (3)."""
    flat = plain_same_length(text)
    found = {"3"} if re.search(r"\bderde\b", flat) else set()
    found |= {str(value) for word in ORDINAL.findall(flat) if (value := number_word(word)) is not None}
    if re.search(r"\b(?:een|eerste|eenmaal|enkele?|one|once|a|an|per|elke|iedere|dagelijks|daags)\b", flat):
        found.add("1")
    if re.search(r"\b(?:beide|allebei|tweede|paar|dubbele?|both|twice|couple)\b", flat):
        found.add("2")
    if re.search(r"\bhal(?:f|ve)\b", flat):
        found.add("0,5")
    if "kwartier" in flat:
        found |= {"15", "45"}
    return found | {str(MONTHS[name]) for name in _DAY_OF.findall(flat)}


#: What must have been said for a unit. Units that are often left unsaid ("losartan vijftig") are not here.
_NAMED = {
    **dict.fromkeys(("mcg", "microgram"), r"micro|mcg|\bug\b"),
    **dict.fromkeys(("g", "gram"), r"(?<!micro)(?<!milli)(?<!kilo)gram|\bg\b"),
    "mm": r"milli|\bmm\b",
    **dict.fromkeys(
        ("d", "dg", "dag", "dagen", "dgn"), r"da(?:g|ag)|nacht|morgen|gister|ochtend|avond|24 uur|48 uur|day"
    ),
    **dict.fromkeys(("week", "weken", "wk", "wkn"), r"we(?:ek|ke)|kerst|pasen|pinkster"),
    **dict.fromkeys(
        ("maand", "maanden", "mnd"), r"maand|kwartaal|week|weken|half jaar|month|zomer|winter|herfst|lente|ber\b"
    ),
    "pw": r"week|weken|werkdag|(?:maan|dins|woens|donder|vrij|zater|zon)dag",
}


def unsaid_unit(unit: str, text: str) -> bool:
    """Is this a unit that has to be said, and was nothing like it said?"""
    named = _NAMED.get(unit)
    return named is not None and re.search(named, plain_same_length(text)) is None


def upside_down(text: str) -> list[str]:
    """Ranges that are none: "4-4 weken", "6-2 dagen". A date ("sinds 12-3 pijn") is no range."""
    found = _RANGE.finditer(_spaced(text))
    return [m.group().strip() for m in found if int(m[1] or m[3]) >= int(m[2] or m[4])]


def _value(number: str, unit: str) -> tuple[str, float]:
    kind, size = _UNITS[unit]
    return kind, round(float(number.replace(",", ".")) * size, 6)


def same_amount(measure: tuple[str, str], said: Iterable[tuple[str, str]]) -> bool:
    """Was this amount said, in this or another unit? A month is four weeks or thirty days."""
    kind, amount = _value(*measure)
    for other in said:
        other_kind, found = _value(*other)
        if other_kind != kind:
            continue
        by_calendar = {_UNITS[measure[1]][1], _UNITS[other[1]][1]} == {_WEEK, _MONTH}
        if found == amount or (kind == "time" and by_calendar and 0.9 < found / amount < 1.12):
            return True
    return False


_CLOCK = re.compile(r"(?<![\d,./])(?P<hour>[01]?\d|2[0-3])(?:[.,:](?P<minute>[0-5]\d))?(?= ?(?:u|uur)\b)|"
                    r"(?:\bom |\bgegeten )(?P<at>[01]?\d|2[0-3])[.,:](?P<past>[0-5]\d)\b")  # fmt: skip
_SAID_CLOCK = re.compile(
    r"\b(?P<first>half|kwart voor|kwart over|\d+ (?:minuten )?(?:voor|over)(?: half)?) (?P<hour>\d+)\b"
    r"|\b(?P<whole>\d+)(?: uur|\.00)?\b"
)


def _said_clocks(text: str) -> set[tuple[int, int]]:
    """The times of day of a talk, on a clock of 12 hours: "kwart voor twaalf" is 11.45."""
    found = set()
    for match in _SAID_CLOCK.finditer(plain_same_length(written(text))):
        if match["whole"]:
            found.add((int(match["whole"]) % 12, 0))
            continue
        first, hour = match["first"], int(match["hour"])
        away = 15 if first.startswith("kwart") else int(re.findall(r"\d+", first)[0]) if first[0].isdigit() else 0
        minutes = hour * 60 - (30 if "half" in first else 0) + (-away if "voor" in first else away)
        found.add((minutes // 60 % 12, minutes % 60))
    return found


def clock_numbers(text: str, said: str) -> set[str]:
    """The numbers of a line that are times of day which were said: "17 u" for "vijf uur", "11.45 u"."""
    times = list(_CLOCK.finditer(plain_same_length(text)))
    clocks = _said_clocks(said) if times else set()
    found = set()
    for match in times:
        hour, minute = match["hour"] or match["at"], match["minute"] or match["past"]
        if (int(hour) % 12, int(minute or 0)) in clocks:
            found |= {hour, f"{hour},{minute}", f"{hour}.{minute}"} if minute else {hour}
    return found


_EACH = re.compile(r"(?<![\d,/])(\d+) (?:tabletten |stuks )?van (\d+)(?![\d,/])")


def implied(said: str, told: set[str]) -> set[str]:
    """Numbers that follow from what was said: "twee van vijfhonderd" is 1000; the year "eenennegentig" is 1991."""
    found = {str(int(a) * int(b)) for a, b in _EACH.findall(_spaced(said)) if int(a) <= 6}
    found |= {f"{century}{year}" for year in told if re.fullmatch(r"\d\d", year) for century in ("19", "20")}
    return found | ({"3"} if "driedaags" in said.lower() else set())


def conflicting(measure: tuple[str, str], said: Iterable[tuple[str, str]], text: str) -> bool:
    """Was this number said of something else, and never of this? ``text`` is what was said."""
    number, unit = measure
    units = {other for n, other in said if n == number}
    if same_amount(measure, said):
        return False
    times = rf"(?<![\d,/]){number} ?(?:x|keer|maal) (?:\w+ )?(?:per dag|'?s (?:ochtends|avonds)|\d)"
    if unit == "dd" and units & {"x", "keer", "maal"} and re.search(times, _spaced(text)):
        return False
    if unit == "dd" and any(other == "dd" for _, other in said):
        return True
    if not units:
        return False
    if {_UNITS[other][0] for other in (unit, *units)} == {"often", "count"} and {unit, *units} <= {
        "dd",
        "x",
        "keer",
        "maal",
    }:
        return False
    if number == "1" and _UNITS[unit][0] == "often" and _ONCE_A_DAY.search(plain_same_length(text)):
        return False
    if any(_UNITS[other][0] == _UNITS[unit][0] for other in units):
        return True  # "3 weken" where "3 dagen" was said, also when a bare 3 stands somewhere else
    return not re.search(rf"(?<![\d,/]){re.escape(number)}(?![\d,/]| ?(?:{_SPELLED})(?![a-z]))", _spaced(text))
