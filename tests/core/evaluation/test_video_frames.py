"""A model on the labelled frames of a video: the figures of the same frames as pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cvstudio.data.frame_names import frame_name
from cvstudio.data.labels import LabelledSet, no_labels
from cvstudio.evaluation.evaluate import EvaluationPlan, evaluate, measure
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations import ANNOTATION_FORMATS
from tests.core.media.conftest import write_media

TIMES = [0, 40, 80, 1900, 1940]
"""In ms: by the mean rate the second frame would be none."""


@pytest.fixture
def colours(colour_models: Any) -> Any:
    colour_models.CALLS.clear()
    return colour_models


@pytest.fixture
def pictures(colours: Any, tmp_path: Path) -> LabelledSet:
    """Five frames as pictures; of the second one a box is found at another place, the fourth is called otherwise."""
    box = colours.Rectangle
    found: LabelledSet = colours.labelled_set(
        tmp_path / "set",
        [
            [box(0, 5 + 2 * number, 5, 30, 20, brightness)]
            for number, brightness in enumerate((255, colours.MOVED, 255, colours.RENAMED, 255))
        ],
    )
    return found


@pytest.fixture
def frames(colours: Any, pictures: LabelledSet, tmp_path: Path) -> LabelledSet:
    """The same as the frames of a video, with the boxes as one track."""

    def picture(number: int) -> Any:
        (rectangle,) = (item.annotations[0].box for item in (pictures.labels(pictures.names[number]),))
        x, y, x2, y2 = map(int, rectangle)
        brightness = (255, colours.MOVED, 255, colours.RENAMED, 255)[number]
        return colours.painted([colours.Rectangle(0, x, y, x2 - x, y2 - y, brightness)])

    video = write_media(tmp_path / "clip.mkv", TIMES, codec="ffv1", options={}, pictures=picture, pixel_format="bgr0")
    edits = {
        frame_name("clip.mkv/", number): dataclasses.replace(
            pictures.labels(name),
            annotations=tuple(dataclasses.replace(item, track_id=3) for item in pictures.labels(name).annotations),
        )
        for number, name in enumerate(pictures.names)
    }
    empty = LabelledSet(None, "", pictures.categories, (), {}, no_labels)
    return empty.with_edits(edits, videos={"clip.mkv/": video})


def run(labelled: LabelledSet, tmp_path: Path, model: str = "colour-boxes", **plan: Any) -> Evaluation:
    return measure(EvaluationPlan(model, **plan), labelled, store_folder=tmp_path / "store")


@pytest.mark.parametrize("model", ["colour-boxes", "colour-masks", "colour-maps", "colour-points"])
def test_frames_have_the_figures_of_their_pictures(
    colours: Any, pictures: LabelledSet, frames: LabelledSet, tmp_path: Path, model: str
) -> None:
    as_pictures, as_frames = (run(item, tmp_path, model) for item in (pictures, frames))
    assert as_frames.summary() == pytest.approx(as_pictures.summary(), nan_ok=True)
    assert as_frames.names == frames.names
    assert [as_frames.times[name] for name in frames.names] == pytest.approx([ms / 1000 for ms in TIMES], abs=2e-3)
    assert {path.name for path in as_frames.pictures.values()} == {"clip.mkv"}
    assert as_pictures.times == {}


def test_the_prediction_of_each_frame_is_kept(colours: Any, frames: LabelledSet, tmp_path: Path) -> None:
    first = run(frames, tmp_path)
    calls = len(colours.CALLS)
    again = run(frames, tmp_path, score=0.9)
    assert len(colours.CALLS) == calls
    assert again.times == first.times
    assert again.objects["boxes"].counts(0.5, 0.3).right.tolist() == [1, 0, 1, 0, 1]


def test_a_frame_that_the_video_has_not_is_left_out(colours: Any, frames: LabelledSet, tmp_path: Path) -> None:
    late = frames.with_edits({frame_name("clip.mkv/", 99): frames.labels(frames.names[0])})
    done = run(late, tmp_path)
    assert done.names == frames.names
    (left,) = done.left_out
    assert (left.where, left.reason) == (
        "clip.mkv/frame_000099",
        "The labels name the frame 99, but the video has 5 frames.",
    )
    next(iter(frames.videos.values())).unlink()
    with pytest.raises(MediaError, match="None of the 6 pictures"):
        run(late, tmp_path)


def test_tracks_of_cvat_are_measured(colours: Any, frames: LabelledSet, tmp_path: Path) -> None:
    boxes = "".join(
        f'<box frame="{frame}" keyframe="1" outside="0" xtl="{5 + 2 * frame}" ytl="5" xbr="{35 + 2 * frame}" ybr="25"/>'
        for frame in (0, 4)
    )
    path = tmp_path / "tracks.xml"
    path.write_text(
        "<annotations><meta><task><source>clip.mkv</source><labels><label><name>red</name></label></labels></task>"
        f'</meta><track id="7" label="red">{boxes}</track></annotations>'
    )
    assert len(ANNOTATION_FORMATS["cvat"].read(path).names) == 5
    done = evaluate("colour-boxes", path)
    # Those between the key frames are interpolated, and right where the network is.
    assert done.objects["boxes"].counts(0.5, 0.3).right.tolist() == [1, 0, 1, 0, 1]
