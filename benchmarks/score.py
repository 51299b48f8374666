"""Scorer for draft SOEP notes (Dutch GP consults). Python 3.11, standard library only.

  score.py selfcheck --consults DIR             check the benchmark itself
  score.py copy      --consults DIR [--out D]   baseline: patient -> S, GP -> P
  score.py lead      --consults DIR [--out D]   baseline: first 3 sentences
  score.py oracle    --consults DIR [--out D]   ceiling for purely extractive drafters
  score.py reference --consults DIR [--out D]   the reference note as a draft
  score.py score     --consults DIR --drafts D  score drafts {id}.json

Draft: {"S":[{"text":"...","evidence":[0,3]}],"O":[..],"E":[..],"P":[..],"icpc":["R74"]?}
An item may be a bare string (no evidence). Utterance indexes count from 0.
The last line of every scoring command is one line of JSON.

How a fact is found. `keywords` is an AND-list of OR-lists. All groups must match inside
one draft item, or inside --window (default 2) neighbouring items of one section.
A keyword matches at the start of a word ("hoest" matches "hoesten"), one of 5 letters or
more anywhere ("infarct" matches "hartinfarct"); numbers match whole numbers only.
Prefixes: "*pijn" anywhere in a word; "=re" whole word; "re:..." regular expression;
"neg:koorts" a negated mention; "pos:koorts" a mention that is not negated; "lat:links:knie"
a knee whose nearest side word is left.
Text and keyword are compared in three views: plain (lower case, no accents); with Dutch
number words as digits and units/frequencies unified ("drie keer per dag" = "3dd"); and with
GP shorthand and clinical terms as one plain word ("dyspnoe" = "benauwd", "7d" = "7 dagen",
"AB" = "antibioticum"; the table CONCEPTS).

Forbidden claims. `pattern` is a regular expression (case-insensitive, on each view) that
must not match a sentence of the sections in `section` (default: all). Optional:
"polarity":"affirmed" (only a mention that is neither negated nor asked counts) or "negated"
(only a negated mention counts); "unless": a regular expression, a sentence that matches it
too is not a hit.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

SECTIONS = ("S", "O", "E", "P")

# ---------------------------------------------------------------- text views


def _number_words() -> dict[str, int]:
    ones = ["", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"]
    base = {
        "nul": 0,
        "tien": 10,
        "elf": 11,
        "twaalf": 12,
        "dertien": 13,
        "veertien": 14,
        "vijftien": 15,
        "zestien": 16,
        "zeventien": 17,
        "achttien": 18,
        "negentien": 19,
    }
    tens = {
        20: "twintig",
        30: "dertig",
        40: "veertig",
        50: "vijftig",
        60: "zestig",
        70: "zeventig",
        80: "tachtig",
        90: "negentig",
    }
    words = dict(base)
    for i, w in enumerate(ones):
        if i:
            words[w] = i
    for v, w in tens.items():
        words[w] = v
        for i in range(1, 10):
            words[ones[i] + "en" + w] = v + i
    small = dict(words)
    for h in range(1, 10):
        pre = "" if h == 1 else ones[h]
        words[pre + "honderd"] = h * 100
        for w, v in small.items():
            if v:
                words[pre + "honderd" + w] = h * 100 + v
                words[pre + "honderden" + w] = h * 100 + v
    for w, v in list(small.items()):
        if 11 <= v <= 99:
            words[w + "honderd"] = v * 100
    words["eenhonderd"] = 100
    words["duizend"] = 1000
    for i in range(2, 10):
        words[ones[i] + "duizend"] = i * 1000
    words["tienduizend"] = 10000
    del words["een"]
    return words


NUMBER_WORDS = _number_words()


def strip_accents(s: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", s) if not unicodedata.combining(c))


@functools.lru_cache(maxsize=200_000)
def view_plain(s: str) -> str:
    s = unicodedata.normalize("NFKC", s).lower()
    s = re.sub(r"[\u2010-\u2015\u2212]", "-", s)
    s = re.sub(r"[\u2018\u2019\u00b4`]", "'", s)
    s = re.sub(r"[\u201c\u201d\u201e]", '"', s)
    s = s.replace("\u2026", " ... ")
    s = strip_accents(s)
    s = re.sub(r"(?<=\d)\.(?=\d{3}(?!\d))", "", s)  # 1.000 -> 1000
    s = re.sub(r"(?<=\d)\.(?=\d)", ",", s)  # 38.5 -> 38,5
    return re.sub(r"\s+", " ", s).strip()


@functools.lru_cache(maxsize=200_000)
def view_numbers(s: str) -> str:
    s = unicodedata.normalize("NFKC", s).lower()
    s = re.sub(r"\b(?:e\u0301|\u00e9)(?:e\u0301|\u00e9)n\b", "1", s)
    s = view_plain(s)
    s = re.sub(r"\b(twee|drie|vier|vijf|zes|zeven|acht|negen|een)maal\b", r"\1 maal", s)
    s = re.sub(r"\banderhal(?:f|ve)\b", "1,5", s)
    s = re.sub(r"\b(twee|drie|vier|vijf|zes|zeven)daags", r"\1 daags", s)
    s = re.sub(
        r"\b(twee|drie|vier|vijf|zes|zeven|acht|negen)(?:eneen|en)hal(?:f|ve)\b",
        lambda m: f"{NUMBER_WORDS[m.group(1)]},5",
        s,
    )
    parts = re.split(r"([a-z]+)", s)
    out: list[str] = []
    last: int | None = None  # position of last number in out
    for p in parts:
        if p in NUMBER_WORDS:
            v = NUMBER_WORDS[p]
            if last is not None and "".join(out[last + 1 :]) == " ":
                prev = int(out[last])
                if (
                    (prev >= 100 and prev % 100 == 0 and 0 < v < 100)
                    or (prev >= 1000 and prev % 1000 == 0 and 0 < v < 1000)
                    or (1 < prev < 10 and v in (100, 1000))
                ):
                    out[last] = str(prev * v if v in (100, 1000) and prev < 10 else prev + v)
                    del out[last + 1 :]
                    continue
            out.append(str(v))
            last = len(out) - 1
        elif p[-2:] == "de" and p[:-2] in NUMBER_WORDS:  # vierde -> 4e
            out.append(f"{NUMBER_WORDS[p[:-2]]}e")
        elif p[-3:] == "ste" and p[:-3] in NUMBER_WORDS:
            out.append(f"{NUMBER_WORDS[p[:-3]]}e")
        else:
            out.append(p)
    s = "".join(out)
    s = re.sub(r"(\d+) komma een\b", r"\1,1", s)
    s = re.sub(r"(\d+) komma (\d+)", r"\1,\2", s)
    s = re.sub(r"(\d+) en een hal(?:f|ve)\b", r"\1,5", s)
    s = re.sub(r"(\d+) ?(?:over|/) ?(\d+)", r"\1/\2", s)
    s = re.sub(r"\bmilligram(?:men)?\b", "mg", s)
    s = re.sub(r"\bmilliliter\b", "ml", s)
    s = re.sub(r"\bmillimeter\b", "mm", s)
    s = re.sub(r"\bcentimeter\b", "cm", s)
    s = re.sub(r"\bprocent\b", "%", s)
    s = re.sub(r"(?<=\d) ?(mg|ml|cm|mm|kg|%|dd|x|mmol|wk|dgn|mnd)(?![a-z])", r" \1", s)
    s = re.sub(r"\b(?:keer|maal)\b", "x", s)
    s = re.sub(r"\b(?:daags|dgs)\b", "per dag", s)
    s = re.sub(r"\bx (?:per|op een|in de|op de) (dag|week)\b", r"x per \1", s)
    s = re.sub(r"\b(\d+(?:,\d+)?) dd\b", r"\1 x per dag", s)
    s = re.sub(r"\been x per dag\b", "1 x per dag", s)
    return re.sub(r"\s+", " ", s).strip()


# GP shorthand and clinical terms -> one plain word; applied to keywords and drafts alike.
CONCEPTS = [
    (re.compile(rf"(?<![\w])(?:{a})(?![\w])"), b)
    for a, b in (
        (r"(?<=\d )(?:dgn|dg|d)", "dagen"),
        (r"(?<=\d )(?:wkn|wk)", "weken"),
        (r"(?<=\d )mnd", "maanden"),
        (r"(?<=\d )jr", "jaar"),
        (r"(?<=\d )(?:min|minuut)", "minuten"),
        (r"(?<=\d )u(?:ur)?", "uur"),
        (r"1 (?:g|gr|gram)", "1000 mg"),
        (r"1 week|1 weken|een week", "7 dagen"),
        (r"48 uur", "2 dagen"),
        (r"dyspno\w*|kortadem\w*|benauwd\w*|short of breath", "benauwd"),
        (r"sputum|slijm\w*|fluim\w*|phlegm", "slijm"),
        (r"h(?:a)?emopto\w*|bloed (?:opgehoest|ophoest\w*|opgeven|opgegeven)", "bloed ophoesten"),
        (r"antibioti\w*|ab|ab-kuur", "antibioticum"),
        (r"pneumoni\w*|longontsteking\w*", "longontsteking"),
        (r"cva|herseninfarct\w*|beroerte\w*|stroke", "beroerte"),
        (r"mi|myocardinfarct\w*|hartinfarct\w*|hartaanval\w*", "hartinfarct"),
        (r"palpitat\w*|hartklop\w*|hartbonz\w*|bonz\w*|bonst", "hartkloppingen"),
        (r"syncop\w*|collap\w*|collabe\w*|flauwgevallen|flauwval\w*|flauw te vallen|wegrak\w*", "flauwvallen"),
        (r"ntg\S*|nitroglycer\w*|nitrospray|nitro\w*spray", "nitroglycerine"),
        (r"cardio|cardiolog\w*|cardiologie", "cardioloog"),
        (r"dermato|dermatologi\w*", "dermatoloog"),
        (r"neuro|neurologie", "neuroloog"),
        (r"kno\S*", "kno"),
        (r"dm ?(?:2|ii|type 2)?|diabetes\w*|suikerziekte|suiker", "diabetes"),
        (r"hypertensi\w*|hoge bloeddruk|bloeddruk verhoogd|verhoogde bloeddruk", "hypertensie"),
        (r"rr|tensie|bp", "bloeddruk"),
        (r"x-?thorax|thoraxfoto|longfoto\w*|x-?long", "longfoto"),
        (r"vesikel\w*|blaasje\w*", "blaasjes"),
        (r"varicella\w*|waterpok\w*", "waterpokken"),
        (r"herpes zoster|zoster|gordelroos", "zoster"),
        (r"atriumfibril\w*|boezemfibril\w*|vkf", "boezemfibrilleren"),
        (r"pcm|paracetamol\w*|acetaminophen", "paracetamol"),
        (r"seh|spoedeisende hulp", "seh"),
        (r"huisartsenpost|hap", "hap"),
        (r"obstip\w*|verstopping", "obstipatie"),
        (r"defec\w*|ontlast\w*|poep\w*|feces|faeces|stoelgang", "ontlasting"),
        (r"mictie\w*|plassen|plast|plas|urineren", "plassen"),
        (r"dysuri\w*", "branderig plassen"),
        (r"h(?:a)?ematuri\w*", "bloed bij plassen"),
        (r"melaena|melena", "zwarte ontlasting"),
        (r"vomit\w*|emesis|brak\w*|braakt?|gebraakt|overgev\w*|overgegeven|spug\w*|spuug\w*|gespuugd", "braken"),
        (r"nausea|misselijk\w*", "misselijk"),
        (r"exantheem|uitslag|rash|huiduitslag", "uitslag"),
        (r"erythe\w*|rode|rood|roodheid|knalrood|helderrood", "rood"),
        (r"afebriel|koortsvrij|geen temp\w*verhoging", "geen koorts"),
        (r"febris|koorts\w*|fever", "koorts"),
        (r"crepit\w*|gekraak", "crepitaties"),
        (r"rhonch\w*|piep\w*|gepiep|wheez\w*", "piepen"),
        (r"vag|vesiculair ademgeruis", "normaal ademgeruis"),
        (r"pulm\w*|longen", "longen"),
        (r"beklem\w*|drukkend\w*", "drukkend"),
        (r"thoracale pijn|pop|retrosternale pijn", "pijn op de borst"),
        (r"verwijs\w*|verwez\w*|verwijz\w*|doorverw\w*|insturen|ingestuurd", "verwijzing"),
        (r"stop\w*|gestopt|staak\w*|staken|gestaakt|s/", "stop"),
        (
            r"doorgaan|doorgebruik\w*|doorslikken|voortzet\w*|handha\w*|ongewijzigd|continue\w*|gecontinueerd",
            "continueren",
        ),
        (
            r"bellen|belt|bel|contact\w*|retour|terugkom\w*|terugbel\w*|belt u|call|tc|telc|melden|opnieuw komen",
            "contact",
        ),
        (r"herbeoord\w*|evalu\w*|controle\w*|vervolgafspraak|terugzien|follow-?up", "controle"),
        (r"start\w*|gestart|begin\w*|r/", "start"),
        (r"hv|hulpvraag|wens\w*|wil|wilde|verzoek\w*|vraagt|vraag|hoopt?|gehoopt", "wil"),
        (r"lab\w*|bloedonderzoek|bloed prikken|bloedprikken|bloed laten prikken", "lab"),
        (r"hart|cor", "hart"),
        (r"allergi\w*|allergisch\w*", "allergie"),
        (r"li|links|linker\w*", "links"),
        (r"re|rechts|rechter\w*", "rechts"),
        (r"fysio\w*", "fysiotherapie"),
        (r"poh\S*|praktijkondersteun\w*", "poh"),
        (r"oedeem|oedemen|dikke (?:enkels|benen)", "oedeem"),
        (r"ecg|hartfilmpje\w*", "ecg"),
        (r"swelling|zwelling\w*|gezwollen|opgezwollen", "zwelling"),
        (r"otalgi\w*|oorpijn", "oorpijn"),
        (r"otorr\w*|loopo\w*", "loopoor"),
        (r"rhinitis|snotter\w*|snot|verkoud\w*", "verkouden"),
        (r"intake|vochtintake|drinkt|drinken|dronk|gedronken", "drinken"),
        (r"gering\w*|verminderd\w*|weinig|minder", "weinig"),
        (r"ontwak\w*|wakker\w*|klaarwakker", "wakker"),
        (r"ts|tentamen suicidii|suicidepoging\w*|poging\w*", "poging"),
        (r"sr|sinusritme", "sinusritme"),
        (r"pob", "pijn op de borst"),
        (r"diplopie|dubbelz\w*", "dubbelzien"),
        (r"herfst|najaar", "najaar"),
        (r"interdigita\w*", "tussen vinger"),
        (r"pp|post ?partum|kraambed", "na bevalling"),
        (r"mammac\w*|borstkanker", "borstkanker"),
        (r"neg|negatief", "negatief"),
        (r"pos|positief", "positief"),
        (r"zwachtel\w*|drukverband", "zwachtel"),
        (r"werkverklaring|ziektebriefje|ziekteverklaring|briefje|werkbriefje", "ziektebriefje"),
        (r"gezwel\w*|tumor\w*|maligniteit\w*|kanker|carcino\w*", "kanker"),
        (r"vergeet\w*|vergeten|geheugen\w*", "vergeten"),
        (r"incontinenti\w*|urineverlies|verliest urine|druppelverlies", "urineverlies"),
        (r"nyct\w*|nykt\w*|s nachts plassen", "nycturie"),
        (r"conjunctivitis\w*|bindvliesontsteking\w*", "conjunctivitis"),
        (r"keratitis|hoornvliesontsteking", "keratitis"),
        (r"visus|zicht|zien", "zicht"),
        (r"fotofobie|fotofoob|lichtschuw\w*", "lichtschuw"),
        (r"trauma|gevallen|val|vallen", "gevallen"),
        (r"fractuur|fracturen|breuk", "fractuur"),
        (r"scopie|gastroscopie|kijkonderzoek", "scopie"),
        (r"kreat\w*|egfr|nierfunctie\w*", "nierfunctie"),
        (r"tsh|schildklier\w*", "schildklier"),
        (r"hb|hemoglobine|bloedarmoede|anemi\w*", "hb"),
        (r"lipiden\w*|cholesterol\w*", "cholesterol"),
        (r"toegenomen|progressie\w*|verergerd?|verergering|erger", "erger"),
        (r"gewichtsverlies|vermagerd|afgevallen", "afgevallen"),
        (r"urge|aandrang\w*", "aandrang"),
        (r"vkb\S*|kruisband\w*", "kruisband"),
        (r"slikklachten|dysfagie|slikken|slik", "slikken"),
        (r"decompensatio cordis|decomp\w*|hartfalen", "hartfalen"),
        (r"onwaarschijnlijk|verworpen|verwerp\w*|niet waarschijnlijk|niet aannemelijk", "onwaarschijnlijk"),
    )
]


@functools.lru_cache(maxsize=200_000)
def view_concepts(s: str) -> str:
    s = re.sub(r"(?<=\d)(?=(?:d|dg|dgn|wkn?|mnd|jr)(?![a-z]))", " ", view_numbers(s))
    s = s.replace("(-)", " - ").replace("(+)", " + ")
    s = re.sub(r"(?<=[a-z]) ?> ?(?=[a-z])", " meer dan ", s)
    for rx, to in CONCEPTS:
        s = rx.sub(to, s)
    return re.sub(r"\s+", " ", s).strip()


VIEWS = (view_plain, view_numbers, view_concepts)

# ---------------------------------------------------------------- negation

NEG_PRE = {
    "geen",
    "niet",
    "nooit",
    "zonder",
    "ontkent",
    "ontkend",
    "noch",
    "evenmin",
    "nee",
    "nergens",
    "niks",
    "niets",
    "no",
    "not",
    "never",
    "without",
    "denies",
    "don't",
    "doesn't",
    "didn't",
    "haven't",
    "hasn't",
    "isn't",
    "wasn't",
    "aren't",
    "none",
    "nothing",
    "afwezig",
}
NEG_POST = {
    "niet",
    "nee",
    "nooit",
    "ontkend",
    "ontkent",
    "afwezig",
    "negatief",
    "-",
    "no",
    "never",
    "denied",
    "absent",
    "negative",
    "not",
    "uitgesloten",
    "onwaarschijnlijk",
    "verworpen",
}
HARDLY = {"passend", "waarschijnlijk", "aannemelijk"}  # "minder waarschijnlijk", "weinig passend"
BREAK = {"maar", "wel", "echter", "behalve", "toch", "but", "except", "though", "want", "omdat", "ja", "yes", ";"}
ANSWER_NO = re.compile(
    r"^\W*(?:(?:eh+m?|uh+m?|mm+|nou|och|ja|oh|o|well|um|ah|gelukkig|absoluut|"
    r"helemaal|ook|eigenlijk|hmm+|no|ik|zelf|bij|mij|zij|ze|hij|wij|we)\W+){0,4}(?:nee+|neen|niet|nooit|geen|"
    r"niks|no|nope|never|not|none)\b"
)
ANSWER_YES = re.compile(
    r"^\W*(?:(?:eh+m?|uh+m?|nou|och|oh|o|well|um)\W+){0,2}(?:ja|jawel|klopt|"
    r"yes|yeah|zeker)\b"
)


def sentences(text: str) -> list[str]:
    """Split an already normalised text in sentences; each keeps its end mark."""
    bits = re.findall(r"[^.!?\n]+(?:[.!?]+|\n|$)", text)
    return [b.strip() for b in bits if b.strip(" .\n")]


TOKEN = re.compile(r"[\w'/%]+(?:-[\w']+)*|[;,:]|(?:(?<=\s)|^)-(?=[\s.,;]|$)")


def _polarity(sents: list[str], i: int, start: int, end: int) -> str:
    """'neg', 'pos' or 'ask' for the mention sents[i][start:end]."""
    sent = sents[i]
    if sent.rstrip().endswith("?"):
        j = i + 1  # several questions, one answer
        while j < len(sents) - 1 and sents[j].rstrip().endswith("?") and not ANSWER_NO.match(sents[j]):
            j += 1
        nxt = sents[j] if j < len(sents) else ""
        if ANSWER_NO.match(nxt):
            return "neg"
        if ANSWER_YES.match(nxt):
            return "pos"
        return "ask"
    pre = [m.group() for m in TOKEN.finditer(sent[:start])]
    post = [m.group() for m in TOKEN.finditer(sent[end:])]
    if sent[end : end + 1].isalnum() and post:  # rest of the same word
        post = post[1:]
    if pre and pre[-1] in NEG_PRE:
        return "neg"
    clause = post[: next((k for k, t in enumerate(post) if t in {",", ";"}), len(post))]
    if "wel" in clause[:3] and "niet" not in clause[:4]:
        return "pos"
    for tok in reversed(pre[-14:]):
        if tok in BREAK:
            break
        if tok in NEG_PRE:
            return "neg"
    if post[:1] == [","] and post[1:2] and post[1] in ("nee", "niet", "no"):
        return "neg"
    for k, tok in enumerate(post[:6]):
        if tok in BREAK or tok == ",":
            break
        if tok in NEG_POST or (tok in ("minder", "weinig") and k + 1 < len(post) and post[k + 1] in HARDLY):
            return "neg"
        if tok == "geen" and (k == 0 or post[k - 1] == ":" or k == len(post) - 1):
            return "neg"
    return "pos"


# ---------------------------------------------------------------- keyword matching


@functools.lru_cache(maxsize=100_000)
def _compiled(kw: str, view_no: int) -> re.Pattern:
    if kw.startswith("re:"):
        return re.compile(strip_accents(kw[3:]))
    whole = kw.startswith("=")
    anywhere = kw.startswith("*")
    body = VIEWS[view_no](kw[1:] if whole or anywhere else kw)
    rx = re.escape(body).replace(r"\ ", r"\s+")
    compound = len(body) >= 5 and body.isalpha()  # "infarct" also in "hartinfarct"
    left = "" if anywhere or (compound and not whole) else r"(?<![\w])"
    if body[:1].isdigit():
        left = r"(?<![\w])(?<!\d[,/])"
    right = r"(?![\w])" if whole else ""
    if body[-1:].isdigit():
        right = r"(?!\d)(?![,/]\d)"
    return re.compile(left + rx + right)


SIDE = re.compile(r"(?<!\w)(?:(links\w*|linker\w*|li|left)|(rechts\w*|rechter\w*|re|right))(?!\w)")


def side_of(text: str, side: str, stem: str) -> bool:
    """Is `stem` mentioned with this side? Same word, else same comma part, else the nearest side
    word before it in the sentence, else after it, else the only side in a neighbouring sentence."""
    sents = [x for x in re.split(r"[.!?;\n]+", view_plain(text)) if x.strip()]

    def sides(x: str) -> list[tuple[int, str]]:
        return [(m.start(), "links" if m.group(1) else "rechts") for m in SIDE.finditer(x)]

    for i, sent in enumerate(sents):
        for m in re.finditer(re.escape(view_plain(stem)), sent):
            word0 = max(sent.rfind(" ", 0, m.start()), sent.rfind("/", 0, m.start())) + 1
            head = re.match(r"links|linker|rechts|rechter", sent[word0 : m.start()])
            if head:
                got = head.group()[:4] + "s" if head.group().startswith("link") else "rechts"
            elif len(stem) < 5 and m.start() != word0:
                continue  # "oor" in "voor"
            else:
                lo, hi = sent.rfind(",", 0, m.start()) + 1, sent.find(",", m.end())
                part = sent[lo : hi if hi >= 0 else len(sent)]
                near = sides(part)
                pos = m.start() - lo
                if not near:
                    near, pos = sides(sent), m.start()
                    before = [x for x in near if x[0] < pos]
                    near = before[-1:] or near[:1]
                if not near:
                    for j in (i + 1, i - 1):
                        if 0 <= j < len(sents) and len({x[1] for x in sides(sents[j])}) == 1:
                            near = sides(sents[j])[:1]
                            break
                if not near:
                    continue
                got = min(near, key=lambda x: abs(x[0] - pos))[1]
            if got == side:
                return True
    return False


@functools.lru_cache(maxsize=500_000)
def keyword_in(kw: str, text: str) -> bool:
    if kw.startswith("lat:"):
        _, side, stem = kw.split(":", 2)
        return side_of(text, side, stem)
    want = None
    if kw.startswith("neg:"):
        want, kw = "neg", kw[4:]
    elif kw.startswith("pos:"):
        want, kw = "pos", kw[4:]
    for no, view in enumerate(VIEWS):
        t = view(text)
        rx = _compiled(kw, no)
        if want is None:
            if rx.search(t):
                return True
            continue
        sents = sentences(t)
        for i, s in enumerate(sents):
            for m in rx.finditer(s):
                if _polarity(sents, i, m.start(), m.end()) == want:
                    return True
    return False


def fact_in(fact: dict, text: str) -> bool:
    return all(any(keyword_in(k, text) for k in group) for group in fact["keywords"])


def find_fact(fact: dict, items: list[dict], window: int) -> tuple[int, int] | None:
    """Smallest run of neighbouring items that holds the fact; (first, last) or None."""
    for size in range(1, window + 1):
        for a in range(len(items) - size + 1):
            if fact_in(fact, " ".join(end_mark(it["text"]) for it in items[a : a + size])):
                return a, a + size - 1
    return None


def end_mark(t: str) -> str:
    t = t.strip()
    return t if not t or t[-1] in ".!?;:" else t + "."


def forbidden_hits(rule: dict, draft: dict) -> list[tuple[str, str]]:
    flags = re.I
    rx = re.compile(strip_accents(rule["pattern"]), flags)
    unless = re.compile(strip_accents(rule["unless"]), flags) if rule.get("unless") else None
    want = rule.get("polarity")
    hits = []
    for sec in rule.get("section") or "SOEP":
        text = " ".join(end_mark(it["text"]) for it in draft.get(sec, []))
        split = [sentences(view(text)) for view in VIEWS]
        found = None
        for sents in split:
            for i, s in enumerate(sents):
                same = [v[i] for v in split if len(v) == len(sents)]
                if unless and any(unless.search(x) for x in same):
                    continue
                for m in rx.finditer(s):
                    if want:
                        pol = _polarity(sents, i, m.start(), m.end())
                        if pol != {"affirmed": "pos", "negated": "neg"}[want]:
                            continue
                    found = s
                    break
                if found:
                    break
            if found:
                break
        if found:
            hits.append((sec, found))
    return hits


# ---------------------------------------------------------------- rouge


def words(t: str) -> list[str]:
    return re.findall(r"\w+", view_plain(t))


def _f(match: int, a: int, b: int) -> float:
    return 0.0 if not match else 2 * (match / a) * (match / b) / (match / a + match / b)


def rouge(ref: str, hyp: str) -> dict[str, float]:
    """ROUGE-1/2/L F1, no stemming (rouge-score without stemmer, whole text as one)."""
    r, h = words(ref), words(hyp)
    out = {}
    for n in (1, 2):
        cr = Counter(zip(*[r[i:] for i in range(n)], strict=False))
        ch = Counter(zip(*[h[i:] for i in range(n)], strict=False))
        out[f"rouge{n}"] = _f(sum((cr & ch).values()), max(1, sum(cr.values())), max(1, sum(ch.values())))
    prev = [0] * (len(h) + 1)
    for x in r:
        cur = [0]
        for j, y in enumerate(h):
            cur.append(prev[j] + 1 if x == y else max(prev[j + 1], cur[-1]))
        prev = cur
    out["rougeL"] = _f(prev[-1], max(1, len(r)), max(1, len(h)))
    return out


# ---------------------------------------------------------------- files


def load_consults(folder: str) -> list[dict]:
    out = []
    for p in sorted(Path(folder).glob("*.json")):
        c = json.loads(p.read_text(encoding="utf-8"))
        c["_file"] = p.name
        out.append(c)
    if not out:
        sys.exit(f"no *.json in {folder}")
    return out


def norm_draft(d: dict | None) -> dict:
    d = d or {}
    out: dict = {}
    for sec in SECTIONS:
        items = []
        for it in d.get(sec) or []:
            if isinstance(it, str):
                it = {"text": it, "evidence": []}
            if str(it.get("text") or "").strip():
                items.append({"text": str(it["text"]), "evidence": list(it.get("evidence") or [])})
        out[sec] = items
    out["icpc"] = [str(x) for x in d.get("icpc") or []]
    return out


def split_sentences(text: str) -> list[str]:
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if s.strip()]


def draft_copy(c: dict) -> dict:
    d: dict = {s: [] for s in SECTIONS}
    for i, u in enumerate(c["utterances"]):
        d["P" if u["speaker"] == "huisarts" else "S"].append({"text": u["text"], "evidence": [i]})
    return d


def draft_lead(c: dict, n: int = 3) -> dict:
    """First n sentences of patient/companion to S; in a dictation the GP's first n."""
    d: dict = {s: [] for s in SECTIONS}
    only_gp = all(u["speaker"] == "huisarts" for u in c["utterances"])
    for i, u in enumerate(c["utterances"]):
        if u["speaker"] == "huisarts" and not only_gp:
            continue
        for s in split_sentences(u["text"]):
            if len(d["S"]) < n:
                d["S"].append({"text": s, "evidence": [i]})
    return d


