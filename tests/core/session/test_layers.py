"""The stack of layers: what switches, what stacks, what follows to the next picture, and what a file shows."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Emphasis, Look, Stack, faded, render
from cvstudio.foundation.errors import ParamsError, UserError
from cvstudio.media import Media, open_media
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.running.composition import is_plain
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe, load_stack, make_recipe
from cvstudio.running.runner import Runner
from cvstudio.session.layers import (
    layers_on,
    visible_layers,
    with_copy,
    with_layer,
    with_opacity,
    with_order,
    without_layer,
)
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State, replace_instance
from cvstudio.session.transitions import with_active, with_analysis

DETECT, CLASSIFY = ANALYSES["detect"], ANALYSES["classify"]


def picture(folder: Path, name: str) -> Media:
    path = folder / name
    Pillow.fromarray(np.full((32, 48, 3), len(name) * 20, np.uint8)).save(path)
    return open_media(path)


@pytest.fixture
def count() -> object:
    return itertools.count(1).__next__


@pytest.fixture
def first(tmp_path, count) -> State:
    """A picture that opened with detection."""
    media = picture(tmp_path, "a.png")
    return with_active(State((media,)), media, count)


def visible(state: State) -> list[str]:
    return [item.analysis for item in state.instances if item.visible]


def test_choosing_another_analysis_switches(first, count):
    state = with_analysis(first, CLASSIFY, count)
    assert visible(state) == ["classify"]
    assert visible(with_analysis(state, DETECT, count)) == ["detect"]


def test_adding_one_stacks_and_shows_its_controls(first, count):
    state = with_layer(first, CLASSIFY, count)
    assert visible(state) == ["detect", "classify"]
    assert state.instance.analysis == "classify"
    assert state.instance.bindings["picture"] == first.active_media


def test_choosing_what_lies_there_already_only_shows_its_controls(first, count):
    state = with_analysis(with_layer(first, CLASSIFY, count), DETECT, count)
    assert visible(state) == ["detect", "classify"]
    assert state.instance.analysis == "detect"


def test_switching_takes_the_place_of_the_current_layer_alone(first, count):
    state = with_layer(first, DETECT, count)
    state = with_analysis(state, CLASSIFY, count)
    assert [(item.analysis, item.visible) for item in state.instances] == [
        ("detect", True),
        ("detect", False),
        ("classify", True),
    ]


@pytest.mark.parametrize("key", ["grad-cam", "knn"])
def test_the_model_stays_where_one_goes_on_to_another_analysis(first, count, key, tmp_path):
    state = with_analysis(first, CLASSIFY, count)
    chosen = dataclasses.replace(
        state.instance, model="squeezenet1-1", weights=tmp_path / "mine.pth", values={"temperature": 2.0}
    )
    state = replace_instance(state, chosen)
    on = with_analysis(state, ANALYSES[key], count)
    assert (on.instance.analysis, on.instance.model, on.instance.weights) == (key, chosen.model, chosen.weights)
    on.instance.params()
    layer = with_layer(state, ANALYSES[key], count).instance
    assert (layer.analysis, layer.model, layer.weights) == (key, chosen.model, chosen.weights)
    # And back again, with another one than it had before.
    other = dataclasses.replace(on.instance, model="resnet18", weights=None)
    back = with_analysis(replace_instance(on, other), CLASSIFY, count)
    assert (back.instance.model, back.instance.weights) == ("resnet18", None)
    assert back.instance.values == {"temperature": 2.0}
    # A detector is no classifier.
    assert with_analysis(back, DETECT, count).instance.model == first.instance.model


def test_a_layer_that_is_seen_keeps_its_own_model(first, count):
    state = with_layer(with_analysis(first, CLASSIFY, count), ANALYSES["grad-cam"], count)
    state = replace_instance(state, dataclasses.replace(state.instance, model="squeezenet1-1"))
    assert with_analysis(state, CLASSIFY, count).instance.model == CLASSIFY.first_model


def test_a_computed_picture_goes_beneath_what_annotates_it(first, count):
    state = with_layer(first, ANALYSES["refocus"], count)
    assert [item.analysis for item in state.instances] == ["refocus", "detect"]


def test_a_stack_follows_to_the_next_picture_and_comes_back_after_a_sound(first, count, tmp_path):
    from cvstudio.media.examples.files import sample_path

    stack = with_layer(first, CLASSIFY, count)
    other = picture(tmp_path, "other.png")
    state = with_active(stack, other, count)
    assert {item.bindings["picture"].id for item in state.instances} == {other.id}
    assert [item.analysis for item in layers_on(state)] == ["detect", "classify"]
    sound = open_media(sample_path("dialogue"))
    heard = with_active(state, sound, count)
    assert [item.analysis for item in layers_on(heard)] == ["spectrogram"]
    back = with_active(heard, other, count)
    assert [item.analysis for item in layers_on(back) if item.visible] == ["detect", "classify"]
    assert back.instance.analysis == "classify"


def test_a_depth_map_stays_with_its_picture(first, count, tmp_path):
    refocus = with_layer(first, ANALYSES["refocus"], count)
    number = refocus.current
    state = dataclasses.replace(refocus, current=first.current)
    state = with_active(state, picture(tmp_path, "other.png"), count)
    assert number not in {item.id for item in layers_on(state)}


def test_order_opacity_copy_and_removal(first, count):
    state = with_layer(first, CLASSIFY, count)
    low, high = (item.id for item in state.instances)
    assert [item.id for item in with_order(state, (high, low)).instances] == [high, low]
    assert with_opacity(state, low, 0.25).instances[0].opacity == 0.25
    for wrong in (-0.1, 1.5, "much"):
        with pytest.raises(ParamsError):
            with_opacity(state, low, wrong)
    copied = with_copy(with_opacity(state, low, 0.25), low, count)
    assert [item.analysis for item in copied.instances] == ["detect", "detect", "classify"]
    assert (copied.instances[1].opacity, copied.current) == (0.25, copied.instances[1].id)
    left = without_layer(state, high)
    assert (visible(left), left.current) == (["detect"], low)
    assert without_layer(left, low).instance is None


def test_moving_layers_leaves_those_of_other_media_where_they_are(first, count, tmp_path):
    state = with_layer(first, CLASSIFY, count)
    strange = AnalysisInstance(99, "detect", {"picture": picture(tmp_path, "strange.png")}, "hog")
    low, high = state.instances
    state = dataclasses.replace(state, instances=(low, strange, high))
    assert [item.id for item in with_order(state, (high.id, low.id)).instances] == [high.id, 99, low.id]


def test_a_file_shows_the_visible_layers(first, count):
    state = with_layer(first, CLASSIFY, count)
    low, high = state.instances
    assert visible_layers(state) == (low, high)
    hidden = dataclasses.replace(high, visible=False)
    assert visible_layers(replace_instance(state, hidden)) == (low,)
    none = replace_instance(replace_instance(state, hidden), dataclasses.replace(low, visible=False))
    assert visible_layers(none) == (hidden,)
    assert is_plain(low, (low,))
    assert not is_plain(low, (low, high))
    assert not is_plain(low, (dataclasses.replace(low, opacity=0.5),))


def test_a_project_keeps_order_opacity_and_visibility(first, count, tmp_path):
    state = with_opacity(with_layer(first, CLASSIFY, count), first.current, 0.35)
    state = with_order(state, [item.id for item in reversed(state.instances)])
    save_project(tmp_path / "p.cvstudio", state)
    assert load_project(tmp_path / "p.cvstudio")[0] == state


def test_a_recipe_tells_the_whole_stack_and_an_older_one_has_none(first, count, tmp_path):
    state = with_opacity(with_layer(first, CLASSIFY, count), first.current, 0.35)
    path = tmp_path / "r.recipe.json"
    recipe = make_recipe(state.instance, tmp_path, pts=None, look={}, stack=visible_layers(state))
    path.write_text(json.dumps(recipe), encoding="utf-8")
    assert [(item.analysis, item.opacity) for item in load_stack(path)] == [("detect", 0.35), ("classify", 1.0)]
    assert load_recipe(path)[0].analysis == "classify"
    del recipe["stack"], recipe["opacity"]
    path.write_text(json.dumps(recipe), encoding="utf-8")
    assert load_stack(path) == ()
    assert load_recipe(path)[0].opacity == 1.0
    recipe["opacity"] = 3
    path.write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(UserError, match="Opacity"):
        load_recipe(path)


# Drawing ------------------------------------------------------------------------------------------------------------

SIZE = Size(40, 30)


def flat(value: int) -> Picture:
    return Picture(np.full((30, 40, 3), value, np.uint8), Rect(0, 0, 40, 30), 1.0, SIZE)


def test_opacities_multiply_as_worked_out_by_hand():
    base = Image(np.zeros((30, 40, 3), np.uint8))
    stack = Stack(((flat(200), 0.5), (flat(100), 0.5)))
    drawn = render(base, [(stack, Look())], View.whole(SIZE))
    # 0 under 200 at one half is 100; 100 at one half over it stays 100.
    assert (drawn == 100).all()
    drawn = render(base, [(stack, Look(opacity=0.5))], View.whole(SIZE))
    # A quarter of 200 is 50; three quarters of 50 and a quarter of 100 are 62.5.
    assert (np.abs(drawn.astype(int) - 62) <= 1).all()
    assert (render(base, [(flat(200), faded(Look(), 0.25))], View.whole(SIZE)) == 50).all()


def boxes(number: int) -> Detections:
    return Detections(
        np.array([[5, 5, 30, 20]], np.float32),
        np.array([0.9], np.float32),
        np.array([0], np.int64),
        ("thing",),
        np.array([number], np.int64),
        SIZE,
    )


def test_what_is_chosen_in_one_layer_is_not_chosen_in_another():
    base = Image(np.zeros((30, 40, 3), np.uint8))
    look = Look(show_labels=False, show_scores=False)
    layers = [(boxes(7), look), (flat(10), faded(look, 0.0))]

    def drawn(layer: int | None) -> np.ndarray:
        return render(base, layers, View.whole(SIZE), emphasis=Emphasis(frozenset({7}), layer=layer))

    plain = render(base, layers, View.whole(SIZE))
    assert np.array_equal(drawn(1), plain)
    assert not np.array_equal(drawn(0), plain)
    assert np.array_equal(drawn(0), drawn(None))


def test_a_recipe_of_a_stack_makes_the_same_picture_again(count, tmp_path, capsys):
    from cvstudio.cli.main import main
    from cvstudio.exporters import EXPORTERS, export
    from cvstudio.foundation.progress import Progress
    from cvstudio.media.examples.files import sample_path
    from cvstudio.running.composition import with_stack

    media = open_media(sample_path("astronaut"))
    first = with_active(State((media,)), media, count)
    state = with_opacity(with_layer(first, DETECT, count), first.current, 0.5)
    for item, model in zip(state.instances, ("haar-face", "hog"), strict=True):
        state = replace_instance(state, dataclasses.replace(item, model=model))
    instance, stack = state.instance, visible_layers(state)
    with Runner(device="cpu") as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
        item = with_stack(runner, item, instance, stack, Progress(), pts=None)
        item = dataclasses.replace(item, recipe=make_recipe(instance, tmp_path, pts=None, look={}, stack=stack))
        export(EXPORTERS["png"], tmp_path / "s.png", item, Progress())
    assert main(["run", "--recipe", str(tmp_path / "s.png.recipe.json"), "-o", str(tmp_path / "again.png"), "-q"]) == 0
    capsys.readouterr()
    one, two = (np.asarray(Pillow.open(tmp_path / name)) for name in ("s.png", "again.png"))
    assert np.array_equal(one, two)
    with Runner(device="cpu") as runner:
        faces, people = (runner.result(layer) for layer in stack)
    assert len(faces)
    picture = Image(np.asarray(Pillow.open(media.path).convert("RGB")))
    layers = [(faces, Look(opacity=0.5)), (people, Look())]
    assert np.array_equal(one, render(picture, layers, View.whole(picture.size)))
    assert len(load_stack(tmp_path / "again.png.recipe.json")) == 2


def test_a_stacked_video_holds_every_layer_of_every_frame(count, tmp_path):
    import av

    from cvstudio.exporters import EXPORTERS, ExportItem, export
    from cvstudio.foundation.progress import Progress
    from cvstudio.running.composition import stacked_frames

    source = tmp_path / "clip.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(5):
            pixels = np.full((240, 320, 3), 200 - 10 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    media = open_media(source)
    state = with_layer(with_active(State((media,)), media, count), CLASSIFY, count)
    with Runner(device="cpu") as runner:
        walked = list(stacked_frames(runner, state.instances, Progress()))
        assert [round(frame.pts, 3) for frame, _ in walked] == [0.0, 0.1, 0.2, 0.3, 0.4]
        for frame, stack in walked:
            assert [type(result).__name__ for result, _ in stack.layers] == ["Detections", "Classification"]
            assert {result.source.pts for result, _ in stack.layers} == {frame.pts}
        item = ExportItem(media, None, None, {}, {}, frames=iter(walked))
        export(EXPORTERS["mp4"], tmp_path / "out.mp4", item, Progress())
    with av.open(str(tmp_path / "out.mp4")) as container:
        written = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    wanted = [render(frame, [(stack, Look())], View.whole(frame.size)).astype(int) for frame, stack in walked]
    assert len(written) == 5
    for one, two in zip(written, wanted, strict=True):
        assert np.abs(one - two).mean() < 4
        # The classifier's card darkens its corner.
        assert one[14:40, 14:40].mean() < 120 < one[-40:, -40:].mean()
