from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.cli.main import main
from cvstudio.foundation.errors import Cancelled, ExportError, ParamsError, WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from cvstudio.running.batch import REPORT, Batch, BatchError, BatchPlan, Outcome
from cvstudio.running.batch.plan import names_of
from cvstudio.running.batch.queue import BatchQueue
from cvstudio.running.batch.sources import find_files
from cvstudio.running.runner import Runner, make_instance

ROOT = Path(__file__).parents[4]
COUNT = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, a broken one, a text and a sound."""
    made = tmp_path / "사진 folder"
    (made / "sub").mkdir(parents=True)
    with Pillow.open(sample_path("astronaut")) as portrait:
        face = portrait.convert("RGB").resize((256, 256))
    for number in range(COUNT):
        pixels = np.roll(np.asarray(face), number * 4, axis=1)
        Pillow.fromarray(pixels).save((made / "sub" if number > 3 else made) / f"{number}.png")
    broken = (made / "0.png").read_bytes()
    (made / "broken.png").write_bytes(broken[: len(broken) // 2])
    (made / "notes.txt").write_text("not a picture")
    shutil.copy(sample_path("voice-a"), made / "sound.wav")
    return made


@pytest.fixture
def plan(folder: Path, tmp_path: Path) -> BatchPlan:
    instance = make_instance("detect", {"picture": folder / "0.png"}, model="haar-face")
    return BatchPlan(instance, (folder,), tmp_path / "out", ("coco", "csv", "json"))


def run(plan: BatchPlan, **more: Any) -> tuple[Batch, list[Outcome]]:
    batch = Batch(plan, **more)
    return batch, list(batch.run(Progress()))


def by_name(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {Path(item.file).name: item for item in outcomes}


def test_one_failure_is_told_and_stops_no_other(plan, folder):
    batch, outcomes = run(plan)
    states = {name: item.state for name, item in by_name(outcomes).items()}
    pictures = {f"{number}.png": "done" for number in range(COUNT)}
    assert states == {**pictures, "broken.png": "failed", "notes.txt": "left out", "sound.wav": "left out"}
    assert "damaged" in by_name(outcomes)["broken.png"].error
    assert (batch.summary.done, batch.summary.failed, batch.summary.left_out) == (COUNT, 1, 2)
    with (plan.out / REPORT).open(encoding="utf-8-sig", newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert rows["broken.png"]["state"] == "failed"
    assert rows["broken.png"]["error"] == by_name(outcomes)["broken.png"].error
    assert rows["4.png"]["outputs"] == "json/sub_4.json"


def test_results_are_those_of_one_picture_alone(plan, folder):
    run(plan)
    with Runner() as runner:
        for number in range(COUNT):
            file = (folder / "sub" if number > 3 else folder) / f"{number}.png"
            alone: Detections = runner.result(make_instance("detect", {"picture": file}, model="haar-face"))
            name = f"sub_{number}" if number > 3 else f"{number}"
            told = json.loads((plan.out / "json" / f"{name}.json").read_text())
            assert told["file"] == file.name
            boxes = [row["box"] for row in told["frames"][0]["detections"]]
            assert np.array_equal(np.array(boxes, np.float32).reshape(-1, 4), alone.boxes)
    assert any(json.loads(path.read_text())["frames"][0]["detections"] for path in (plan.out / "json").iterdir())


def test_one_file_holds_all_pictures_in_their_order(plan):
    from pycocotools.coco import COCO

    run(plan)
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(plan.out / "detect.coco.json"))
    names = [*(f"{n}.png" for n in range(4)), "sub/4.png", "sub/5.png"]
    assert [image["file_name"] for image in read.dataset["images"]] == names
    with (plan.out / "detect.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(read.getAnnIds()) > 0
    for image in read.dataset["images"]:
        mine = [row for row in rows if row["file"] == image["file_name"]]
        boxes = [entry["bbox"] for entry in read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))]
        assert [[float(row["x1"]), float(row["y1"])] for row in mine] == [box[:2] for box in boxes]


def test_what_is_done_is_not_done_again(plan, folder, monkeypatch):
    _, first = run(plan)
    times = {path: path.stat().st_mtime_ns for path in (plan.out / "json").iterdir()}
    before = (plan.out / "detect.coco.json").read_bytes()
    batch, second = run(plan)
    assert (batch.summary.done, batch.summary.resumed, batch.summary.failed) == (COUNT, COUNT, 1)
    assert not batch.restarted
    assert {path: path.stat().st_mtime_ns for path in (plan.out / "json").iterdir()} == times
    assert (plan.out / "detect.coco.json").read_bytes() == before
    assert {item.name for item in first} == {item.name for item in second}


def test_files_of_an_earlier_run_do_not_shorten_the_time_left(plan, folder):
    run(plan)
    (plan.out / "json" / "2.json").unlink()
    fractions: list[float | None] = []
    progress = Progress(lambda fraction, text: fractions.append(fraction))
    outcomes = list(Batch(plan).run(progress))
    first = next(place for place, item in enumerate(outcomes) if item.state == "done" and not item.resumed)
    resumed = [item.resumed for item in outcomes[:first]]
    assert any(resumed)
    told = fractions[-len(outcomes) :]
    assert [fraction is None for fraction in told[:first]] == resumed
    assert told[first:] == pytest.approx([(place + 1) / len(told) for place in range(first, len(told))])


def test_a_changed_file_a_lost_output_and_a_new_file_are_done(plan, folder):
    run(plan)
    Pillow.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "1.png")
    (plan.out / "json" / "2.json").unlink()
    shutil.copy(folder / "3.png", folder / "00.png")
    _, outcomes = run(plan)
    again = {name for name, item in by_name(outcomes).items() if item.state == "done" and not item.resumed}
    assert again == {"00.png", "1.png", "2.png"}
    told = json.loads((plan.out / "detect.coco.json").read_text())
    assert [image["file_name"] for image in told["images"]] == [
        "0.png",
        "00.png",
        "1.png",
        "2.png",
        "3.png",
        "sub/4.png",
        "sub/5.png",
    ]
    assert told["images"][2]["width"] == 64


def test_another_recipe_begins_anew_and_says_so(plan):
    run(plan)
    instance = dataclasses.replace(plan.instance, values={**plan.instance.values, "iou": 0.9})
    other = dataclasses.replace(plan, instance=instance)
    batch, _ = run(other)
    assert batch.restarted
    assert batch.summary.resumed == 0
    batch, _ = run(other)
    assert not batch.restarted
    assert batch.summary.resumed == COUNT


def test_a_new_format_does_not_go_into_a_folder_of_others(plan):
    run(plan)
    mine = plan.out / "yolo"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(BatchError, match="holds yolo, which is of no batch and would be changed"):
        run(dataclasses.replace(plan, formats=("yolo",)))
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    shutil.rmtree(mine)
    # What batches before have written is ours, with whatever formats the last one was.
    for formats in (("yolo",), ("csv",), ("yolo",), ("coco",)):
        batch, _ = run(dataclasses.replace(plan, formats=formats))
        assert batch.summary.failed == 1


def test_stopping_keeps_what_is_done(plan):
    progress = Progress()
    batch = Batch(plan)

    def stop_at_two() -> None:
        for _ in batch.run(progress):
            if batch.summary.done == 2:
                progress.cancel()

    with pytest.raises(Cancelled):
        stop_at_two()
    assert (plan.out / REPORT).is_file()
    assert not (plan.out / "detect.coco.json").exists()
    again, _ = run(plan)
    assert again.summary.resumed >= 2
    assert again.summary.done == COUNT
    assert len(json.loads((plan.out / "detect.coco.json").read_text())["images"]) == COUNT
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cvstudio-batch")]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
def test_after_kill_nine_the_rest_is_done_and_nothing_twice(folder, tmp_path):
    """Killed again and again at random moments, it ends with the very files of one run."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(30):
        shutil.copy(folder / "0.png", many / f"{number:02}.png")
    arguments = ["run", "detect", str(many), "--model", "haar-face", "--format", "coco", "--format", "png"]
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    out = tmp_path / "killed"
    done: set[str] = set()
    kills = 0
    for _ in range(40):
        with subprocess.Popen(
            [*command, "-o", str(out)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as process:
            queue = out / ".batch" / "queue.jsonl"
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                lines = queue.read_bytes().count(b"\n") - 1 if queue.exists() else 0
                if lines >= len(done) + 4:
                    process.kill()
                    kills += 1
                    break
                time.sleep(0.002)
        text = queue.read_bytes()
        entries = [json.loads(line) for line in text.split(b"\n")[1:-1] if line.endswith(b"}")]
        files = [entry["file"] for entry in entries]
        assert len(files) == len(set(files)), "a file that was done is done again"
        done = set(files)
        if process.returncode == 0:
            break
    assert process.returncode == 0
    assert kills >= 3
    assert len(done) == 30
    assert main([*arguments, "-q", "-o", str(tmp_path / "whole")]) == 0
    one, other = (json.loads((base / "detect.coco.json").read_text()) for base in (out, tmp_path / "whole"))
    assert one == other
    names = sorted(path.name for path in (out / "png").iterdir())
    assert names == [f"{number:02}.png" for number in range(30)]
    for name in names:
        assert (out / "png" / name).read_bytes() == (tmp_path / "whole" / "png" / name).read_bytes()


def test_a_torn_line_is_cut_off(tmp_path):
    recipe = {"a": 1}
    with BatchQueue(tmp_path, recipe) as queue:
        queue.add(Outcome("x.png", "done", "x", "id", "image"))
        queue.put_pieces("coco", "x.png", [{"n": 1}])
        queue.add(Outcome("y.png", "done", "y", "id", "image"))
    path = tmp_path / ".batch" / "queue.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    pieces = tmp_path / ".batch" / "pieces-coco.jsonl"
    pieces.write_bytes(pieces.read_bytes() + b'{"file": "y.p')
    with BatchQueue(tmp_path, recipe) as queue:
        assert set(queue.entries) == {"x.png"}
        queue.put_pieces("coco", "y.png", [{"n": 2}, {"n": 3}])
        queue.put_pieces("coco", "x.png", [{"n": 4}])
        queue.add(Outcome("y.png", "failed"))
        assert list(queue.pieces("coco", ["y.png", "x.png"])) == [{"n": 2}, {"n": 3}, {"n": 4}]
    with BatchQueue(tmp_path, recipe) as queue:
        assert {name: entry.state for name, entry in queue.entries.items()} == {"x.png": "done", "y.png": "failed"}


def test_two_batches_do_not_share_a_folder(tmp_path):
    with BatchQueue(tmp_path, {}), pytest.raises(BatchError, match="worked on by another batch"):
        BatchQueue(tmp_path, {})
    BatchQueue(tmp_path, {}).close()


def test_names_are_stable_and_unique(tmp_path):
    files = [tmp_path / name for name in ("A.png", "a.jpg", "a.png", "b/a.png", "b_a.png", "c?.png")]
    names = names_of(files, {})
    assert len({name.casefold() for name in names}) == len(files)
    assert names[0] == "A"
    # A file that comes later takes no name from one that is done.
    kept = dict(zip(map(str, files), names, strict=True))
    more = [tmp_path / "0.png", tmp_path / "A.bmp", *files]
    assert names_of(more, kept)[2:] == names


def test_hidden_files_and_the_output_are_no_input(tmp_path):
    for name in ("a.png", ".hidden.png", "out/png/a.png", ".git/b.png", "sub/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find_files([tmp_path, tmp_path / "a.png"], tmp_path / "out")
    assert [(path.name, asked) for path, asked in found] == [("a.png", True), ("c.png", False)]


def test_what_would_befall_every_file_stops_at_once(plan, tmp_path):
    heavy = dataclasses.replace(plan.instance, model="ssdlite")
    with pytest.raises(WeightsError, match="ssdlite320"):
        run(dataclasses.replace(plan, instance=heavy))
    wrong = dataclasses.replace(plan.instance, values={"classes": ("unicorn",)})
    with pytest.raises(ParamsError, match="no 'unicorn'"):
        run(dataclasses.replace(plan, instance=wrong, out=tmp_path / "other"))
    with pytest.raises(ExportError, match="cannot hold"):
        dataclasses.replace(plan, formats=("npz",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BatchError, match="found none"):
        run(dataclasses.replace(plan, paths=(tmp_path / "empty",)))


def test_a_full_disk_stops_the_batch(plan, monkeypatch):
    from cvstudio.exporters import tables

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "_table", full)
    with pytest.raises(ExportError, match="the disk is full"):
        run(plan)


def test_several_networks_share_the_work(plan, data, tmp_path):
    files = sorted(data("voc5", "images").iterdir())[:12]
    instance = make_instance("detect", {"picture": files[0]})
    one = dataclasses.replace(plan, instance=instance, paths=tuple(files), formats=("json",))
    other = dataclasses.replace(one, out=tmp_path / "two")
    run(one)
    batch, _ = run(other, streams=2)
    assert batch.summary.done == 12
    for path in sorted((one.out / "json").iterdir()):
        first, second = (json.loads((base / "json" / path.name).read_text()) for base in (one.out, other.out))
        rows = [made["frames"][0]["detections"] for made in (first, second)]
        # Sums in another order differ in their last digits.
        assert [row["label"] for row in rows[0]] == [row["label"] for row in rows[1]]
        boxes = [np.array([row["box"] for row in found]).reshape(-1, 4) for found in rows]
        np.testing.assert_allclose(boxes[0], boxes[1], atol=0.01)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    import av

    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=25)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((128, 128, 3), 40 * number, np.uint8), format="rgb24")
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return path


def test_videos_and_pictures_go_together(plan, folder, clip, tmp_path):
    both = dataclasses.replace(plan, paths=(folder / "0.png", clip), formats=("mp4", "png", "coco"))
    batch, outcomes = run(both)
    assert batch.summary.done == 2
    assert {item.outputs for item in outcomes} == {("png/사진_folder_0.png",), ("mp4/clip.mp4",)}
    images = json.loads((plan.out / "detect.coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == [
        "사진 folder/0.png",
        *(f"clip_{n:06}.jpg" for n in range(1, 6)),
    ]
    only = dataclasses.replace(both, formats=("png",), out=tmp_path / "png only")
    _, outcomes = run(only)
    assert (
        by_name(outcomes)["clip.mp4"].error
        == "None of the chosen formats can hold every frame of a video; choose another one, too."
    )


def test_command_line(folder, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["run", "detect", str(folder), "--model", "haar-face", "--format", "yolo", "--format", "voc"]
    assert main([*arguments, "-o", str(out), "--yolo-scores", "true"]) == 1
    told = capsys.readouterr()
    assert told.out.strip() == str(out / REPORT)
    assert "broken.png" in told.err
    assert f"cvstudio: {COUNT} done, 1 failed, 2 left out" in told.err
    import supervision

    parts = (out / "yolo" / name for name in ("images", "labels", "data.yaml"))
    assert len(supervision.DetectionDataset.from_yolo(*map(str, parts))) == COUNT
    assert all(
        len(line.split()) == 6 for path in (out / "yolo" / "labels").iterdir() for line in path.read_text().splitlines()
    )
    names = (out / "voc/VOCdevkit/VOC2012/ImageSets/Main/trainval.txt").read_text().split()
    assert names == ["0", "1", "2", "3", "sub_4", "sub_5"]
    (folder / "broken.png").unlink()
    assert main([*arguments, "-o", str(out), "--yolo-scores", "true", "-q"]) == 0
    assert main(["run", "detect", str(folder / "*.png"), "--model", "haar-face", "-q", "-o", str(out / "p")]) == 0
    assert {path.name for path in (out / "p").iterdir() if path.is_dir()} == {".batch", "png", "json"}
    assert main(["run", "detect", str(folder / "*.tiff"), "-q"]) == 1
    assert "found none; check the pattern" in capsys.readouterr().err


def test_a_sound_goes_through_a_batch_too(folder, tmp_path):
    out = tmp_path / "out"
    shutil.copy(folder / "sound.wav", folder / "again.wav")
    assert main(["run", "spectrogram", str(folder), "-q", "--format", "npz", "-o", str(out)]) == 0
    with np.load(out / "npz" / "sound.npz") as one, np.load(out / "npz" / "again.npz") as other:
        assert np.array_equal(one["levels"], other["levels"])


def test_what_must_not_be_read_is_told_and_stops_no_other(folder, tmp_path, capsys, forbidden):
    (folder / "locked").mkdir()
    forbidden(folder / "locked")
    unreadable = forbidden(folder / "1.png")
    out = tmp_path / "out"
    assert main(["run", "detect", "--model", "haar-face", str(folder), "-o", str(out)]) == 1
    printed = capsys.readouterr()
    for path in (folder / "locked", unreadable):
        assert path.name in printed.err
    assert "Traceback" not in printed.err
    # One alone is one sentence.
    assert (
        main(["run", "detect", "--model", "haar-face", str(folder / "locked" / "x.png"), "-o", str(out), "--quiet"])
        == 1
    )
    assert "'x.png'" in capsys.readouterr().err
