"""Labelled sets as folders to browse and as layers of the session."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
from PIL import Image

from cvstudio.analyses.binding import annotations_id, open_annotations
from cvstudio.analyses.label_sets import implied_format, listing_of, media_set_of, truth_analyses
from cvstudio.data.labels import PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.folders import MediaSet
from cvstudio.session.browsing import with_browsed
from cvstudio.session.labelled_sets import with_labelled_set, with_own
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import Session
from cvstudio.session.transitions import with_active


@pytest.fixture
def coco(tmp_path):
    names = ["images/10.png", "images/9.png", "images/deep/a.png", "gone.png"]
    for name in names[:3]:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (len(name), 9, 9)).save(path)
    Image.new("RGB", (40, 30)).save(tmp_path / "set" / "images" / "other.png")
    content = {
        "images": [{"id": n, "file_name": name, "width": 40, "height": 30} for n, name in enumerate(names)],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 0, "bbox": [1, 2, 9, 9]}],
        "categories": [{"id": 0, "name": "cat"}],
    }
    path = tmp_path / "set" / "x.json"
    path.write_text(json.dumps(content))
    return path


def test_the_pictures_of_labels_are_listed_in_natural_order(coco):
    labelled = open_annotations(coco).read()
    media_set = media_set_of(labelled)
    assert media_set == MediaSet(coco.parent / "images", recursive=True, labels=coco)
    assert media_set.name == "x.json"
    listing = listing_of(media_set, labelled)
    # Others of the folder do not belong to the set, nor does what is not there.
    assert [file.name for file in listing.files] == ["9.png", "10.png", "deep/a.png"]
    assert listing.complete


def test_labels_without_pictures_are_told(tmp_path, coco):
    alone = tmp_path / "alone" / "x.json"
    alone.parent.mkdir()
    alone.write_text(coco.read_text().replace("images/", "elsewhere/"))
    with pytest.raises(MediaError, match="names 4 pictures, but none of them was found near it"):
        media_set_of(open_annotations(alone).read())


def test_what_is_implied_by_opening(tmp_path, coco):
    assert implied_format(coco).key == "coco"
    assert implied_format(coco.parent / "images") is None
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    assert implied_format(other) is None
    for name in ("cat/a.png", "dog/b.png"):
        (tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "classes" / name)
    assert implied_format(tmp_path / "classes") is None
    assert truth_analyses(open_annotations(tmp_path / "classes").read()) == ("labelled-class",)


def test_what_cannot_be_read_is_no_labels(tmp_path, forbidden):
    folder = tmp_path / "closed"
    folder.mkdir()
    assert implied_format(forbidden(folder)) is None


def test_the_sample_is_shown_by_its_boxes_and_key_points():
    labelled = open_annotations(sample_path("photo-labels")).read()
    assert truth_analyses(labelled) == ("labelled-keypoints", "labelled-boxes")


def test_a_panoptic_set_is_shown_by_its_regions(data):
    labelled = open_annotations(data("coco128", "panoptic_segmentation")).read()
    assert truth_analyses(labelled) == ("labelled-regions",)


def opened(coco, session, name="9.png"):
    annotations = open_annotations(coco)
    labelled = annotations.read()
    media = open_media(coco.parent / "images" / name)
    analyses = truth_analyses(labelled)
    return with_labelled_set(session.state, media_set_of(labelled), annotations, analyses, media, session.next_id)


def test_opening_shows_truth_that_follows_and_starts_no_network(coco):
    session = Session()
    state = opened(coco, session)
    (layer,) = state.instances
    assert (layer.analysis, layer.canvas_media.name, state.current) == ("labelled-boxes", "9.png", layer.id)
    assert (state.active_media.name, state.browsed) == ("9.png", state.active)
    assert state.current_set == coco.parent / "images"
    state = with_browsed(state, open_media(coco.parent / "images" / "10.png"), session.next_id)
    assert [(item.analysis, item.canvas_media.name) for item in state.instances] == [("labelled-boxes", "10.png")]
    assert [media.name for media in state.media] == ["10.png"]


def test_predictions_stay_beside_truth(coco):
    session = Session()
    session.change(
        "open", with_active(session.state, open_media(coco.parent / "images" / "other.png"), session.next_id)
    )
    state = opened(coco, session)
    assert {item.analysis for item in state.instances} == {"detect", "labelled-boxes"}
    assert state.instance.analysis == "labelled-boxes"


def test_a_photograph_of_ones_own_is_not_looked_at_by_the_labels_of_a_set(coco, tmp_path):
    session = Session()
    session.change("open", opened(coco, session))
    Image.new("RGB", (50, 60)).save(tmp_path / "mine.png")
    mine, inside = open_media(tmp_path / "mine.png"), open_media(coco.parent / "images" / "10.png")
    state = with_own(session.state, mine, session.next_id)
    assert (state.instance.analysis, state.active_media.name) == ("detect", "mine.png")
    placed = {item.analysis: item.canvas_media.name for item in state.instances}
    assert placed == {"labelled-boxes": "9.png", "detect": "mine.png"}
    # Predictions beside the truth go on with it, and going on through the set brings the labels back.
    session.change("mine", state)
    session.change("back", with_browsed(state, inside, session.next_id))
    labels = next(item for item in session.state.instances if item.analysis == "labelled-boxes")
    assert (labels.canvas_media.name, labels.visible) == ("10.png", True)
    session.change("labels", dataclasses.replace(session.state, current=labels.id))
    again = with_own(session.state, mine, session.next_id)
    assert again.instance.analysis == "detect"
    assert {item.analysis: item.canvas_media.name for item in again.instances} == {
        "labelled-boxes": "10.png",
        "detect": "mine.png",
    }
    # A picture of the set is.
    assert with_own(session.state, inside, session.next_id).instance.analysis == "labelled-boxes"


def test_opening_again_keeps_edits_and_hides_other_labels(coco, tmp_path):
    session = Session()
    session.change("open", opened(coco, session))
    (layer,) = session.state.instances
    edited = layer.bindings["labels"].with_labels("images/9.png", PictureLabels())
    edited = dataclasses.replace(edited, renamed={0: "lorry"})
    instances = (layer.with_binding("labels", edited),)
    session.change("edit", dataclasses.replace(session.state, instances=instances))
    again = opened(coco, session, "10.png")
    assert [item.bindings["labels"] for item in again.instances] == [edited]
    session.change("again", again)
    copy = coco.with_name("copy.json")
    copy.write_text(coco.read_text())
    other = opened(copy, session, "10.png")
    assert [(item.bindings["labels"].path.name, item.visible) for item in other.instances] == [
        ("x.json", False),
        ("copy.json", True),
    ]


def test_a_folder_with_a_broken_link_or_a_name_that_is_no_utf_8_has_an_identity(tmp_path):
    first = annotations_id(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    second = annotations_id(tmp_path)
    with open(os.fsencode(tmp_path) + b"/\xe9.txt", "wb"):
        pass
    assert len({first, second, annotations_id(tmp_path)}) == 3


def test_a_project_keeps_the_set_and_its_layers(coco, tmp_path):
    session = Session()
    state = opened(coco, session)
    save_project(tmp_path / "p.json", state)
    again, _ = load_project(tmp_path / "p.json")
    assert again.sets == state.sets
    assert again.instances == state.instances
    assert again.current_set == state.current_set
