from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet, open_annotations
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import new_name
from cvstudio.data.labels import Annotation, Category, LabelledSet, LabelMap, PictureLabels, Skeleton, no_labels
from cvstudio.foundation.errors import MediaError, ProjectError
from cvstudio.media import Media, open_media
from cvstudio.running.recipe import annotations_from_json, annotations_to_json
from cvstudio.session.label_edits import (
    annotations_of,
    truth_layer,
    with_annotations,
    with_category_added,
    with_category_renamed,
    with_labels,
    with_labels_on_top,
    with_layers_for,
    with_new_labels,
    with_skeleton,
)
from cvstudio.session.layers import with_copy
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State, activate, add_media, replace_instance

LABELS = PictureLabels(Size(20, 10), (Annotation(0, (1, 1, 5, 5)),))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Media]:
    made = []
    for number, name in enumerate(("a/one.png", "b/one.png", "b/two.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Pillow.fromarray(np.full((10, 20, 3), number, np.uint8)).save(path)
        made.append(open_media(path))
    return made


@pytest.fixture
def begun(pictures: list[Media]) -> State:
    state = activate(State(), pictures[0])
    for media in pictures[1:]:
        state = add_media(state, media)
    return with_new_labels(state, ("car", "dog", "car"), lambda: 7)


def annotations(state: State) -> AnnotationSet:
    layer = truth_layer(state)
    assert layer is not None
    found = annotations_of(layer)
    assert found is not None
    return found


def test_new_labels_are_a_layer_with_classes_and_without_a_file(begun: State) -> None:
    assert begun.current == 7
    found = annotations(begun)
    assert found.path is None
    assert [category.name for category in found.categories] == ["car", "dog"]
    labelled = found.read()
    assert (labelled.names, len(labelled.categories)) == ((), 2)


def test_an_edit_reaches_every_layer_of_the_set_and_no_other(begun: State) -> None:
    twice = with_copy(begun, 7, lambda: 8)
    other = AnnotationSet(categories=(Category("else"),))
    copy = next(item for item in twice.instances if item.id == 8)
    slot = next(name for name, bound in copy.bindings.items() if isinstance(bound, AnnotationSet))
    three = dataclasses.replace(
        twice, instances=(*twice.instances, dataclasses.replace(copy, id=9).with_binding(slot, other))
    )
    old = annotations(begun)
    new = old.with_labels("one.png", LABELS)
    after = with_annotations(three, old, new)
    bound = {item.id: annotations_of(item) for item in after.instances}
    assert bound == {7: new, 8: new, 9: other}


def test_labels_are_put_above_all_other_layers(begun: State) -> None:
    detector = AnalysisInstance.beginning(8, ANALYSES["detect"], {})
    state = dataclasses.replace(begun, instances=(*begun.instances, detector))
    raised = with_labels_on_top(state, annotations(begun))
    assert [item.id for item in raised.instances] == [8, 7]


def test_other_kinds_of_labels_get_a_layer_of_their_own_once(begun: State, pictures: list[Media]) -> None:
    posed = PictureLabels(Size(20, 10), (Annotation(0, (1, 1, 5, 5), keypoints=((2, 2, 2),)),), classes=(1,))
    numbers = itertools.count(20)
    state = with_layers_for(begun, annotations(begun), posed, pictures[0], lambda: next(numbers))
    added = {"labelled-keypoints", "labelled-class"}
    assert {item.analysis for item in state.instances} == {"labelled-boxes", *added}
    assert with_layers_for(state, annotations(begun), posed, pictures[0], lambda: next(numbers)) == state


def test_a_class_of_the_file_and_one_of_ones_own_are_given_key_points(tmp_path: Path) -> None:
    labelled = LabelledSet(tmp_path, "coco", (Category("car"), Category("person")), (), {}, no_labels)
    skeleton = Skeleton(("nose", "tail"), ((0, 1),))
    own = with_category_added(AnnotationSet(tmp_path, "coco", "x"), labelled, Category("dog"))
    read = own.with_edits(labelled)
    changed = with_skeleton(with_skeleton(own, read, 1, skeleton), read, 2, skeleton)
    names = [item.keypoints for item in changed.with_edits(labelled).categories]
    assert names == [(), ("nose", "tail"), ("nose", "tail")]
    # The file has come to list its classes in another order.
    moved = dataclasses.replace(labelled, categories=(Category("person"), Category("bus"), Category("car")))
    categories = changed.with_edits(moved).categories
    assert [(item.name, item.skeleton) for item in categories] == [
        *(("person", ((0, 1),)), ("bus", ()), ("car", ()), ("dog", ((0, 1),))),
    ]
    saved = json.loads(json.dumps(annotations_to_json(changed, tmp_path)))
    assert annotations_from_json(saved, tmp_path).skeletons == {1: skeleton}


def test_the_layer_that_is_edited_is_the_current_one_or_the_topmost_that_is_seen(begun: State) -> None:
    three = with_copy(with_copy(begun, 7, lambda: 8), 8, lambda: 9)

    def seen(state: State, *numbers: int) -> State:
        def show(item: AnalysisInstance) -> AnalysisInstance:
            return dataclasses.replace(item, visible=item.id in numbers)

        return dataclasses.replace(state, instances=tuple(map(show, state.instances)))

    def edited(state: State) -> int:
        layer = truth_layer(state)
        assert layer is not None
        return layer.id

    assert edited(dataclasses.replace(seen(three, 7), current=8)) == 8
    none = dataclasses.replace(three, current=0)
    assert edited(seen(none, 7, 8)) == 8
    assert edited(seen(none)) == 9
    assert truth_layer(State()) is None


def test_labels_follow_to_the_next_picture(begun: State, pictures: list[Media]) -> None:
    layer = truth_layer(activate(begun, pictures[2]))
    assert layer is not None
    assert layer.canvas_media == pictures[2]


def test_a_picture_that_the_set_does_not_name_is_added_under_a_name_of_its_own(
    begun: State, pictures: list[Media]
) -> None:
    found = annotations(begun)
    for media in pictures:
        found = with_labels(found, found.read(), media, LABELS)
    labelled = found.read()
    assert labelled.names == ("one.png", "b/one.png", "two.png")
    assert [labelled.name_of(media.path) for media in pictures] == ["one.png", "b/one.png", "two.png"]
    again = with_labels(found, labelled, pictures[1], PictureLabels())
    assert sorted(again.edits) == sorted(found.edits)
    assert again.edits["b/one.png"] == PictureLabels()
    assert again.edits["one.png"] == LABELS


def test_a_project_holds_the_labels_of_several_layers_once(begun: State, pictures: list[Media], tmp_path: Path) -> None:
    found = annotations(begun)
    other = AnnotationSet(categories=(Category("else"),))
    state = with_annotations(begun, found, with_labels(found, found.read(), pictures[0], LABELS))
    one, three = tmp_path / "one.cvstudio", tmp_path / "three.cvstudio"
    save_project(one, state)
    state = with_copy(with_copy(with_copy(state, 7, lambda: 8), 8, lambda: 9), 9, lambda: 10)
    layer = next(item for item in state.instances if item.id == 9)
    slot = next(name for name, bound in layer.bindings.items() if isinstance(bound, AnnotationSet))
    state = replace_instance(state, layer.with_binding(slot, other))
    save_project(three, state)
    saved = json.loads(three.read_text())
    assert json.dumps(saved).count('"edits"') == 1
    # The lowest that holds it, so that older programs read what they can.
    assert (json.loads(one.read_text())["version"], saved["version"]) == (4, 6)
    for path, expected in ((one, (7,)), (three, (7, 8, 9, 10))):
        again, _ = load_project(path)
        assert tuple(item.id for item in again.instances) == expected
        for item in again.instances:
            (before,) = (layer for layer in state.instances if layer.id == item.id)
            assert item.bindings == before.bindings
    held = [annotations_of(item) for item in again.instances if item.id != 9]
    assert all(item is held[0] for item in held), "thousands of labels are in memory once, too"
    saved["labels"] = []
    three.write_text(json.dumps(saved))
    with pytest.raises(ProjectError, match="is damaged"):
        load_project(three)


def test_a_name_has_as_many_folders_as_it_takes() -> None:
    taken = LabelledSet(None, "", (), ("c.png", "b/c.png"), {}, lambda name: PictureLabels())
    assert new_name({*taken.names, *taken.pictures}, Path("/a/b/d.png")) == "d.png"
    assert new_name({*taken.names, *taken.pictures}, Path("/a/b/c.png")) == "a/b/c.png"


def test_classes_of_the_file_and_added_ones_are_renamed() -> None:
    file = LabelledSet(None, "", (Category("a", file_id=4), Category("b")), (), {}, lambda name: PictureLabels())
    found = AnnotationSet(categories=(Category("c", supercategory="letter"),))
    for number, name in ((0, "x"), (2, "z"), (0, "y")):
        found = with_category_renamed(found, found.with_edits(file), number, name)
    after = found.with_edits(file).categories
    assert after == (Category("y", file_id=4), Category("b"), Category("z", supercategory="letter"))
    assert found.key(None) != AnnotationSet(categories=(Category("z", supercategory="letter"),)).key(None)
    saved = annotations_to_json(found, Path("/"))
    assert annotations_from_json(saved, Path("/")) == found


# The file of the labels changes between two sessions ----------------------------------------------------------------


def voc(folder: Path, stem: str, *names: str) -> None:
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{n}</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object>"
        for n, name in enumerate(names, 1)
    )
    text = f"<annotation><filename>{stem}.png</filename>{boxes}</annotation>"
    (folder / f"{stem}.xml").write_text(text, encoding="utf-8")
    Pillow.new("RGB", (20, 10)).save(folder / f"{stem}.png")


@pytest.fixture
def voc_set(tmp_path: Path) -> Path:
    folder = tmp_path / "voc"
    folder.mkdir()
    voc(folder, "one", "car", "cat")
    voc(folder, "two", "dog")
    return folder


def relabelled(folder: Path, name: str) -> AnnotationSet:
    """The set at `folder`, in which the first object of the first picture was given another class."""
    found = open_annotations(folder)
    labelled = found.read()
    labels = labelled.labels("one.png")
    number = [item.name for item in labelled.categories].index(name)
    first = dataclasses.replace(labels.annotations[0], category=number)
    changed = dataclasses.replace(labels, annotations=(first, *labels.annotations[1:]))
    return with_labels(found, labelled, open_media(folder / "one.png"), changed)


def reopened(annotations: AnnotationSet, *, without: tuple[str, ...] = ()) -> AnnotationSet:
    saved = annotations_to_json(annotations, Path("/"))
    return annotations_from_json({key: value for key, value in saved.items() if key not in without}, Path("/"))


def classes_of(labelled: LabelledSet, name: str) -> list[str]:
    return [labelled.categories[item.category].name for item in labelled.labels(name).annotations]


def test_an_edited_label_keeps_its_class_when_the_file_has_one_more(voc_set: Path) -> None:
    edited = relabelled(voc_set, "dog")
    voc(voc_set, "three", "bus")
    again = reopened(edited)
    labelled = again.read()
    assert [item.name for item in labelled.categories] == ["bus", "car", "cat", "dog"]
    assert classes_of(labelled, "one.png") == ["dog", "cat"]
    # What is edited next is counted as the file is now.
    bus = PictureLabels(Size(20, 10), (Annotation(0, (1, 1, 5, 5)),))
    further = reopened(with_labels(again, labelled, open_media(voc_set / "two.png"), bus)).read()
    assert classes_of(further, "two.png") == ["bus"]
    assert classes_of(further, "one.png") == ["dog", "cat"]


def test_a_class_of_an_edited_label_that_is_gone_from_the_file_is_an_added_one(voc_set: Path) -> None:
    edited = relabelled(voc_set, "dog")
    labelled = edited.read()
    edited = with_category_added(edited, labelled, Category("cow"))
    edited = with_category_renamed(edited, edited.read(), 1, "kitten")
    (voc_set / "two.xml").unlink()
    voc(voc_set, "one", "car")
    again = reopened(edited)
    labelled = again.read()
    assert [item.name for item in labelled.categories] == ["car", "kitten", "dog", "cow"]
    assert classes_of(labelled, "one.png") == ["dog", "kitten"]
    renamed = with_category_renamed(again, labelled, 2, "wolf").read()
    assert classes_of(renamed, "one.png") == ["wolf", "kitten"]


def test_an_added_class_that_the_file_has_by_now_is_that_of_the_file(voc_set: Path) -> None:
    found = open_annotations(voc_set)
    edited = with_category_added(found, found.read(), Category("bus"))
    bus = PictureLabels(
        Size(20, 10), (Annotation(3, (1, 1, 5, 5)),), (3, 2), LabelMap(np.array([[-1, 3, 0]], np.int32))
    )
    edited = with_labels(edited, edited.read(), open_media(voc_set / "one.png"), bus)
    voc(voc_set, "three", "bus")
    labelled = reopened(edited).read()
    labels = labelled.labels("one.png")
    assert [item.name for item in labelled.categories] == ["bus", "car", "cat", "dog"]
    assert (labels.annotations[0].category, labels.classes) == (0, (0, 3))
    assert labels.label_map == LabelMap(np.array([[-1, 0, 1]], np.int32))


def test_a_project_without_the_names_of_the_classes_says_which_number_there_is_no_class_for(voc_set: Path) -> None:
    edited = relabelled(voc_set, "dog")
    assert classes_of(reopened(edited, without=("classes",)).read(), "one.png") == ["dog", "cat"]
    (voc_set / "two.xml").unlink()
    old = reopened(edited, without=("classes",))
    labelled = old.read()
    sentence = r"The edited labels of 'one.png' name the class number 2, but there are 2: .* open it anew\."
    with pytest.raises(MediaError, match=sentence):
        labelled.labels("one.png")
    # Another picture is edited none the less, and no class takes the number over.
    further = with_labels(old, labelled, open_media(voc_set / "two.png"), LABELS)
    voc(voc_set, "two", "dog")
    voc(voc_set, "three", "bus")
    with pytest.raises(MediaError, match="number 4, but there are 4"):
        reopened(further).read().labels("one.png")
    assert classes_of(reopened(further).read(), "two.png") == ["car"]