def draft_oracle(c: dict) -> dict:
    """Verbatim evidence utterances of each reference sentence, in the right section."""
    d: dict = {}
    for sec in SECTIONS:
        used: set[int] = set()
        d[sec] = []
        for ev in c["reference_evidence"][sec]:
            new = [i for i in ev if i not in used]
            used.update(new)
            if new:
                d[sec].append({"text": " ".join(end_mark(c["utterances"][i]["text"]) for i in new), "evidence": new})
    d["icpc"] = list(c["icpc"])
    return d


def draft_reference(c: dict) -> dict:
    d: dict = {
        sec: [
            {"text": t, "evidence": ev}
            for t, ev in zip(c["reference"][sec], c["reference_evidence"][sec], strict=False)
        ]
        for sec in SECTIONS
    }
    d["icpc"] = list(c["icpc"])
    return d


# ---------------------------------------------------------------- scoring


ENGLISH = [
    (w, str(n))
    for w, n in (
        ("one-one-two", 112),
        ("one twenty over seventy", "120/70"),
        ("four hundred", 400),
        ("(?:one|a) hundred and fifty", 150),
        ("(?:one|a) hundred", 100),
        ("two hundred", 200),
        ("five hundred", 500),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("six", 6),
        ("seven", 7),
        ("eight", 8),
        ("nine", 9),
        ("ten", 10),
        ("eleven", 11),
        ("twelve", 12),
        ("fifteen", 15),
        ("twenty-four", 24),
        ("twenty", 20),
        ("thirty", 30),
        ("forty", 40),
        ("fifty", 50),
        ("sixty", 60),
        ("seventy-two", 72),
    )
]


