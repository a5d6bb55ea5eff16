"""No writer replaces an open file of any kind, under whatever name: a link, a relative path, another case."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.cli.main import main
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame, PointCloud
from cvstudio.evaluation.class_mapping import ClassMapping
from cvstudio.evaluation.writing import write_table
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.recording import record
from cvstudio.exporters.spatial.geometry_files import write_geometry
from cvstudio.foundation import input_files
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media import camera, open_media
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.annotations.writing import write_labels
from cvstudio.media.camera_tap import Tap
from cvstudio.results.tables import Table
from cvstudio.session.project import save_project
from cvstudio.session.session import State

WAYS = ("itself", "symbolic", "hard", "dots", "relative", "case")


def video(folder: Path) -> Path:
    import av

    path = folder / "clip.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=10)
        stream.width, stream.height = 64, 48
        for level in range(4):
            picture = np.full((48, 64, 3), 60 * level, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        target.mux(stream.encode())
    return path


def mesh(folder: Path) -> Path:
    path = folder / "part.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    return path


def sound(folder: Path) -> Path:
    import soundfile

    path = folder / "tone.wav"
    soundfile.write(path, np.sin(np.arange(16_000) / 20).astype(np.float32), 16_000)
    return path


def depth(folder: Path) -> Path:
    path = folder / "depth.npy"
    np.save(path, np.linspace(1, 5, 12, dtype=np.float32).reshape(3, 4))
    return path


def named(path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another name of the file at `path`."""
    target = path.with_name(f"other{path.suffix}")
    if way == "symbolic":
        target.symlink_to(path)
    elif way == "hard":
        os.link(path, target)
    elif way == "dots":
        target = path.parent / ".." / path.parent.name / path.name
    elif way == "relative":
        monkeypatch.chdir(path.parent)
        target = Path(path.name)
    elif way == "case":
        # As a file system that takes no notice of the case: the other name is the same file.
        target = path.with_name(path.name.upper())
        if not target.exists():
            real = os.stat

            def stat(name: Any, *arguments: Any, **options: Any) -> os.stat_result:
                return real(path if str(name) == str(target) else name, *arguments, **options)

            monkeypatch.setattr(input_files.os, "stat", stat)
    else:
        target = path
    return target


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [video, mesh, sound, depth])
def test_an_export_spares_every_kind_of_open_file(
    make: Callable[[Path], Path], way: str, tmp_path: Path, found: Any, item: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    before = path.read_bytes()
    media = open_media(path)
    target = named(path, way, monkeypatch)
    for key in ("json", "csv", "png", "npz-boxes"):
        with pytest.raises(ExportError, match="is an input file"):
            export(EXPORTERS[key], target, item(found), Progress())
    assert media.path.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if ".cvstudio-" in name]


@pytest.mark.parametrize("way", WAYS)
def test_a_recording_spares_the_video_that_is_open(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path)
    before = path.read_bytes()
    media = open_media(path)
    tap = Tap(camera.camera("/dev/nothing", Size(64, 48)).id)
    tap.put(1, Frame(np.zeros((48, 64, 3), np.uint8), pts=0.0))
    tap.close()
    with pytest.raises(ExportError, match="is an input file"):
        record(named(path, way, monkeypatch), tap, Progress())
    assert media.path.read_bytes() == before


@pytest.mark.parametrize("way", WAYS[:-1])
@pytest.mark.parametrize(
    ("make", "command", "form"),
    [(video, ["detect", "--model", "haar-face"], "mp4"), (sound, ["spectrogram"], "png"),
     (depth, ["refocus"], "png")],
)  # fmt: skip
def test_the_command_line_spares_its_inputs(
    make: Callable[[Path], Path],
    command: list[str],
    form: str,
    way: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = make(tmp_path)
    before = path.read_bytes()
    target = named(path, way, monkeypatch)
    inputs = [str(path)]
    if command == ["refocus"]:
        from PIL import Image as Pillow

        Pillow.new("RGB", (4, 3)).save(tmp_path / "photo.png")
        inputs = [str(tmp_path / "photo.png"), "--depth", str(path)]
    assert main(["run", *command, "-q", *inputs, "-o", str(target), "--format", form]) == 1
    assert "is an input file" in capsys.readouterr().err
    assert path.read_bytes() == before


def write_mapping(path: Path) -> None:
    ClassMapping(("cat",), ("dog",), {"cat": "dog"}).save(path)


def write_a_project(path: Path) -> None:
    save_project(path, State())


def write_a_table(path: Path) -> None:
    write_table(path, Table("a", "rows", (), ()))


def write_a_cloud(path: Path) -> None:
    write_geometry(path, PointCloud(np.zeros((2, 3))))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("write", [write_mapping, write_a_project, write_a_table, write_a_cloud])
def test_writers_beside_the_exporters_spare_what_is_open(
    write: Callable[[Path], None], way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mesh(tmp_path)
    before, media = path.read_bytes(), open_media(path)
    with pytest.raises(ExportError, match="is an input file"):
        write(named(path, way, monkeypatch))
    assert media.path.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if ".cvstudio-" in name]


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard", "dots", "relative"])
def test_labels_and_their_pictures_are_spared(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "a.jpg"), np.full((30, 40, 3), 90, np.uint8))
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 9, 9], "area": 81, "iscrowd": 0}],
    }
    labels = tmp_path / "set" / "labels.json"
    labels.write_text(json.dumps(content))
    labelled = annotation_format(labels).read(labels)
    for path in (labels, tmp_path / "set" / "a.jpg"):
        before = path.read_bytes()
        (elsewhere := tmp_path / path.stem).mkdir()
        target = named(path, way, monkeypatch)
        if target.name.startswith("other"):
            target = target.rename(elsewhere / target.name)  # a link beside the set
        with pytest.raises(ExportError, match=r"is what the labels were read from|is one of the pictures|of the set"):
            write_labels(labelled, target, ANNOTATION_FORMATS["coco"], Progress())
        assert path.read_bytes() == before
