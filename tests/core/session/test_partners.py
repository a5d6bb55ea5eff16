"""A picture and its depth map find each other, whichever was opened first."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.data.geometry import Size
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.session.browsing import with_opened
from cvstudio.session.layers import with_layer
from cvstudio.session.partners import NAME, NOT, SIZE, first_shown, kinship
from cvstudio.session.session import State, replace_instance
from cvstudio.session.transitions import with_active, with_analysis

REFOCUS = ANALYSES["refocus"]


def medium(name: str, kind: MediaKind = MediaKind.IMAGE, size: tuple[int, int] = (640, 480)) -> Media:
    return Media(f"id-{name}-{kind}", Path("/set") / name, kind, Size(*size))


PICTURE = medium("scene.jpg")
DEPTH = medium("scene-depth.png", MediaKind.DEPTH, (320, 240))
OTHER = medium("cat.jpg", size=(500, 500))
SAME_SIZE = medium("d17.png", MediaKind.DEPTH)
"""By its size it may belong to the picture, by its name to nothing."""


def opened(*media: Media, together: bool = False) -> State:
    """The session after files were opened one after the other, or in one go."""
    ids = itertools.count(1).__next__
    state = State()
    if together:
        return with_active(with_opened(state, media), media[0], ids)
    for item in media:
        state = with_active(with_opened(state, (item,)), item, ids)
    return state


def names(state: State) -> dict[str, str]:
    assert state.instance is not None
    return {slot: bound.name for slot, bound in sorted(state.instance.bindings.items())}


def refocused(state: State) -> State:
    return with_analysis(state, REFOCUS, itertools.count(100).__next__)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations((PICTURE, DEPTH, OTHER))))
def test_a_depth_map_joins_its_picture_in_any_order(order, together):
    state = opened(*order, together=together)
    if together or state.instance.analysis != "refocus":
        state = refocused(state)
    if state.active == OTHER.id:
        # The user looks at another picture: nothing belongs to that.
        assert names(state).get("picture") in ("cat.jpg", None)
        state = refocused(with_active(state, PICTURE, itertools.count(200).__next__))
    assert names(state) == {"depth": "scene-depth.png", "picture": "scene.jpg"}
    assert state.active == PICTURE.id


@pytest.mark.parametrize("analysis", ["detect", "refocus"])
@pytest.mark.parametrize(
    "dropped", [DEPTH, SAME_SIZE, medium("scene.depth.png", MediaKind.DEPTH, (1280, 960))], ids=lambda media: media.name
)
def test_a_dropped_depth_map_brings_its_own_picture(dropped, analysis):
    """The picture that is looked at has the same ratio, and nothing else in common with the depth map."""
    ids = itertools.count(50).__next__
    looked_at = medium("cat.jpg", size=(320, 240) if dropped is not DEPTH else (160, 120))
    state = opened(PICTURE, looked_at)
    state = with_analysis(state, ANALYSES[analysis], ids)
    assert state.active == looked_at.id
    state = with_active(with_opened(state, (dropped,)), dropped, ids)
    assert names(state) == {"depth": dropped.name, "picture": "scene.jpg"}
    assert state.active == PICTURE.id


def test_a_dropped_depth_map_that_belongs_to_none_goes_with_the_picture_that_is_looked_at():
    looked_at = medium("cat.jpg", size=(320, 240))
    state = opened(PICTURE, looked_at, medium("other.png", MediaKind.DEPTH, (1280, 960)))
    assert names(state) == {"depth": "other.png", "picture": "cat.jpg"}
    assert state.active == looked_at.id
    # By its size it may belong to both.
    state = opened(PICTURE, medium("dog.jpg"), SAME_SIZE)
    assert names(state) == {"depth": "d17.png", "picture": "dog.jpg"}


def test_a_dropped_depth_map_is_used_even_where_another_one_fits_better():
    state = opened(PICTURE, DEPTH)
    assert names(state) == {"depth": "scene-depth.png", "picture": "scene.jpg"}
    state = with_active(with_opened(state, (SAME_SIZE,)), SAME_SIZE, itertools.count(50).__next__)
    assert names(state) == {"depth": "d17.png", "picture": "scene.jpg"}


def test_a_depth_map_opened_beside_a_mesh_is_shown():
    mesh = Media("mesh", Path("/set/spot.obj"), MediaKind.GEOMETRY)
    state = opened(mesh, DEPTH)
    assert state.active == DEPTH.id
    assert names(state) == {"depth": "scene-depth.png"}
    # A picture can lie under the result, and stays.
    assert opened(PICTURE, DEPTH).active == PICTURE.id


@pytest.mark.parametrize("order", [(PICTURE, SAME_SIZE), (SAME_SIZE, PICTURE), (OTHER, PICTURE, SAME_SIZE)])
def test_the_size_counts_where_no_name_does(order):
    assert names(refocused(opened(*order))) == {"depth": "d17.png", "picture": "scene.jpg"}


def test_the_name_counts_more_than_the_size():
    for order in itertools.permutations((PICTURE, SAME_SIZE, DEPTH)):
        assert names(refocused(opened(*order, together=True)))["depth"] == "scene-depth.png"


def test_what_belongs_to_another_picture_by_name_is_not_taken():
    other, others_depth = medium("b.jpg"), medium("b_depth.png", MediaKind.DEPTH)
    state = refocused(opened(PICTURE, other, others_depth, together=True))
    assert names(state) == {"picture": "scene.jpg"}


def test_a_wrong_shape_never_belongs():
    flat = medium("scene.depth.png", MediaKind.DEPTH, (640, 100))
    assert names(refocused(opened(PICTURE, flat, together=True))) == {"picture": "scene.jpg"}


def test_the_next_picture_takes_its_own_depth_map():
    ids = itertools.count(50).__next__
    pairs = [(medium(f"f{n}.color.jpg"), medium(f"f{n}.depth.png", MediaKind.DEPTH)) for n in range(3)]
    state = refocused(opened(*itertools.chain(*pairs), together=True))
    for picture, depth in (*pairs, pairs[0]):
        state = with_active(state, picture, ids)
        assert names(state) == {"depth": depth.name, "picture": picture.name}


def test_what_the_user_chose_stays_where_nothing_fits_better():
    state = refocused(opened(PICTURE, SAME_SIZE, together=True))
    chosen = medium("mine.png", MediaKind.DEPTH)
    state = with_opened(state, (chosen,))
    state = replace_instance(state, state.instance.with_binding("depth", chosen))
    assert names(refocused(state))["depth"] == "mine.png"


def test_a_depth_map_of_another_shape_does_not_spoil_the_next_picture():
    """A photograph that is opened after a depth map: the two can only fail together."""
    state = opened(SAME_SIZE, OTHER)
    assert state.active == OTHER.id
    assert names(refocused(state)) == {"picture": "cat.jpg"}
    assert names(with_active(refocused(state), PICTURE, itertools.count(9).__next__)) == {
        "depth": "d17.png",
        "picture": "scene.jpg",
    }


def test_a_depth_map_does_not_lie_under_a_picture_that_is_not_shown():
    sound = Media("sound", Path("/set/a.wav"), MediaKind.AUDIO)
    tall = medium("tall.png", MediaKind.DEPTH, (200, 900))
    state = opened(PICTURE, SAME_SIZE, sound, tall)
    assert state.active == tall.id
    assert names(state) == {"depth": "tall.png"}
    # One that fits brings its picture back.
    state = opened(PICTURE, SAME_SIZE, sound, medium("d18.png", MediaKind.DEPTH))
    assert state.active == PICTURE.id
    assert names(state) == {"depth": "d18.png", "picture": "scene.jpg"}


def test_a_layer_begins_with_the_depth_map_too():
    state = with_layer(opened(PICTURE, DEPTH, together=True), REFOCUS, itertools.count(9).__next__)
    assert names(state) == {"depth": "scene-depth.png", "picture": "scene.jpg"}


def test_real_frames_of_a_depth_camera(data):
    for number in (0, 6):
        color, depth = (open_media(data("rgbd", f"frame-{number:06d}.{kind}")) for kind in ("color.jpg", "depth.png"))
        assert depth.kind is MediaKind.DEPTH
        assert kinship(color, depth) == NAME
    assert kinship(PICTURE, OTHER) == NOT
    assert kinship(PICTURE, SAME_SIZE) == SIZE


def test_of_many_files_an_unrelated_depth_map_is_not_the_first_that_is_shown():
    """It would make refocusing the analysis of pictures that have nothing to do with it."""
    others = OTHER, medium("dog.jpg"), medium("bird.jpg")
    assert first_shown((SAME_SIZE, *others)) == OTHER
    assert first_shown((DEPTH, *others, PICTURE)) == DEPTH
    assert first_shown((SAME_SIZE, PICTURE)) == SAME_SIZE
    assert first_shown((SAME_SIZE, DEPTH, medium("a-depth.png", MediaKind.DEPTH))) == SAME_SIZE
    assert first_shown((*others, SAME_SIZE)) == OTHER
