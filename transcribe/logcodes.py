"""What the access log may say of an event besides its fields: counts, codes, and words out of this list.

A list and no pattern of "anything short": no sentence of a person can be made of it, whatever goes wrong above.
"""

from __future__ import annotations

import re

_WORDS = """
    afronden alles begin bij buiten code concepten consult consulten csv de deelcontact einde fhir gedaan geen
    geluid gemaakt gesplitst gesprek gevonden gewijzigd gewist gezien hoeft icpc-tabel in kanalen met na naar niet
    niets nieuw ongedaan onleesbaar opname opnieuw overgenomen regel regels reservekopie s samengevoegd sleutelkopie
    soort stijl tarief teruggezet sprekers stemmen toegevoegd uiting uitingen verloren verschoven versie verslag
    verwijderd verzoek video-apps volgens woorden zonder
    assistente beheer beheerder herstelcodes huisarts logbeheerder nog ontgrendeld poh praktijkmanager stap tweede
    waarnemer
    spreekuur videoconsult telefonisch visite
    spoed waarneming incident
    consult-kort consult-midden consult-lang visite-kort visite-lang
    geen-spraak beschadigd geen-model mislukt geluid-weg gewijzigd-na-akkoord onbruikbaar onverstaan
"""
#: Every word that may stand in a detail. A new one is a word of the program, never of a consult.
WORDS = frozenset(_WORDS.split())
MOST = 200  # characters

_WORD = (
    r"[0-9]{1,7}(?:\.[0-9])?"  # a count, seconds
    r"|[SOEP]"
    r"|[LR][0-9]{1,6}(?:-[SOEP])?"  # a line, a report, a section of one
    r"|[0-9a-f]{8}|[0-9a-f]{12}"  # the beginning of a digest or of a number of ours
)
_DETAIL = re.compile(rf"(?:{_WORD}|{'|'.join(sorted(map(re.escape, WORDS), key=len, reverse=True))})")
_BETWEEN = re.compile(r", |: | ")


def is_code(detail: str) -> bool:
    """May this be in the access log? "" may."""
    return not detail or (
        len(detail) <= MOST and all(_DETAIL.fullmatch(one) is not None for one in _BETWEEN.split(detail))
    )