def numbers_in(text: str) -> set[str]:
    text = re.sub(r"\b[A-Za-z]\d{2}(?:\.\d{2})?\b", " ", text)  # ICPC codes
    for w, n in ENGLISH:
        text = re.sub(rf"\b{w}\b", n, text, flags=re.I)
    v = view_numbers(text)
    found = set(re.findall(r"\d+(?:,\d+)?", v))
    # spoken decimals: "zevenendertig twee" is 37,2
    return found | {f"{a},{b}" for a, b in re.findall(r"(?<![\d,])(\d{1,3}) (\d)(?!\d)", v)}


def score_one(c: dict, draft: dict, window: int) -> dict:
    n_utt = len(c["utterances"])
    r: dict = {"id": c["id"], "kind": c["kind"]}
    tally = {s: Counter() for s in SECTIONS}
    missed, wrong = [], []
    item_gold: dict[tuple[str, int], set[int]] = defaultdict(set)
    ev_hits = 0
    for f in c["facts"]:
        sec = f["section"]
        must = bool(f.get("must"))
        t = tally[sec]
        t["all"] += 1
        t["must"] += must
        span = find_fact(f, draft[sec], window)
        if span:
            t["found"] += 1
            t["found_must"] += must
            cited: set[int] = set()
            for k in range(span[0], span[1] + 1):
                cited.update(draft[sec][k]["evidence"])
                item_gold[(sec, k)].update(f["evidence"])
            ev_hits += bool(cited & set(f["evidence"]))
            continue
        other = [s for s in SECTIONS if s != sec and find_fact(f, draft[s], window)]
        if other:
            t["wrong"] += 1
            t["wrong_must"] += must
            wrong.append(f"{sec}->{'/'.join(other)}: {f['fact']}")
        elif must:
            missed.append(f"{sec}: {f['fact']}")
    cited_n = cited_ok = 0
    for (sec, k), gold in item_gold.items():
        ev = [i for i in draft[sec][k]["evidence"] if isinstance(i, int)]
        cited_n += len(ev)
        cited_ok += sum(i in gold for i in ev)
    all_items = [it for s in SECTIONS for it in draft[s]]
    r["items"] = len(all_items)
    r["uncited"] = sum(not it["evidence"] for it in all_items)
    r["bad_index"] = sum(not (isinstance(i, int) and 0 <= i < n_utt) for it in all_items for i in it["evidence"])
    r["idle"] = r["items"] - len(item_gold)  # items that carry no listed fact
    r["ev_found"], r["ev_hits"] = sum(t["found"] for t in tally.values()), ev_hits
    r["cited"], r["cited_ok"] = cited_n, cited_ok
    r["tally"] = tally
    hits = []
    r["forbidden_types"] = Counter()
    for rule in c["forbidden"]:
        h = forbidden_hits(rule, draft)
        r["forbidden_types"][(rule.get("type", "other"), "n")] += 1
        if h:
            r["forbidden_types"][(rule.get("type", "other"), "hit")] += 1
            hits.append(f'[{h[0][0]}] {rule["claim"]}: "{h[0][1][:90]}"')
    r["forbidden_n"], r["forbidden_hits"] = len(c["forbidden"]), len(hits)
    dtext = " ".join(end_mark(it["text"]) for it in all_items)
    rtext = " ".join(t for s in SECTIONS for t in c["reference"][s])
    ttext = " ".join(u["text"] for u in c["utterances"])
    r["draft_words"], r["transcript_words"] = len(words(dtext)), len(words(ttext))
    r["new_numbers"] = sorted(numbers_in(dtext) - numbers_in(ttext) - {"1", "2"})
    r["rouge"] = rouge(rtext, dtext)
    gold_codes = [x.upper()[:3] for x in c["icpc"]]
    got = [x.upper()[:3] for x in draft["icpc"]]
    r["icpc1"] = bool(got and got[0] in gold_codes) if draft["icpc"] else None
    r["icpc3"] = any(g in gold_codes for g in got[:3]) if draft["icpc"] else None
    r["missed"], r["wrong"], r["forbidden_list"] = missed, wrong, hits
    return r


