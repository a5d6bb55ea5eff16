"""`cvstudio train` and `cvstudio evaluate`, with a recipe that takes a second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cvstudio.cli.main import main
from cvstudio.cli.training import sparkline
from cvstudio.training.loop import CHECKPOINT, CURVES
from cvstudio.training.runs import run_folder
from cvstudio.weights.embedded import load_card
from cvstudio.weights.store import file_sha256


def start(fake, data: Path, *more: str, step_secs: float = 0.0, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
    environment = {**os.environ, "FAKE_STEP_SECS": str(step_secs), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, fake.__file__, "train", fake.KEY, "--data", str(data), *more]
    return subprocess.Popen(
        command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def accuracy(fake, weights: Path, data: Path) -> float:
    """By hand, from the tensors alone."""
    tensors = load_file(weights)
    pixels, classes = fake.read_data(data, held_out=True)
    logits = pixels @ tensors["weight"].astype(np.float32).T + tensors["bias"].astype(np.float32)
    return float(np.mean(logits.argmax(axis=1) == classes))


def test_a_run_ends_with_weights_and_the_card_of_that_very_file(fake, digits, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", "digits", "--data", str(digits), "--export", str(out)]) == 0
    told = capsys.readouterr()
    weights = out / "linear-digits.safetensors"
    assert {path.name for path in out.iterdir()} == {"linear-digits.safetensors", "linear-digits.json"}
    assert {tensor.dtype for tensor in load_file(weights).values()} == {np.dtype(np.float16)}
    known = load_card(out / "linear-digits.json")
    assert known.sha256 == file_sha256(weights)
    assert known.size_bytes == weights.stat().st_size
    assert known.figures["top-1"] == pytest.approx(accuracy(fake, weights, digits), abs=1e-5)
    assert known.figures["top-1"] > 0.8
    assert (known.model, known.recipe, known.labels) == ("linear-digits", "digits", fake.LABELS)
    assert (known.epochs, known.seed, known.parameters) == (fake.EPOCHS, 0, 650)
    assert known.settings == {"size": 8}
    assert "CC BY 4.0" in told.out
    assert str(out / "linear-digits.json") in told.out
    assert "not for commercial use" not in told.out
    # One line for each epoch, with the curves so far.
    lines = [line for line in told.err.splitlines() if line.startswith("epoch") and "top-1" in line]
    assert [line.split(":")[0] for line in lines] == [f"epoch {epoch} of 4" for epoch in (1, 2, 3, 4)]
    assert any(block in lines[-1] for block in "▁█")


def test_a_stopped_run_goes_on_to_the_same_weights(fake, digits, tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["train", "digits", "-q", "--data", str(digits), "--run", str(whole)]) == 0
    with start(fake, digits, "--run", str(parts), step_secs=0.1) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2 of 4: ") and "top-1" in line:
                break
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(30) == 130
    assert "the last whole epoch is kept" in told
    assert "Traceback" not in told
    assert (parts / CHECKPOINT).is_file()
    assert not (parts / "linear-digits.safetensors").exists()
    assert main(["train", "digits", "-q", "--data", str(digits), "--run", str(parts)]) == 0
    name = "linear-digits.safetensors"
    assert file_sha256(parts / name) == file_sha256(whole / name)
    epochs = [json.loads(line)["epoch"] for line in (parts / CURVES).read_text().splitlines() if '"held out"' in line]
    assert epochs == [1, 2, 3, 4]
    capsys.readouterr()


def test_a_watching_program_reads_json_and_stops_it_by_closing_stdin(fake, digits, tmp_path):
    with start(
        fake, digits, "--attached", "--run", str(tmp_path / "run"), step_secs=0.1, stdin=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        reports = []
        for line in process.stderr:
            reports.append(json.loads(line))
            if (reports[-1]["fraction"] or 0) > 0.3:
                break
        process.stdin.close()
        *_, last = process.stderr.read().splitlines()
        assert process.wait(30) == 130
    assert reports[0] == {"fraction": None, "message": "loading torch"}
    fractions = [report["fraction"] for report in reports if report["fraction"] is not None]
    assert fractions == sorted(fractions)
    assert last.startswith("cvstudio: stopped; the last whole epoch is kept")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "digits"], "Expected the folder with digits.csv, but none was named"),
        (["train", "digits", "--data", "{empty}"], "digits.csv is not there"),
        (["train", "digist", "--data", "{data}"], "did you mean 'digits'"),
        (["train", "digits", "--data", "{data}", "--limit", "9"], "--limit 10 or more"),
        (["train", "digits", "--data", "{data}", "--device", "cuda:77"], "choose auto or cpu"),
        (["evaluate", "digits", "--data", "{data}", "--weights", "{damaged}"], "card"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(arguments, words, digits, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    damaged = tmp_path / "d.safetensors"
    damaged.touch()
    (tmp_path / "d.json").write_text('{"model": "x"')
    filled = [item.format(data=digits, empty=tmp_path / "empty", damaged=damaged) for item in arguments]
    assert main([*filled, "-q"]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("cvstudio: Expected" if "did you" not in words else "cvstudio: There is no")
    assert words in told
    assert "\n" not in told


@pytest.mark.parametrize("more", [["--epochs", "0"], ["--limit", "-1"], ["--seed", "x"], ["--what"]])
def test_wrong_usage_is_exit_code_2(more, digits, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "digits", "--data", str(digits), *more])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_folder_of_the_data_may_come_from_the_environment(digits, capsys, monkeypatch):
    monkeypatch.setenv("CVSTUDIO_DATA", str(digits))
    assert main(["train", "digits", "-q", "--epochs", "1", "--seed", "3"]) == 0
    assert (run_folder("digits", seed=3, epochs=1) / "linear-digits.json").is_file()
    capsys.readouterr()


def test_a_folder_is_one_runs_and_one_training_at_a_time(digits, tmp_path, capsys):
    from filelock import FileLock

    run = tmp_path / "run"
    command = ["train", "digits", "-q", "--data", str(digits), "--run", str(run)]
    assert main([*command, "--epochs", "1"]) == 0
    capsys.readouterr()
    for other in (["--seed", "1", "--epochs", "1"], ["--epochs", "2"], ["--epochs", "1", "--limit", "50"]):
        assert main([*command, *other]) == 1
        assert "holds another" in capsys.readouterr().err
    with FileLock(run / "run.lock"):
        assert main([*command, "--epochs", "1"]) == 1
    assert "a training is running there" in capsys.readouterr().err


def test_an_export_that_is_stopped_leaves_the_older_one(fake, digits, tmp_path, capsys):
    import dataclasses

    from cvstudio.foundation.errors import Cancelled
    from cvstudio.training import RECIPES

    out = tmp_path / "out"
    command = ["train", "digits", "-q", "--data", str(digits), "--export", str(out)]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def stop(*_):
        raise Cancelled

    with RECIPES.lend(dataclasses.replace(fake.RECIPE, evaluate=stop)):
        assert main([*command, "--seed", "1"]) == 130
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    capsys.readouterr()


def test_a_run_without_figures_is_not_exported(digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FAKE_UNMEASURED", "1")
    run = tmp_path / "run"
    assert main(["train", "digits", "-q", "--data", str(digits), "--run", str(run), "--epochs", "1"]) == 1
    assert "nothing was measured" in capsys.readouterr().err
    assert not list(run.glob("*.safetensors"))


def test_a_card_says_when_it_is_of_a_trial(digits, capsys):
    assert main(["train", "digits", "-q", "--data", str(digits), "--epochs", "1", "--limit", "17"]) == 0
    card = load_card(run_folder("digits", epochs=1, limit=17) / "linear-digits.json")
    assert "tried out with 17 pictures" in card.title
    capsys.readouterr()


def test_evaluate_prints_what_was_measured_beside_the_card(fake, digits, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", "digits", "-q", "--data", str(digits), "--export", str(out)]) == 0
    weights = out / "linear-digits.safetensors"
    wanted = accuracy(fake, weights, digits)
    capsys.readouterr()
    command = ["evaluate", "digits", "-q", "--data", str(digits), "--weights", str(weights)]
    assert main(command) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("top-1"))
    assert [float(value) for value in row[1:]] == pytest.approx([wanted, wanted], abs=1e-4)
    assert main([*command, "--json", "--limit", "50"]) == 0
    found = json.loads(capsys.readouterr().out)
    # What the card tells the program beside the weights is used.
    assert found["told size"] == 8
    pixels, classes = fake.read_data(digits, held_out=True)
    tensors = load_file(weights)
    logits = pixels[:50] @ tensors["weight"].astype(np.float32).T + tensors["bias"].astype(np.float32)
    assert found["top-1"] == pytest.approx(np.mean(logits.argmax(1) == classes[:50]))


def test_the_recipes_are_listed_with_licence_and_needs(digits, capsys):
    for arguments in (["train", "--list"], ["train"]):
        assert main(arguments) == 0
        told = capsys.readouterr().out
        for word in ("classifier", "detector", "digits.csv", "CC BY 4.0", "non-commercial", "pyramid-5"):
            assert word in told


def test_models_are_listed_with_licence_size_and_place(capsys):
    assert main(["list"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "--model" in line]
    ssdlite = next(row for row in rows if "ssdlite" in row)
    assert "MB, not downloaded" in ssdlite
    assert "included in a library" in next(row for row in rows if "--model hog " in row)


def test_the_module_is_the_program():
    done = subprocess.run(
        [sys.executable, "-m", "cvstudio", "train", "--list"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("classifier")


def test_sparklines_span_low_to_high():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([]) == ""
    long = sparkline([float(value) for value in range(1000)], 8)
    assert (len(long), long[0], long[-1]) == (8, "▁", "█")
