from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import new_name
from cvstudio.data.labels import Annotation, Category, LabelledSet, PictureLabels
from cvstudio.media import Media, open_media
from cvstudio.running.recipe import annotations_from_json, annotations_to_json
from cvstudio.session.label_edits import (
    annotations_of,
    truth_layer,
    with_annotations,
    with_category_renamed,
    with_labels,
    with_new_labels,
)
from cvstudio.session.layers import with_copy
from cvstudio.session.session import State, activate, add_media

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