def pct(a: float, b: float) -> float | None:
    return round(100 * a / b, 1) if b else None


def fmt(x) -> str:
    return "   -" if x is None else f"{x:5.1f}"


def summarise(rows: list[dict]) -> dict:
    s: dict = {"consults": len(rows)}
    tot = {sec: sum((r["tally"][sec] for r in rows), Counter()) for sec in SECTIONS}
    allt = sum(tot.values(), Counter())
    s["recall_must"] = pct(allt["found_must"], allt["must"])
    s["recall_all"] = pct(allt["found"], allt["all"])
    for sec in SECTIONS:
        s[f"recall_must_{sec}"] = pct(tot[sec]["found_must"], tot[sec]["must"])
    s["must_facts"], s["facts"] = allt["must"], allt["all"]
    s["wrong_section"] = pct(allt["wrong"], allt["all"])
    fh, fn = sum(r["forbidden_hits"] for r in rows), sum(r["forbidden_n"] for r in rows)
    s["forbidden_hits"], s["forbidden_rules"], s["forbidden_rate"] = fh, fn, pct(fh, fn)
    s["net_must"] = pct(allt["found_must"] - fh, allt["must"])
    s["evidence_hit"] = pct(sum(r["ev_hits"] for r in rows), sum(r["ev_found"] for r in rows))
    s["evidence_precision"] = pct(sum(r["cited_ok"] for r in rows), sum(r["cited"] for r in rows))
    s["idle_items"] = pct(sum(r["idle"] for r in rows), sum(r["items"] for r in rows))
    s["uncited_items"] = sum(r["uncited"] for r in rows)
    s["bad_indexes"] = sum(r["bad_index"] for r in rows)
    s["compression"] = pct(sum(r["draft_words"] for r in rows), sum(r["transcript_words"] for r in rows))
    s["new_numbers"] = sum(len(r["new_numbers"]) for r in rows)
    for k in ("rouge1", "rouge2", "rougeL"):
        s[k] = round(100 * sum(r["rouge"][k] for r in rows) / len(rows), 1)
    coded = [r for r in rows if r["icpc1"] is not None]
    s["icpc_top1"] = pct(sum(r["icpc1"] for r in coded), len(rows)) if coded else None
    s["icpc_top3"] = pct(sum(r["icpc3"] for r in coded), len(rows)) if coded else None
    return s


