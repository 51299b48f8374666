"""Everything that can go wrong and that a person must be told.

TranscribeError
├── Refused               a rule says no; nothing was changed
│   ├── NotAllowed            this role may not do this
│   ├── WrongStatus           the consult is not in a status in which this can be done
│   ├── NoteHasOpenFlags      lines still need the GP's eyes
│   ├── TextChanged           the text on the screen is no longer the text in the store
│   ├── CopyChanged           the text on the screen is no longer the one that is signed
│   ├── LineChanged           a line, or what is flagged of it, is not what was on the screen
│   ├── NotApproved           no valid approval of exactly this text
│   ├── NothingToApprove      the note has no lines
│   ├── WaitsFor              the draft waits for somebody else
│   ├── NotPassedOn           nobody passed the draft on to this person: there is nobody to send it back to
│   ├── WaitsForNobody        the draft waits for nobody in particular: there is nobody to take it over from
│   ├── InvalidInput          a field of a form or command is missing or impossible
│   ├── DemoModelRefused      the demo model, outside demo mode
│   ├── ExerciseRefused       an exercise, outside demo mode
│   └── ExerciseNotCopied     the text of an exercise, to the HIS
├── NotLoggedIn           nobody is logged in, or not any more
├── TooManyTries          too many wrong passwords, codes or keys: wait
├── Conflict              somebody else changed the consult in the meantime
├── NotFound              no such consult, line or model
├── Erased                the content was destroyed; only the certificate is left
├── LeaseLost             this work was taken over by another worker; its outcome is not wanted
├── DiskFull              no room left; what was being written is gone, all else is untouched
├── DiskLow               so little room that no new recording is begun
├── StoreUnavailable      the database can't be reached or did not answer in time
├── BackupProblem         a back-up, a restore or a copy of the keys can't be; says what to do
├── Unreadable            stored data were damaged, or sealed with another key or for another place
├── AudioProblem          this recording can't be used; says what is wrong and what to do
│   ├── EmptyFile, NotAudio, NoAudioTrack, IncompleteFile, TooLong, NoSpeech, DecoderFailed
└── SetupProblem          the installation needs something; says what to do
    └── OtherSchema           the tables are those of another version of the program

``text`` is a Dutch sentence for the person at the screen (marked with ``N_`` so that the English catalogue can carry
it). It never holds patient text: parameters are numbers, roles, statuses, names of staff, paths of the installation.
"""

from __future__ import annotations

import errno

#: What the system says of a full disk, or of an account that may use no more of it.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def N_(text: str) -> str:  # noqa: N802  (the name gettext tools look for)
    """Mark a string for the catalogue without translating it here: the edge that shows it knows the language."""
    return text


class TranscribeError(Exception):
    """Root of everything we raise on purpose."""

    #: Dutch sentence, with ``{name}`` places for ``params``.
    text = N_("Er ging iets mis. Er is niets verloren gegaan. Probeer het opnieuw.")

    def __init__(self, **params: object) -> None:
        self.params = params
        super().__init__(self.text.format(**params))


class Refused(TranscribeError):
    text = N_("Dit kan nu niet.")


class NotAllowed(Refused):
    text = N_("Als {role} mag u dit niet doen. Vraag het de huisarts.")


class ClosedConsult(Refused):
    text = N_("Dit consult is afgeschermd. Open het vanaf de werklijst om te zien wat u kunt doen.")


class NotInEmergency(Refused):
    text = N_(
        "Met noodtoegang kunt u dit consult lezen en het verslag afmaken. Verwijderen, overdragen en de afscherming "
        "opheffen kan alleen wie het heeft afgeschermd."
    )


class WrongStatus(Refused):
    text = N_("Dit kan niet bij een consult met status “{status}”.")


class NoteHasOpenFlags(Refused):
    text = N_("Nog {count} punt(en) vragen uw aandacht. Handel ze eerst af.")


class TextChanged(Refused):
    text = N_("Het verslag is gewijzigd sinds u het zag. Lees het opnieuw voordat u akkoord geeft.")


class CopyChanged(Refused):
    text = N_("Wat op uw scherm staat is niet meer het verslag met akkoord. Lees het opnieuw voordat u kopieert.")


class LineChanged(Refused):
    text = N_("Deze regel is gewijzigd sinds u hem zag. Er is niets bevestigd. Lees de regel opnieuw.")


class NotApproved(Refused):
    text = N_("Dit verslag is nog niet door de huisarts geaccordeerd. Kopiëren kan pas na akkoord.")


class NothingToApprove(Refused):
    text = N_("Het verslag is leeg. Voeg een regel toe of verwijder het consult.")


