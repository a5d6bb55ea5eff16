"""Accepting predictions on many pictures goes on where it was stopped."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.labels import LabelledSet, PictureLabels
from cvstudio.foundation.progress import Cancelled, Progress
from cvstudio.models import MODELS
from cvstudio.running.accepted_parts import AcceptedParts, accepted_key
from cvstudio.running.pseudo_labels import accept_predictions, empty_set
from cvstudio.running.runner import Runner

SCORE = 0.2


@pytest.fixture
def files(blob_finder, tmp_path):
    """Pictures of one bright rectangle each: red, blue, green and red."""
    paths = []
    for number, channel in enumerate((0, 2, 1, 0)):
        pixels = np.full((80, 100, 3), 60, np.uint8)
        colour = np.full(3, 20, np.uint8)
        colour[channel] = 230
        pixels[20:32, 10 + number : 26 + number] = colour
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        paths.append(path)
    with MODELS.lend(blob_finder.SPEC):
        yield paths


class StopsAt(Progress):
    """Cancels the work when it comes to a file."""

    def __init__(self, name):
        super().__init__()
        self._name = name

    def __call__(self, fraction, message=""):
        if message == self._name:
            raise Cancelled


def accept(files, folder, progress=None, labelled=None):
    instance = AnalysisInstance(1, "detect", {}, "blobs", None, {"score": SCORE})
    labelled = labelled or empty_set()
    parts = AcceptedParts(accepted_key(instance, labelled, SCORE), folder)
    with Runner(device="cpu") as runner:
        accepted = accept_predictions(instance, files, labelled, SCORE, runner, progress, parts=parts)
    return accepted, parts


def test_a_stopped_run_goes_on_where_it_was(files, blob_finder, tmp_path):
    whole, parts = accept(files, tmp_path / "whole")
    parts.remove()
    assert not any((tmp_path / "whole").iterdir())
    with pytest.raises(Cancelled):
        accept(files, tmp_path / "kept", StopsAt("2.png"))
    blob_finder.SEEN.clear()
    resumed, _ = accept(files, tmp_path / "kept")
    assert len(blob_finder.SEEN) == 2, "two of four were done"
    assert [item.name for item in resumed.labelled.categories] == ["red", "blue", "green"]
    assert (resumed.added, resumed.pictures) == (whole.added, whole.pictures) == (4, 4)
    for name in whole.labelled.names:
        assert resumed.labelled.labels(name) == whole.labelled.labels(name)
    blob_finder.SEEN.clear()
    accept(files, tmp_path / "kept")
    assert blob_finder.SEEN == [], "the second run kept its parts with those of the first"


def test_a_picture_that_changed_is_looked_at_again_and_a_torn_line_spoils_nothing(files, blob_finder, tmp_path):
    accept(files, tmp_path / "kept")
    Image.new("RGB", (100, 80)).save(files[3])
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_text(kept.read_text() + '{"file": ["torn')
    blob_finder.SEEN.clear()
    again, _ = accept(files, tmp_path / "kept")
    assert len(blob_finder.SEEN) == 1
    assert again.labelled.labels("3.png").annotations == ()
    kept.write_bytes(b"\xff\x00 no lines at all")
    assert accept(files, tmp_path / "kept")[0].added == 3


def test_a_run_that_is_stopped_again_keeps_what_it_did_not_come_to(files, blob_finder, tmp_path):
    accept(files, tmp_path / "kept")
    os.utime(files[0], (1, 1))
    blob_finder.SEEN.clear()
    with pytest.raises(Cancelled):
        accept(files, tmp_path / "kept", StopsAt("2.png"))
    assert len(blob_finder.SEEN) == 1
    blob_finder.SEEN.clear()
    assert accept(files, tmp_path / "kept")[0].added == 4
    assert blob_finder.SEEN == []


def test_a_name_that_the_set_has_by_now_is_not_taken_from_what_was_kept(files, tmp_path):
    accept(files[:1], tmp_path / "kept")
    others = LabelledSet(None, "", (), ("0.png", "x/0.png"), {}, lambda name: PictureLabels())
    labelled = accept(files[:1], tmp_path / "kept", labelled=others)[0].labelled
    assert [len(labelled.labels(name).annotations) for name in labelled.names] == [0, 0, 1]


def test_another_score_or_set_begins_anew(files):
    instance = AnalysisInstance(1, "detect", {}, "blobs", None, {"score": SCORE})
    labelled = empty_set()
    keys = {
        accepted_key(instance, labelled, SCORE),
        accepted_key(instance, labelled, 0.3),
        accepted_key(instance, empty_set(["car"]), SCORE),
        accepted_key(instance, labelled.with_labels("a.png", PictureLabels()), SCORE),
    }
    assert len(keys) == 4