HEAD = (
    "must = must-facts found in the right section %, all = all facts %, wrong = found only in another "
    "section %,\nforb = forbidden hits/rules, ev = found facts whose citation overlaps the fact's evidence %, "
    "cit = cited utterances\nthat belong to a fact of that item %, cmp = draft words / transcript words %, "
    "R1/R2/RL = ROUGE F1 x100\n"
)


def report(consults: list[dict], drafts: dict[str, dict], args) -> dict:
    rows = [score_one(c, norm_draft(drafts.get(c["id"])), args.window) for c in consults]
    print(HEAD)
    print(
        f"{'id':8}{'kind':10}{'must':>6}{'S':>6}{'O':>6}{'E':>6}{'P':>6}{'all':>6}{'wrong':>6}{'forb':>6}"
        f"{'ev':>6}{'cit':>6}{'cmp':>6}{'R1':>6}{'R2':>6}{'RL':>6}"
    )

    def line(name: str, kind: str, rs: list[dict]) -> None:
        s = summarise(rs)
        print(
            f"{name:8}{kind:10}"
            + " ".join(
                [""]
                + [
                    fmt(s[k])
                    for k in (
                        "recall_must",
                        "recall_must_S",
                        "recall_must_O",
                        "recall_must_E",
                        "recall_must_P",
                        "recall_all",
                        "wrong_section",
                    )
                ]
            )
            + f" {s['forbidden_hits']:2d}/{s['forbidden_rules']:<3d}"
            + " ".join(
                fmt(s[k]) for k in ("evidence_hit", "evidence_precision", "compression", "rouge1", "rouge2", "rougeL")
            )
        )

    for r in rows:
        line(r["id"], r["kind"], [r])
        if args.verbose:
            for label, key in (
                ("missed", "missed"),
                ("wrong section", "wrong"),
                ("forbidden", "forbidden_list"),
                ("numbers not in transcript", "new_numbers"),
            ):
                if r[key]:
                    print(f"    {label}:")
                    for x in r[key]:
                        print(f"      - {x}")
    print()
    for kind in sorted({r["kind"] for r in rows}):
        line("", kind, [r for r in rows if r["kind"] == kind])
    line("ALL", "", rows)
    types: Counter = sum((r["forbidden_types"] for r in rows), Counter())
    print("\nforbidden hits by kind of trap:")
    for t in sorted({k[0] for k in types}):
        print(f"  {t:16} {types[(t, 'hit')]:3d} / {types[(t, 'n')]}")
    missing = [c["id"] for c in consults if c["id"] not in drafts]
    if missing:
        print("no draft for:", ", ".join(missing))
    s = summarise(rows)
    s["missing_drafts"] = len(missing)
    if args.json:
        Path(args.json).write_text(
            json.dumps(
                {
                    "summary": s,
                    "consults": [
                        {**{k: v for k, v in r.items() if k not in ("tally", "forbidden_types")}, "tally": r["tally"]}
                        for r in rows
                    ],
                },
                ensure_ascii=False,
                indent=1,
            ),
            encoding="utf-8",
        )
    print(json.dumps(s, ensure_ascii=False))
    return s


