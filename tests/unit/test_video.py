"""What is recorded of a video consult: its line in the note, what may be recorded, what the note asks."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import InvalidInput
from transcribe.soep.note import Code, Line, Note, Report, Section, note_text, part_text, report_text, section_text
from transcribe.soep.prescribing import unidentified
from transcribe.video import (
    APPS,
    Connection,
    Device,
    Identity,
    Video,
    VideoPresets,
    checked_presets,
    checked_video,
    in_order,
    video_line,
)
from transcribe.visible import all_seen

PRESETS = VideoPresets(apps=("WeSeeDo", "BeeldZorg"), app="WeSeeDo")
FULL = Video(
    app="Zoom",
    connection=Connection.MODERATE,
    device=Device.TABLET,
    identity=Identity.BIRTH_DATE,
    speaks_freely=True,
    limits_explained=True,
    others="dochter",
    reason="WeSeeDo lag eruit",
)
#: What the line says of each field, and of no other.
WORDS = {
    "app": " via ",
    "connection": "verbinding ",
    "device": "patiënt op ",
    "identity": "identiteit",
    "speaks_freely": "vrijuit",
    "limits_explained": "beperkingen",
    "others": "aanwezig",
    "reason": "reden",
}
TYPED = st.text(alphabet=st.sampled_from("xyz 0.,;:\n\r\t\u2028\x0b\x00\u202e\xadÀ"), max_size=30)
VIDEOS = st.builds(
    Video,
    app=TYPED | st.sampled_from(APPS),
    connection=st.none() | st.sampled_from(Connection),
    device=st.none() | st.sampled_from(Device),
    identity=st.none() | st.sampled_from(Identity),
    speaks_freely=st.booleans(),
    limits_explained=st.booleans(),
    others=TYPED,
    reason=TYPED,
)
LISTS = st.sampled_from([VideoPresets(), PRESETS, VideoPresets(apps=())])


def recorded(video: Video, presets: VideoPresets) -> Video | None:
    try:
        return checked_video(video, presets)
    except InvalidInput:
        return None


@given(video=VIDEOS, presets=LISTS)
def test_the_line_says_what_was_filled_in_and_nothing_else(video: Video, presets: VideoPresets) -> None:
    kept = recorded(video, presets)
    if kept is None:
        return
    line = video_line(kept)
    for field in fields(Video):
        value = getattr(kept, field.name)
        assert (WORDS[field.name] in line) == bool(value), field.name
        if value and value is not True:
            assert value in line
    assert line.count(";") == sum(bool(getattr(kept, field.name)) for field in fields(Video)) - bool(kept.app)


@given(video=VIDEOS, presets=LISTS)
def test_what_was_typed_makes_no_row_of_its_own(video: Video, presets: VideoPresets) -> None:
    kept = recorded(video, presets)
    if kept is not None:
        assert len(video_line(kept).splitlines()) == 1
        assert all_seen(video_line(kept))
        assert recorded(kept, presets) == kept


@given(video=VIDEOS, presets=LISTS)
def test_another_application_needs_a_reason_and_no_other_has_one(video: Video, presets: VideoPresets) -> None:
    kept = recorded(video, presets)
    if kept is None:
        return
    assert bool(kept.reason) == (bool(kept.app) and kept.app not in presets.apps)


@pytest.mark.parametrize(
    ("video", "line"),
    [
        (Video(), "Videoconsult."),
        (
            Video(app="WeSeeDo", connection=Connection.GOOD, identity=Identity.BIRTH_DATE),
            "Videoconsult via WeSeeDo; verbinding goed; identiteit gecontroleerd (geboortedatum).",
        ),
        (
            FULL,
            "Videoconsult via Zoom; verbinding matig; patiënt op tablet; identiteit gecontroleerd (geboortedatum); "
            "kon vrijuit spreken; beperkingen besproken; ook aanwezig: dochter; "
            "reden van deze app: WeSeeDo lag eruit.",
        ),
        (Video(others="dochter; identiteit gecontroleerd"), "Videoconsult; ook aanwezig: dochter, identiteit "
         "gecontroleerd."),
    ],
)  # fmt: skip
def test_the_line(video: Video, line: str) -> None:
    assert video_line(replace(checked_video(video, VideoPresets(apps=("WeSeeDo",))))) == line


def test_all_in_order_takes_the_application_of_the_practice_and_leaves_what_was_filled_in() -> None:
    usual = in_order(Video(), PRESETS)
    assert video_line(usual) == (
        "Videoconsult via WeSeeDo; verbinding goed; identiteit gecontroleerd (geboortedatum); "
        "kon vrijuit spreken; beperkingen besproken."
    )
    said = Video(
        app="BeeldZorg",
        connection=Connection.POOR,
        device=Device.LAPTOP,
        identity=Identity.KNOWN,
        speaks_freely=True,
        limits_explained=True,
        others="zoon",
    )
    assert in_order(said, PRESETS) == said
    assert in_order(replace(said, app="", speaks_freely=False), PRESETS) == replace(said, app="WeSeeDo")
    assert in_order(Video(), VideoPresets()).app == ""


@pytest.mark.parametrize(
    ("video", "said"),
    [
        (Video(app="Zoom"), "niet op de lijst"),
        (Video(app="Zoom", reason=" . "), "niet op de lijst"),
        (Video(app="x" * 41, reason="haast"), "te lang"),
        (Video(others="x" * 121), "te lang"),
        (Video(others="doch\x00ter"), "onzichtbaar"),
        (Video(others="\u202eretthcod"), "onzichtbaar"),
        (Video(app="Zoom", reason="haast\x1b[1m"), "onzichtbaar"),
    ],
)
def test_what_may_not_be_recorded(video: Video, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_video(video, PRESETS)
    assert said in str(refused.value)


def test_the_list_of_a_practice() -> None:
    assert checked_presets(VideoPresets(apps=(" Zaurus", "", "Beeld  Zorg", "Zaurus"), app="Zaurus")) == VideoPresets(
        apps=("Zaurus", "Beeld Zorg"), app="Zaurus"
    )
    for wrong in (
        VideoPresets(apps=("Zaurus",), app="WeSeeDo"),
        VideoPresets(apps=("x" * 41,)),
        VideoPresets(apps=tuple(f"app {number}" for number in range(11))),
    ):
        with pytest.raises(InvalidInput):
            checked_presets(wrong)
    assert VideoPresets(apps=(*APPS, "BeeldZorg")).own == ("BeeldZorg",)


# --- in the note ----------------------------------------------------------------------------------------------------

NOTE = Note(
    reports=(
        Report(id="R1", lines=(Line(id="L1", section=Section.S, text="Jeuk."),)),
        Report(id="R2", lines=(Line(id="L2", section=Section.P, text="Miconazol 2dd."),)),
    ),
    video=Video(app="Zaurus"),
)


def test_it_opens_the_first_report_in_every_text_that_can_be_copied() -> None:
    opening = "Videoconsult via Zaurus."
    assert note_text(NOTE) == f"S: {opening}\n   Jeuk.\n\nP: Miconazol 2dd."
    assert report_text(NOTE, NOTE.reports[0]) == part_text(NOTE, "R1") == f"S: {opening}\n   Jeuk."
    assert section_text(NOTE, Section.S) == part_text(NOTE, "S") == part_text(NOTE, "R1-S") == f"{opening}\nJeuk."
    assert part_text(NOTE, "R2") == "P: Miconazol 2dd."
    assert part_text(NOTE, "R2-S") == ""
    assert "Videoconsult" not in note_text(replace(NOTE, video=None))


def test_it_opens_a_report_that_has_nothing_else_in_s_without_a_code() -> None:
    code = Code(section=Section.S, code="S02", title="Pruritus")
    bare = replace(NOTE, reports=(replace(NOTE.reports[1], codes=(code,)),))
    assert note_text(bare) == "S: Videoconsult via Zaurus.\nP: Miconazol 2dd."


def test_a_first_report_that_goes_leaves_it_to_the_next() -> None:
    assert note_text(NOTE.moving("L1", "R2")) == "S: Videoconsult via Zaurus.\n   Jeuk.\nP: Miconazol 2dd."


@pytest.mark.parametrize(
    ("note", "asked"),
    [
        (NOTE, {"R2"}),
        (replace(NOTE, video=Video(identity=Identity.KNOWN)), set()),
        (replace(NOTE, video=None), set()),
        (replace(NOTE, reports=NOTE.reports[:1]), set()),
    ],
)
def test_medicines_in_a_plan_ask_who_was_on_the_screen(note: Note, asked: set[str]) -> None:
    assert unidentified(note) == asked
