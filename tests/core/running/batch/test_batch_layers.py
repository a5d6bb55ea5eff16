"""What a batch writes looks as it is shown: layers with their opacities, and formats with their options."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.cli.main import main
from cvstudio.data.geometry import View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, Stack, render
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.recipe import make_recipe
from cvstudio.running.runner import Runner, make_instance

LOOK = {"line_width": 6}


@pytest.fixture
def face() -> np.ndarray:
    with Pillow.open(sample_path("astronaut")) as portrait:
        # Soft and grey, so that encoding it changes next to nothing.
        soft = portrait.convert("L").resize((256, 256)).filter(ImageFilter.GaussianBlur(1.5))
        return np.asarray(soft.convert("RGB"))


@pytest.fixture
def folder(tmp_path: Path, face: np.ndarray) -> Path:
    """A picture and a video of a face."""
    made = tmp_path / "faces"
    made.mkdir()
    Pillow.fromarray(face).save(made / "one.png")
    with av.open(str(made / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv444p"
        for number in range(3):
            pixels = np.roll(face, number * 4, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return made


def layers(folder: Path, *opacities: float) -> tuple[AnalysisInstance, ...]:
    """A face detector and, on it, a classifier. Without identities a frame looks as it does by itself."""
    faces = make_instance("detect", {"picture": folder / "one.png"}, model="haar-face", values={"track": False})
    names = make_instance("classify", {"picture": folder / "one.png"})
    one, two = opacities
    return dataclasses.replace(faces, opacity=one), dataclasses.replace(names, id=2, opacity=two)


def run(plan: BatchPlan) -> Batch:
    batch = Batch(plan, device="cpu")
    states = {outcome.state for outcome in batch.run(Progress())}
    assert states == {"done"}
    return batch


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def assert_near(frame: np.ndarray, wanted: np.ndarray) -> None:
    """Equal but for what encoding costs: colour has half the pixels, brightness has all."""
    one, two = (np.asarray(Pillow.fromarray(pixels).convert("L"), int) for pixels in (frame, wanted))
    change = np.abs(one - two)
    assert change.mean() < 2
    assert (change > 32).mean() < 0.0005


def drawn(file: Path, shown: list[tuple[AnalysisInstance, float]], *, pts: float | None = None) -> np.ndarray:
    """The picture or frame as every layer by itself says that it looks."""
    with Runner(device="cpu") as runner:
        found = []
        for layer, opacity in shown:
            alone = make_instance(layer.analysis, {"picture": file}, model=layer.model)
            found.append((runner.result(alone, pts=pts), opacity))
            base = runner.samples(alone, pts)["picture"]
        assert isinstance(base, Image)
        assert all(len(result) for result, _ in found)
        return render(base, [(Stack(tuple(found)), Look(**LOOK))], View.whole(base.size))


def test_pictures_and_videos_of_a_batch_look_as_they_are_shown(folder, tmp_path):
    faces, names = layers(folder, 0.35, 0.6)
    out = tmp_path / "out"
    run(BatchPlan(faces, (folder,), out, ("png", "mp4", "json"), look=LOOK, stack=(faces, names)))
    shown = [(faces, 0.35), (names, 0.6)]
    one = np.asarray(Pillow.open(out / "png" / "one.png"))
    assert np.array_equal(one, drawn(folder / "one.png", shown))
    frames = frames_of(out / "mp4" / "clip.mp4")
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        assert_near(frame, drawn(folder / "clip.mp4", shown, pts=number / 10))
    # What holds data holds the result of the analysis itself.
    for name in ("one", "clip"):
        assert json.loads((out / "json" / f"{name}.json").read_text())["format"] == "cvstudio-detections"


@pytest.mark.parametrize("opacity", [0.0, 0.3])
def test_a_single_layer_of_a_video_keeps_its_opacity(opacity, folder, tmp_path):
    faces, _ = layers(folder, opacity, 1.0)
    run(BatchPlan(faces, (folder / "clip.mp4",), tmp_path / "out", ("mp4",), look=LOOK))
    frames = frames_of(tmp_path / "out" / "mp4" / "clip.mp4")
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        assert_near(frame, drawn(folder / "clip.mp4", [(faces, opacity)], pts=number / 10))
    opaque = drawn(folder / "clip.mp4", [(faces, 1.0)], pts=0.0)
    with pytest.raises(AssertionError):
        assert_near(frames[0], opaque)


def test_a_layer_that_is_hidden_is_not_drawn_and_its_data_is_written(folder, tmp_path):
    faces, names = layers(folder, 1.0, 0.8)
    out = tmp_path / "out"
    run(BatchPlan(faces, (folder,), out, ("png", "mp4", "coco"), look=LOOK, stack=(names,)))
    one = np.asarray(Pillow.open(out / "png" / "one.png"))
    assert np.array_equal(one, drawn(folder / "one.png", [(names, 0.8)]))
    assert_near(frames_of(out / "mp4" / "clip.mp4")[0], drawn(folder / "clip.mp4", [(names, 0.8)], pts=0.0))
    told = json.loads((out / "detect.coco.json").read_text())
    assert len(told["images"]) == 4
    assert {entry["image_id"] for entry in told["annotations"]} == {1, 2, 3, 4}


def test_a_layer_with_an_input_of_its_own_stays_with_its_picture(folder, tmp_path):
    faces, _ = layers(folder, 1.0, 1.0)
    scene, depth = sample_path("scene"), sample_path("scene-depth")
    refocus = make_instance("refocus", {"picture": scene, "depth": depth})
    plan = BatchPlan(faces, (folder / "one.png",), tmp_path / "out", ("png",), stack=(refocus, faces))
    run(plan)
    assert [layer.analysis for layer in plan.layers] == ["detect"]


def test_other_layers_begin_the_batch_anew(folder, tmp_path):
    faces, names = layers(folder, 1.0, 1.0)
    plan = BatchPlan(faces, (folder / "one.png",), tmp_path / "out", ("png",), stack=(faces,))
    run(plan)
    assert not run(plan).restarted
    # One layer that is fully opaque is what is drawn without any.
    assert not run(dataclasses.replace(plan, stack=())).restarted
    assert run(dataclasses.replace(plan, stack=(faces, names))).restarted
    assert run(dataclasses.replace(plan, stack=(faces, dataclasses.replace(names, opacity=0.5)))).restarted


def test_a_recipe_of_one_faded_layer_draws_it_faded(folder, tmp_path, capsys):
    faces, _ = layers(folder, 0.4, 1.0)
    told = make_recipe(faces, tmp_path, pts=None, look=LOOK)
    (tmp_path / "data.recipe.json").write_text(json.dumps(told))
    out = tmp_path / "again.png"
    assert main(["run", "--recipe", str(tmp_path / "data.recipe.json"), "-o", str(out), "-q", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert np.array_equal(np.asarray(Pillow.open(out)), drawn(folder / "one.png", [(faces, 0.4)]))


def test_options_of_each_format_are_used_and_kept_in_the_queue(folder, tmp_path):
    faces, _ = layers(folder, 1.0, 1.0)
    options = {"yolo": {"scores": True}, "voc": {}}
    plan = BatchPlan(faces, (folder / "one.png",), tmp_path / "out", ("yolo", "voc"), options)
    run(plan)
    label = next((tmp_path / "out" / "yolo" / "labels").rglob("*.txt")).read_text().splitlines()
    assert {len(line.split()) for line in label} == {6}
    head = json.loads((tmp_path / "out" / ".batch" / "queue.jsonl").read_text().splitlines()[0])
    assert head["recipe"]["options"]["yolo"]["scores"] is True
    # What is as it is declared need not be named to be the same.
    assert not run(dataclasses.replace(plan, options={"yolo": {"scores": True}})).restarted
    batch = run(dataclasses.replace(plan, options={}))
    assert batch.restarted
    label = next((tmp_path / "out" / "yolo" / "labels").rglob("*.txt")).read_text().splitlines()
    assert {len(line.split()) for line in label} == {5}


def test_an_option_that_is_not_allowed_stops_before_anything_is_written(folder, tmp_path):
    faces, _ = layers(folder, 1.0, 1.0)
    plan = BatchPlan(faces, (folder,), tmp_path / "out", ("coco",), {"coco": {"masks": "outlines"}})
    with pytest.raises(ParamsError, match="Masks expects one of run lengths"):
        list(Batch(plan).run(Progress()))
    assert not (tmp_path / "out").exists()