# ---------------------------------------------------------------- selfcheck

KINDS = {"praktijk", "telefoon", "video", "dictaat"}
SPEAKERS = {"huisarts", "patient", "begeleider"}


def selfcheck(consults: list[dict], args) -> int:
    bad: list[str] = []

    def err(c: dict, msg: str) -> None:
        bad.append(f"{c['_file']}: {msg}")

    for c in consults:
        for key in (
            "id",
            "title",
            "kind",
            "language",
            "icpc",
            "utterances",
            "reference",
            "reference_evidence",
            "facts",
            "forbidden",
            "notes",
        ):
            if key not in c:
                err(c, f"no {key}")
        if c["_file"] != f"{c['id']}.json":
            err(c, "file name is not the id")
        if c["kind"] not in KINDS or c["language"] not in ("nl", "en"):
            err(c, "kind or language")
        n = len(c["utterances"])
        lo, hi = (5, 15) if c["kind"] == "dictaat" else (25, 70)
        if not lo <= n <= hi:
            err(c, f"{n} utterances, want {lo}-{hi}")
        if not 8 <= len(c["facts"]) <= 20:
            err(c, f"{len(c['facts'])} facts")
        if not 2 <= len(c["forbidden"]) <= 6:
            err(c, f"{len(c['forbidden'])} forbidden")
        if not c["icpc"] or not all(re.fullmatch(r"[A-Z]\d\d(\.\d\d)?", x) for x in c["icpc"]):
            err(c, "icpc")
        for u in c["utterances"]:
            if u["speaker"] not in SPEAKERS or not u["text"].strip() or "start" not in u:
                err(c, f"utterance {u}")
        for sec in SECTIONS:
            if len(c["reference"][sec]) != len(c["reference_evidence"][sec]):
                err(c, f"reference_evidence {sec}: other length than reference")
            for t, ev in zip(c["reference"][sec], c["reference_evidence"][sec], strict=False):
                if not ev or not all(0 <= i < n for i in ev):
                    err(c, f"reference {sec} without valid evidence: {t}")
        for f in c["facts"]:
            if f["section"] not in SECTIONS or not f["keywords"] or not all(f["keywords"]):
                err(c, f"fact {f['fact']}: section or keywords")
                continue
            if not f["evidence"] or not all(0 <= i < n for i in f["evidence"]):
                err(c, f"fact {f['fact']}: evidence index")
                continue
            text = " ".join(end_mark(c["utterances"][i]["text"]) for i in f["evidence"])
            for g in f["keywords"]:
                if not any(keyword_in(k, text) for k in g):
                    err(c, f"fact '{f['fact']}': evidence does not contain any of {g}: {text[:160]}")
        ref = norm_draft(draft_reference(c))
        r = score_one(c, ref, args.window)
        for x in r["missed"]:
            err(c, f"reference misses must-fact {x}")
        for x in r["wrong"]:
            err(c, f"reference has fact in another section {x}")
        t = sum(r["tally"].values(), Counter())
        if t["found"] < t["all"] and not r["missed"] and not r["wrong"]:
            names = [f["fact"] for f in c["facts"] if not find_fact(f, ref[f["section"]], args.window)]
            err(c, f"reference misses optional fact(s): {names}")
        for f in c["facts"]:
            span = find_fact(f, ref[f["section"]], args.window)
            if span and not any(
                i in f["evidence"] for k in range(span[0], span[1] + 1) for i in ref[f["section"]][k]["evidence"]
            ):
                err(
                    c,
                    f"reference sentence that holds '{f['fact']}' cites none of its evidence: "
                    f"{ref[f['section']][span[0]]['text'][:80]}",
                )
        for x in r["forbidden_list"]:
            err(c, f"reference hits forbidden {x}")
        if args.numbers and r["new_numbers"]:
            err(c, f"numbers in the reference that the transcript lacks: {r['new_numbers']}")
        for rule in c["forbidden"]:
            for e in (
                rule.get("example", [])
                if isinstance(rule.get("example"), list)
                else [rule["example"]]
                if rule.get("example")
                else []
            ):
                sec = (rule.get("section") or "S")[0]
                if not forbidden_hits(rule, {sec: [{"text": e, "evidence": []}]}):
                    err(c, f"forbidden '{rule['claim']}' does not catch its own example: {e}")
    s = summarise([score_one(c, norm_draft(draft_reference(c)), args.window) for c in consults])
    kinds = Counter(c["kind"] for c in consults)
    utt = [len(c["utterances"]) for c in consults]
    print(
        f"{len(consults)} consults {dict(kinds)}; utterances {sum(utt)} ({min(utt)}-{max(utt)}); "
        f"facts {s['facts']} ({s['must_facts']} must); forbidden {s['forbidden_rules']}"
    )
    for b in bad:
        print("PROBLEM", b)
    print(f"{len(bad)} problem(s)")
    s["problems"] = len(bad)
    print(json.dumps(s, ensure_ascii=False))
    return 1 if bad else 0


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest="cmd", required=True)
    for name in ("score", "copy", "lead", "oracle", "reference", "selfcheck"):
        p = sub.add_parser(name)
        p.add_argument("--consults", required=True, help="folder with consult JSONs")
        p.add_argument("--window", type=int, default=2, help="neighbouring items a fact may span")
        if name == "score":
            p.add_argument("--drafts", required=True, help="folder with {id}.json drafts")
        if name == "selfcheck":
            p.add_argument("--numbers", action="store_true", help="also list reference numbers not in transcript")
        else:
            p.add_argument("--json", help="write details to this file")
            p.add_argument("-v", "--verbose", action="store_true", help="list missed facts and hits")
        if name in ("copy", "lead", "oracle", "reference"):
            p.add_argument("--out", help="also keep the drafts in this folder")
    args = ap.parse_args()
    consults = load_consults(args.consults)
    if args.cmd == "selfcheck":
        return selfcheck(consults, args)
    if args.cmd == "score":
        drafts = {}
        for c in consults:
            p = Path(args.drafts) / f"{c['id']}.json"
            if p.exists():
                drafts[c["id"]] = json.loads(p.read_text(encoding="utf-8"))
    else:
        make = {"copy": draft_copy, "lead": draft_lead, "oracle": draft_oracle, "reference": draft_reference}[args.cmd]
        drafts = {c["id"]: make(c) for c in consults}
        if args.out:
            out = Path(args.out)
            out.mkdir(parents=True, exist_ok=True)
            for k, d in drafts.items():
                (out / f"{k}.json").write_text(json.dumps(d, ensure_ascii=False, indent=1), encoding="utf-8")
    report(consults, drafts, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
