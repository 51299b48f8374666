"""Is a text in another language than the talk? By its commonest words, and by its script (pure).

A sentence carries its language in its small words; names of illnesses and drugs say nothing. The lists were written for
this project; ``docs/asr-windows.md`` has the figures, beside those of a trained library.
"""

from __future__ import annotations

import re
import unicodedata

#: The commonest words of each language as ``plain`` writes them: without accents. A word may stand in several lists.
COMMON = {
    language: frozenset(words.split())
    for language, words in {
        "nl": """
            aan al alleen alles als altijd ben bent bij bijna blijft d da daar daarna dag dan dank dat de deze die dit
            doe doen doet door dr drie dus een eens eentje eerst en er erg even gaan gaat gaf geeft geen gehad gelijk
            gewoon goed had half hallo heb hebben hebt heeft heel heen helemaal hem het hier hij hoe hoeveel hoor iets
            ik in ineens is ja jaar je jij jou jouw kan kijk kijken kom komen komt kon kun kunnen kunt laat last links
            maak maar mag me meer meestal met mij mijn misschien mn moet moeten mooi morgen n na naar nee net niet
            niets nog nooit nou nu of om omdat ons onze ook op over pijn precies rechts s samen sinds slecht soms
            staat t te tegen terug tot tussen twee u uit uw van vanaf vandaag veel verder vier vind vindt voel voelt
            volgens voor vooral vraag waar waarom wanneer want waren was wat we weer weet weg wel welke werd wie wij
            wil wilt word worden wordt wou zag ze zeg zegt zei zelf zich ziet zij zijn zit zitten zn zo zonder zou
            zouden
        """,
        "en": """
            a about after again all also always am an and any are as at back be because been before being but by can
            cannot could did do does doing don done down each even every feel feeling feels felt few first for from
            get gets give go going good got had has have having he hello help her here him his how i if in into is isn
            it its just know last let like little ll long look make may maybe me might more most much must my need
            never no not nothing now of off okay on once one only or other our out over pain please put re really
            right s said same say see she should since so some something sometimes soon still t take than thank thanks
            that the their them then there these they thing things think this those three through time to today
            tomorrow too two until up us use usually ve very want was way we week well went were what when where which
            while who why will with without would yes yesterday yet you your
        """,
        "de": """
            aber alle alles also am an auch auf aus bei bin bis bisschen bist bitte da damit dank danke dann das dass
            dein dem den denn der des dich die dies diese dieser dir doch doktor du durch ein eine einem einen einer
            eines einmal er es etwas euch frau fur ganz gar gegen gehen geht gemacht gestern gibt gut guten hab habe
            haben hallo hat hatte hatten herr heute hier ich ihm ihn ihnen ihr ihre im immer in ins ist ja jeden jetzt
            kann kein keine keinen kommt konnen konnte machen macht mal man mehr mein meine meinem meinen meiner mich
            mir mit morgen muss mussen nach nacht nein nicht nichts noch nun nur ob oder ohne schmerz schmerzen schon
            sehr seit sich sie sind so soll tag tage tut uber uhr um und uns unter viel vielen vom von vor wann war
            waren warum was weh weil wenn wer werde werden wie wieder will wir wird wo wollen wurde zu zum zur zwei
            zwischen
        """,
        "fr": """
            a ai alors apres as au aussi aux avant avec avez avoir beaucoup bien bonjour ca ce cela ces cette chez
            comme comment dans de depuis des deux docteur donc du elle elles en encore est et etait ete etes etre eu
            faire fait faut fois il ils jamais je jour jours jusqu la le les leur lui ma mais mal matin me meme merci
            mes moi moins mon ne non notre nous nuit on ont ou oui par parce pas peu peut peux plus pour pourquoi
            prendre qu quand que quel quelle qui quoi rien sa sais sans se sera ses si son sont sous suis sur ta te
            toujours tous tout toute tres tu un une va vais vers voila vos votre vous y
        """,
        "es": """
            a ahora al algo antes aqui asi aunque ayer bien buenos cada como con cuando de del desde despues dia dias
            doctor dolor donde dos duele el ella en entonces era es esa ese eso esta estan este esto estoy fue gracias
            ha hace hacer han hasta hay he hola hoy la las le les lo los manana mas me mi mis mucho muy nada ni no
            noche nos o otra otro para pero poco por porque puede puedo que quiero se sea ser si siempre sin sobre
            solo son soy su sus tambien tan tener tengo tiene todo todos tomar tres tu un una uno usted va voy y ya yo
        """,
        "it": """
            a adesso al alla anche ancora avere che chi ci come con cosa cosi da dal dalla degli dei del della di
            dolore dopo dottore dove due ed era fa fare fino fra giorni giorno gli grazie ha hai ho il in io la le lei
            lo ma mal male me mi mia mio molto nel nella niente no noi non notte o oggi ogni per perche piu po poco
            prendere prima puo qualche quando quanto quella quello questa questo sempre senza sera si sia sono sta
            stato sto su sua suo ti tre tu tutto un una uno va
        """,
        "pt": """
            a agora ainda ao aos as assim ate bem bom com como da das de depois desde dia dias do doi dois dor dos
            doutor e ela ele em entao era essa esse esta estava este estou eu faz fazer foi ha hoje isso ja la mais
            mas me mesmo meu minha muito na nada nao nas nem no noite nos o obrigada obrigado os ou para pela pelo
            pode por porque posso quando que quem sao se sem sempre ser seu sim so sobre sua tambem tem tenho ter toda
            todos tomar tres tudo um uma vez voce vou
        """,
        "pl": """
            a albo ale ani bardzo bez bo bol boli by byc byl byla bylo chce ci cie co czasami czy dla dlaczego dni do
            dobrze doktor doktorze dwa dzien dzis gdy gdzie go i ich ile im ja jak jakie jeden jest jestem jeszcze juz
            kiedy kilka lub ma mam mi mnie moge moj moja moje moze mozna na nad nic nie niz no o od on ona one oni pan
            pana pani po pod prosze przed przez przy rano raz sa sie tak takze tam ten teraz to trzy tu tutaj tydzien
            tylko tym w wczoraj wiec wiem wszystko z za zawsze ze
        """,
        "tr": """
            acıyor agrı agrım agrıyor ama bana bazen ben beni benim bes bir biraz biri bu bugun bunu butun cok da daha
            de deger degil diye doktor dort dun ederim en evet fakat gece gibi gun gunde gundur hafta hayır hem hep
            her hic icin iki ilac ilacı ile iyi kac kadar karnım ki kotu mi mu mı nasıl ne neden nerede o olan olarak
            oldu olur once onu saat sabah sadece simdi siz sizi sizin son sonra su tamam tane tesekkur uc var ve veya
            ya yarın yine yok zaman
        """,
    }.items()
}
OTHER_SCRIPT = 0.3  # of the letters: a web address in it may be Latin
LEAST_WORDS = 4  # a shorter sentence says too little: "Wait and see.", "À la carte."
LEAST_SHARE = 0.35  # of the words are common ones of the other language
LEAST_MORE = 2.0  # times as many as common ones of the language of the talk


def plain(text: str) -> str:
    """Lower-case words with single spaces: no accents, no punctuation."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.sub(r"[^\w\s]|_", " ", "".join(c for c in letters if not unicodedata.combining(c))).split())


def is_foreign(text: str, language: str) -> bool:
    """Is it clearly in another language? Of a ``language`` without a list only the script is looked at."""
    letters = [character for character in text if character.isalpha()]
    if len(letters) >= 2 and sum(not _is_latin(letter) for letter in letters) > OTHER_SCRIPT * len(letters):
        return True
    words = plain(text).split()
    own, other = _common(words, language)
    return len(words) >= LEAST_WORDS and other >= LEAST_SHARE * len(words) and other >= LEAST_MORE * max(1, own)


def is_own(text: str, language: str) -> bool:
    """Does it look more like this language than like any other?"""
    own, other = _common(plain(text).split(), language)
    return own > other


def _common(words: list[str], language: str) -> tuple[int, int]:
    """How many are common words of this language, and of the likeliest other; of one without a list: none."""
    if language not in COMMON:
        return 0, 0
    found = {name: sum(word in common for word in words) for name, common in COMMON.items()}
    return found.pop(language), max(found.values())


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "MICRO SIGN", "FEMININE", "MASCULINE"))
