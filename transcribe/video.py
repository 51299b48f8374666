"""What a doctor records of a video consult, and the one line of the note that follows from it.

The fields are those that LHV and NHG name: the application, the connection, the patient's device; whether identity was
checked, whether the patient could speak freely, that the limits were explained, who else was there, and why an
application was used that is not the practice's. The line says what was filled in and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from transcribe.errors import N_, InvalidInput
from transcribe.visible import all_seen

#: Applications that Dutch practices use; any other is typed.
APPS = (
    "WeSeeDo", "Zaurus", "FaceTalk", "BeterDichtbij", "ClickDoc", "VIPLive", "Spreekuur.nl", "KPN Zorg Messenger",
)  # fmt: skip
#: Characters of what is typed.
LONGEST_APP, LONGEST_OTHERS, LONGEST_REASON = 40, 120, 200
UNSEEN = N_("In de tekst staat een onzichtbaar teken. Typ de tekst opnieuw in plaats van te plakken.")
#: Applications of a practice's own beside those above.
MOST_OWN = 10


class Connection(StrEnum):
    """The value is stored, and stands in the note."""

    GOOD = "goed"
    MODERATE = "matig"
    POOR = "slecht"


class Device(StrEnum):
    """Of the patient. The value is stored, and stands in the note."""

    SMARTPHONE = "smartphone"
    TABLET = "tablet"
    LAPTOP = "laptop"
    COMPUTER = "computer"
    OTHER = "ander toestel"


class Identity(StrEnum):
    """How it was checked. The value is stored, and stands in the note."""

    BIRTH_DATE = "geboortedatum"
    KNOWN = "bekende patiënt"
    DOCUMENT = "identiteitsbewijs"
    LOGIN = "ingelogd in de app"


@dataclass(frozen=True, kw_only=True)
class Video:
    """Nothing is known of what is empty, None or False: it is never said."""

    app: str = ""
    connection: Connection | None = None
    device: Device | None = None
    identity: Identity | None = None  # None: not checked, as far as anybody knows
    speaks_freely: bool = False
    limits_explained: bool = False
    others: str = ""  # who else was there
    reason: str = ""  # why an application that is not on the practice's list


@dataclass(frozen=True, kw_only=True)
class VideoPresets:
    """Of a practice."""

    apps: tuple[str, ...] = APPS  # its list: with any other, the reason is recorded
    app: str = ""  # of "alles in orde"; "": none

    @property
    def own(self) -> tuple[str, ...]:
        """Those that the practice wrote down itself."""
        return tuple(app for app in self.apps if app not in APPS)


def video_line(video: Video) -> str:
    """One row, in Dutch as the note is: "Videoconsult via WeSeeDo; verbinding goed." """
    said = [
        f"Videoconsult via {video.app}" if video.app else "Videoconsult",
        f"verbinding {video.connection}" if video.connection else "",
        f"patiënt op {video.device}" if video.device else "",
        f"identiteit gecontroleerd ({video.identity})" if video.identity else "",
        "kon vrijuit spreken" if video.speaks_freely else "",
        "beperkingen besproken" if video.limits_explained else "",
        f"ook aanwezig: {video.others}" if video.others else "",
        f"reden van deze app: {video.reason}" if video.reason else "",
    ]
    return "; ".join(part for part in said if part) + "."


def in_order(video: Video, presets: VideoPresets) -> Video:
    """As it usually is, on the word of the doctor who says so: the practice's application, a good connection, identity
    by date of birth. What was filled in stays.
    """
    return replace(
        video,
        app=video.app or presets.app,
        connection=video.connection or Connection.GOOD,
        identity=video.identity or Identity.BIRTH_DATE,
        speaks_freely=True,
        limits_explained=True,
    )


def checked_video(video: Video, presets: VideoPresets) -> Video:
    """As it is recorded: what was typed in one row, a reason only where one is asked. Raises ``InvalidInput``."""
    video = replace(video, app=_row(video.app), others=_row(video.others), reason=_row(video.reason))
    if len(video.app) > LONGEST_APP or len(video.others) > LONGEST_OTHERS or len(video.reason) > LONGEST_REASON:
        raise InvalidInput(problem=N_("Een van de videogegevens is te lang. Schrijf het korter."))
    if not video.app or video.app in presets.apps:
        return replace(video, reason="")
    if not video.reason:
        raise InvalidInput(
            problem=N_("Deze app staat niet op de lijst van de praktijk. Vul in waarom deze app is gebruikt.")
        )
    return video


def checked_presets(presets: VideoPresets) -> VideoPresets:
    """Raises ``InvalidInput``."""
    apps = tuple(dict.fromkeys(app for app in map(_row, presets.apps) if app))
    if any(len(app) > LONGEST_APP for app in apps) or len(VideoPresets(apps=apps).own) > MOST_OWN:
        raise InvalidInput(problem=N_("Schrijf hoogstens 10 andere apps op, elk hoogstens 40 tekens lang."))
    if presets.app and presets.app not in apps:
        raise InvalidInput(problem=N_("De app van “Alles in orde” moet ook op de lijst van de praktijk staan."))
    return VideoPresets(apps=apps, app=presets.app)


def _row(text: str) -> str:
    """In one row of the note, without what parts the fields of its line. Raises ``InvalidInput`` when something in it
    can't be seen, or turns the order of what can.
    """
    row = " ".join(text.replace(";", ",").split()).strip(" .,")
    if not all_seen(row):
        raise InvalidInput(problem=UNSEEN)
    return row