class WaitsFor(Refused):
    text = N_("Dit verslag wacht op {name}. Wijzigen en akkoord geven kan pas na “Ik neem het over”.")


class NotPassedOn(Refused):
    text = N_("Dit verslag is niet aan u overgedragen. Kies “Overdragen” en vul in aan wie.")


class WaitsForNobody(Refused):
    text = N_("Dit verslag wacht niet meer op een collega. Overnemen hoeft niet.")


class InvalidInput(Refused):
    text = N_("{problem}")


class DemoModelRefused(Refused):
    text = N_(
        "Model “{model}” is een demonstratiemodel en wordt niet gebruikt voor echte consulten. "
        "Installeer een spraakmodel: transcribe models pull."
    )


class ExerciseRefused(Refused):
    text = N_("Oefenen kan alleen in de demonstratie. In een echt verslag worden nooit fouten gezet.")


class ExerciseNotCopied(Refused):
    text = N_("Dit is een oefening met fouten erin. De tekst kan niet naar een HIS.")


class NotLoggedIn(TranscribeError):
    text = N_("Uw sessie is afgelopen. Log opnieuw in.")


class TooManyTries(TranscribeError):
    text = N_("Te veel mislukte pogingen. Wacht {seconds} seconden en probeer het opnieuw.")


class Conflict(TranscribeError):
    text = N_(
        "Dit consult is intussen gewijzigd, door een collega of in een ander venster; dit is daarom niet gedaan. "
        "Kijk hoe het nu is en doe het zo nodig opnieuw."
    )


class NotFound(TranscribeError):
    text = N_("Niet gevonden. Misschien is het consult al gewist.")


class Erased(TranscribeError):
    text = N_("De inhoud van dit consult is vernietigd. Alleen het vernietigingsbewijs is er nog.")


class AudioProblem(TranscribeError):
    text = N_("Deze opname kan niet worden gebruikt.")


class EmptyFile(AudioProblem):
    text = N_("Het bestand is leeg. Kies de opname opnieuw of maak een nieuwe export in de beeldbel-app.")


class NotAudio(AudioProblem):
    text = N_("Dit is geen geluid- of videobestand. Kies een opname (wav, mp3, m4a, ogg, webm, mp4 of mkv).")


class NoAudioTrack(AudioProblem):
    text = N_("Deze video heeft geen geluid. Kies een opname met geluid of dicteer het verslag.")


class IncompleteFile(AudioProblem):
    text = N_("Het bestand is afgebroken en niet te lezen. Haal de opname opnieuw op bij de bron en upload die.")


class TooLong(AudioProblem):
    text = N_(
        "De opname duurt {minutes} minuten; het maximum is {maximum}. "
        "Knip de opname per consult, of laat de beheerder de grens verhogen."
    )


class NoSpeech(AudioProblem):
    text = N_("Geen spraak gehoord; er is geen verslag gemaakt. Luister de opname na of kies een andere.")


class DecoderFailed(AudioProblem):
    text = N_("De opname kon niet worden gelezen. Probeer het opnieuw of exporteer de opname in een ander formaat.")


class SetupProblem(TranscribeError):
    text = N_("De installatie is niet compleet: {problem}")


class OtherSchema(SetupProblem):
    text = N_(
        "De tabellen in de database zijn van een andere versie van transcribe. Er is niets gewijzigd. Gebruik de "
        "versie die er het laatst mee werkte, of een nieuwere. Helpt dat niet, zet dan met deze versie de laatste "
        "reservekopie terug in een lege gegevensmap: transcribe restore BESTAND --data-dir MAP."
    )


class DiskFull(TranscribeError):
    text = N_(
        "De schijf is vol: dit is niet bewaard. Maak ruimte vrij of waarschuw de beheerder en probeer het opnieuw."
    )


class DiskLow(TranscribeError):
    text = N_(
        "Er is nog {percent} % schijfruimte vrij. Er begint geen nieuwe opname, zodat lopende opnamen veilig zijn. "
        "Waarschuw de beheerder; die maakt ruimte vrij."
    )


class LeaseLost(TranscribeError):
    text = N_("Dit werk is door een andere verwerker overgenomen.")


class StoreUnavailable(TranscribeError):
    text = N_("De database is niet bereikbaar. Probeer het zo opnieuw; blijft het zo, waarschuw dan de beheerder.")


class BackupProblem(TranscribeError):
    text = N_("{problem}")


class Unreadable(TranscribeError):
    text = N_("Bewaarde gegevens zijn beschadigd of horen bij een andere sleutel. Waarschuw de beheerder.")
