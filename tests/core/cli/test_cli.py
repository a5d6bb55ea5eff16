from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.cli.main import main
from cvstudio.draw import PAINTERS
from cvstudio.exporters import EXPORTERS
from cvstudio.foundation.errors import BindingError, ParamsError, UnknownKeyError
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def depth(tmp_path: Path) -> Path:
    path = tmp_path / "깊이.png"
    ramp = np.tile(np.linspace(500, 4000, 96).astype(np.uint16), (64, 1))
    Pillow.fromarray(ramp).save(path)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "그림 한 장.png"
    rng = np.random.default_rng(0)
    Pillow.fromarray(rng.integers(0, 255, (64, 96, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.sin(np.arange(16000) * 2 * np.pi * 1000 / 16000).astype(np.float32), 16000)
    return path


def test_detect_writes_picture_data_and_recipe(tmp_path, capsys):
    out = tmp_path / "out"
    face = sample_path("astronaut")
    assert main(["run", "detect", str(face), "--model", "haar-face", "-q", "-o", str(out)]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split("\n") if line]
    assert {path.suffix for path in written} == {".png", ".json"}
    found = json.loads((out / "astronaut-detect.json").read_text())
    grey = cv2.cvtColor(cv2.imread(str(face)), cv2.COLOR_BGR2GRAY)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    direct = sorted([x, y, x + w, y + h] for x, y, w, h in cascade.detectMultiScale(grey).tolist())
    assert sorted(row["box"] for row in found["frames"][0]["detections"]) == direct
    for path in written:
        assert path.with_name(path.name + ".recipe.json").is_file()


def test_a_recipe_gives_the_same_again(tmp_path, picture, depth):
    first, second = tmp_path / "first", tmp_path / "second"
    arguments = ["run", "refocus", str(picture), "--depth", str(depth), "--focus", "1,2", "--blur", "9", "-q"]
    assert main([*arguments, "-o", str(first)]) == 0
    made = next(first.glob("*.png"))
    recipe = made.with_name(made.name + ".recipe.json")
    assert main(["run", "--recipe", str(recipe), "-q", "-o", str(second)]) == 0
    again = next(second.glob("*.png"))
    assert (np.asarray(Pillow.open(made)) == np.asarray(Pillow.open(again))).all()
    old, new = json.loads(recipe.read_text()), json.loads((again.with_name(again.name + ".recipe.json")).read_text())
    assert old["values"] == new["values"]


def test_a_spectrogram_has_its_peak_at_the_tone(tmp_path, sound):
    out = tmp_path / "s.npz"
    assert main(["run", "spectrogram", str(sound), "-q", "-o", str(out)]) == 0
    with np.load(out) as found:
        peak = found["frequencies_hz"][found["levels"].max(axis=1).argmax()]
    assert abs(peak - 1000) < 20


def test_five_lines_of_python(picture, depth, sound):
    faces = cvstudio.run("detect", sample_path("astronaut"), model="haar-face")
    refocused = cvstudio.run("refocus", picture, depth, focus=(1.0, 2.0))
    spectrogram = cvstudio.run("spectrogram", sound)
    assert len(faces) > 0
    assert refocused.pixels.shape == (64, 96, 3)
    assert spectrogram.columns_done == spectrogram.levels.shape[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detect", "missing.jpg"], "missing.jpg"),
        (["detect", "{sound}"], "picture"),
        (["detect", "{picture}", "--model", "hgo"], "did you mean 'hog'"),
        (["detect", "{picture}", "--score", "many"], "expects a number"),
        (["detect", "{picture}", "--iou", "3"], "expects 0 to 1"),
        (["detect", "{picture}", "--format", "png2"], "did you mean 'png'"),
        (["detect", "{picture}", "--model", "ssdlite"], "ssdlite320_mobilenet_v3_large_coco"),
        (["refocus", "{picture}", "--depth", "{sound}"], "depth"),
        (["--recipe", "{picture}"], "is not a"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(arguments, words, picture, sound, tmp_path, capsys):
    filled = [item.format(picture=picture, sound=sound) for item in arguments]
    assert main(["run", *filled, "-q", "-o", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("cvstudio: ")
    assert words in told
    assert not list((tmp_path / "out").glob("*.png"))


def test_wrong_usage_is_exit_code_2():
    with pytest.raises(SystemExit) as caught:
        main(["run", "detect"])
    assert caught.value.code == 2


def test_list_names_everything(capsys):
    assert main(["list"]) == 0
    told = capsys.readouterr()
    for word in ("detect", "refocus", "spectrogram", "hog", "ssdlite", "mp4"):
        assert word in told.out
    assert told.err == ""
    # The longest names still stand apart from what is said of them.
    for model in (model for analysis in ANALYSES for model in analysis.models):
        assert f"--model {model.key} " in told.out


@pytest.mark.parametrize("registry", [ANALYSES, MODELS, EXPORTERS, PAINTERS], ids=lambda registry: registry._what)
def test_list_says_what_of_any_registry_is_not_usable_and_why(registry, capsys):
    with registry.lend():
        registry.add_broken("glow of some-package", "ImportError: no module named 'glow'")
        assert main(["list"]) == 0
    assert "not usable: glow of some-package (ImportError: no module named 'glow')" in capsys.readouterr().err


def test_python_errors_are_the_same_sentences(picture):
    with pytest.raises(UnknownKeyError, match="did you mean 'detect'"):
        cvstudio.run("detec", picture)
    with pytest.raises(ParamsError, match="no parameter 'scor'"):
        cvstudio.run("detect", picture, scor=1)
    with pytest.raises(BindingError, match=r"expects 2 file\(s\)"):
        cvstudio.run("stereo", picture)
    with pytest.raises(BindingError, match="needs a depth map"):  # which the photograph itself may hold
        cvstudio.run("refocus", picture)


def test_a_video_is_detected_frame_by_frame_and_keeps_times_and_sound(tmp_path):
    import av

    clip = tmp_path / "short clip.mp4"
    _cut(sample_path("clip"), clip, 12)
    out = tmp_path / "out"
    assert main(["run", "detect", str(clip), "--model", "haar-face", "-q", "-o", str(out)]) == 0
    with av.open(str(clip)) as source, av.open(str(out / "short clip-detect.mp4")) as made:
        wanted = [float(frame.pts * frame.time_base) for frame in source.decode(video=0)]
        found = [float(frame.pts * frame.time_base) for frame in made.decode(video=0)]
    assert np.allclose(found, wanted, atol=1e-3)
    frames = json.loads((out / "short clip-detect.json").read_text())["frames"]
    assert [round(frame["time_secs"], 3) for frame in frames] == [round(time, 3) for time in wanted]
    assert any(frame["detections"] for frame in frames)


def _cut(source: Path, target: Path, count: int) -> None:
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        source_stream = given.streams.video[0]
        stream = made.add_stream("libx264", rate=source_stream.average_rate)
        stream.pix_fmt = "yuv420p"
        stream.width, stream.height = source_stream.width, source_stream.height
        for number, frame in enumerate(given.decode(video=0)):
            if number == count:
                break
            frame.pict_type = 0
            made.mux(stream.encode(frame))
        made.mux(stream.encode())


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_stops_with_130_and_leaves_nothing_half_written(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "main.py"), "run", "detect", str(sample_path("clip")), "--model", "hog"]
    with subprocess.Popen([*command, "-o", str(out)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "frame" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(30) == 130
    assert "stopped" in told
    assert "Traceback" not in told
    assert not list(out.glob("*"))
    assert not list(out.glob(".*"))


def test_a_part_of_a_video_and_the_recipe_that_gives_it_again(tmp_path):
    import av

    arguments = ["run", "detect", str(sample_path("clip")), "--model", "haar-face", "-q", "--from", "1", "--to", "1.2"]
    arguments += ["--format", "mp4", "--format", "json", "--mp4-quality", "small"]
    assert main([*arguments, "-o", str(tmp_path)]) == 0
    frames = json.loads((tmp_path / "portrait-detect.json").read_text())["frames"]
    assert [0.95 < frames[0]["time_secs"] <= 1.0, frames[-1]["time_secs"] < 1.2, len(frames) > 3] == [True] * 3
    recipe = tmp_path / "portrait-detect.mp4.recipe.json"
    assert json.loads(recipe.read_text())["export"] == {
        "format": "mp4",
        "options": {"quality": "small", "sound": True, "scale": 1.0, "overlay_only": False},
        "range_secs": [1.0, 1.2],
    }
    assert main(["run", "--recipe", str(recipe), "-q", "-o", str(tmp_path / "again")]) == 0
    times = []
    for folder in (tmp_path, tmp_path / "again"):
        with av.open(str(folder / "portrait-detect.mp4")) as made:
            times.append([float(frame.pts * frame.time_base) for frame in made.decode(video=0)])
    assert times[0] == times[1]
    assert len(times[0]) == len(frames)
    assert [path.name for path in (tmp_path / "again").iterdir() if path.suffix != ".json"] == ["portrait-detect.mp4"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (["--from", "2", "--to", "1"], "earlier one first"),
        (["--from", "500", "--to", "501"], "expects a time before the end of portrait.mp4 at "),
        (["--to", "1"], "expect a video"),
        (["--time", "1"], "expects a video"),
        (["-o", "found.json", "--format", "coco", "--format", "csv"], "one --format, found coco, csv"),
    ],
)
def test_a_part_that_makes_no_sense_is_one_sentence(part, words, picture, tmp_path, capsys):
    source = sample_path("clip") if "--from" in part else picture
    assert main(["run", "detect", str(source), "--model", "haar-face", "-q", "-o", str(tmp_path), *part]) == 1
    assert words in capsys.readouterr().err


def test_a_list_that_is_not_read_to_its_end_is_no_failure() -> None:
    # More than fits into a pipe, so that writing fails while the list is being written.
    code = "import sys, cvstudio.cli.main as cli; sys.exit(cli.main(['models', '--columns', *sys.argv[1:]]))"
    columns = ",".join(["key", "model", "paper"] * 40)
    process = subprocess.Popen(
        [sys.executable, "-c", code, columns], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("Key")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()
