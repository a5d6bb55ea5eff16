"""Labels of the frames of a video: what is read for an intent."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cvstudio.data.labels import LabelledSet, PictureLabels
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.frame_times import FrameTimes
from ui.control.labelled_frames import LabelledFrames

BOX = '<box frame="{0}" keyframe="1" outside="0" xtl="0" ytl="2" xbr="8" ybr="9"/>'


@pytest.fixture
def tracks(numbered_clip: Path) -> LabelledSet:
    """A track on the frames 0, 3, 4, 9 and 20 of the clip."""
    path = numbered_clip.with_name("tracks.xml")
    path.write_text(
        "<annotations><meta><task><source>numbered.mp4</source><labels><label><name>cat</name></label></labels>"
        '</task></meta><track id="7" label="cat">'
        + "".join(
            BOX.format(frame).replace('outside="0"', 'outside="1"') if gone else BOX.format(frame)
            for frame, gone in (
                (0, False),
                (1, True),
                (3, False),
                (4, False),
                (5, True),
                (9, False),
                (10, True),
                (20, False),
                (21, True),
            )
        )
        + "</track></annotations>"
    )
    return ANNOTATION_FORMATS["cvat"].read(path)


def test_the_next_labelled_frame_is_found_without_reading_the_whole_video(tracks: LabelledSet) -> None:
    (video,) = tracks.videos.values()
    read: list[str] = []

    def load(name: str) -> PictureLabels:
        read.append(name)
        return tracks.load(name)

    frames = tracks.frames(video)
    emptied = {frames[9]: PictureLabels()}
    labelled = dataclasses.replace(tracks, load=load).with_edits(emptied)
    media: Any = SimpleNamespace(path=video, moving=True)
    labelling: Any = SimpleNamespace(labelled=labelled, media=media)
    part = LabelledFrames(labelling, labelling)
    # The frames last longer and longer.
    part.times = FrameTimes(tuple(number * number / 12 for number in range(24)))
    part.number = 4
    assert part.next_labelled(1) == pytest.approx((400 + 441) / 24), "past the frame whose label was deleted"
    assert part.next_labelled(-1) == pytest.approx((9 + 16) / 24)
    assert set(read) <= {frames[20], frames[3]}
    part.number = 20
    assert part.next_labelled(1) is None
