"""The run of a recipe: broken off at any place, it goes on to the very weights of a run that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from cvstudio.foundation.errors import Cancelled, UserError
from cvstudio.foundation.progress import Progress
from cvstudio.training import Settings, loop
from cvstudio.training.base import TrainingTask
from cvstudio.training.loop import CHECKPOINT, CURVES, read_curves, train

FIRST_STEPS = 3
"""After so many of an epoch's ten steps a run is stopped here."""


@pytest.fixture
def settings(digits, tmp_path) -> Settings:
    return Settings(digits, tmp_path / "run")


@pytest.fixture
def every_point(monkeypatch) -> None:
    """Curves with each step: the pace of this machine makes no difference."""
    monkeypatch.setattr(loop, "POINT_SECS", 0.0)


@pytest.fixture(scope="module")
def reference(fake, tmp_path_factory) -> dict[str, torch.Tensor]:
    """The weights of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("reference")
    task = fake.DigitsTask(Settings(fake.write_data(folder / "data"), folder / "run"))
    train(task, task.settings, Progress())
    return dict(task.tensors())


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def stopping(epoch: int, step: int) -> Progress:
    """It is cancelled after the `step`-th report of the epoch, both from 1."""
    seen = Counter[str]()

    def report(fraction: float | None, message: str) -> None:
        name = message.partition(":")[0]
        seen[name] += 1
        if seen[name] == step and name.startswith(f"epoch {epoch} of"):
            progress.cancel()

    progress = Progress(report)
    return progress


def points(folder: Path) -> list[tuple[float, str]]:
    return [(point["epoch"], point["split"]) for point in read_curves(folder / CURVES)]


def test_a_run_learns_and_returns_its_last_figures(fake, settings):
    task = fake.DigitsTask(settings)
    figures = train(task, settings, Progress())
    assert figures["top-1"] > 0.8
    measured = fake.evaluate(settings.data, saved_weights(task, settings.folder), {"size": 8}, None, Progress())
    assert measured["top-1"] == figures["top-1"]


def saved_weights(task: TrainingTask, folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(dict(task.tensors()), folder / "weights.safetensors")
    return folder / "weights.safetensors"


@pytest.mark.parametrize("step", [1, FIRST_STEPS, 9])
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_cancelled_run_goes_on_to_the_same_weights(fake, settings, reference, every_point, epoch, step):
    with pytest.raises(Cancelled):
        train(fake.DigitsTask(settings), settings, stopping(epoch, step))
    assert (settings.folder / CHECKPOINT).exists() == (epoch > 1)
    task = fake.DigitsTask(settings)
    # What was drawn by chance before makes no difference.
    torch.rand(17)
    figures = train(task, settings, Progress())
    assert equal(task.tensors(), reference)
    assert figures["top-1"] > 0.8


@pytest.mark.parametrize("epoch", [1, 4])
def test_stopped_at_the_last_step_of_an_epoch_it_keeps_the_epoch(fake, settings, reference, epoch):
    """Nothing long comes after it."""
    if epoch < 4:
        with pytest.raises(Cancelled):
            train(fake.DigitsTask(settings), settings, stopping(epoch, 10))
    else:
        train(fake.DigitsTask(settings), settings, stopping(epoch, 10))
    assert done(settings.folder) == epoch
    task = fake.DigitsTask(settings)
    train(task, settings, Progress())
    assert equal(task.tensors(), reference)


def test_stopped_in_every_epoch_it_still_ends_the_same(fake, settings, reference, every_point):
    for epoch in (1, 2, 3, 4):
        with pytest.raises(Cancelled):
            train(fake.DigitsTask(settings), settings, stopping(epoch, FIRST_STEPS))
        assert done(settings.folder) == epoch - 1
        if epoch < 4:
            with pytest.raises(Cancelled):
                train(fake.DigitsTask(settings), settings, stopping(epoch + 1, 1))
    task = fake.DigitsTask(settings)
    train(task, settings, Progress())
    assert equal(task.tensors(), reference)
    assert_no_duplicates(settings.folder)


def done(folder: Path) -> int:
    path = folder / CHECKPOINT
    return int(torch.load(path, weights_only=True)["epochs"]) if path.exists() else 0


def assert_no_duplicates(folder: Path) -> None:
    """Each step once, in order: nine within each epoch, and its end with means and figures."""
    wanted = []
    for epoch in range(4):
        wanted += [(round(epoch + step / 10, 4), "train") for step in range(1, 10)]
        wanted += [(epoch + 1.0, "train"), (epoch + 1.0, "held out")]
    assert points(folder) == wanted


def test_a_killed_run_goes_on_to_the_same_weights(fake, digits, settings, reference, every_point):
    """SIGKILL leaves no chance to tidy up."""
    command = [sys.executable, fake.__file__, "train", "digits", "-q", "--data", str(digits)]
    environment = {**os.environ, "FAKE_STEP_SECS": "0.05"}
    for epochs in (1, 2):
        with subprocess.Popen(
            [*command, "--run", str(settings.folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            deadline = time.monotonic() + 60
            while done(settings.folder) < epochs and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL, process.stderr and process.stderr.read()
        assert epochs <= done(settings.folder) < 4
    task = fake.DigitsTask(settings)
    train(task, settings, Progress())
    assert equal(task.tensors(), reference)
    found = points(settings.folder)
    assert len(set(found)) == len(found)
    assert found == sorted(found, key=lambda point: point[0])
    assert [epoch for epoch, split in found if split == "held out"] == [1, 2, 3, 4]
    assert not [path.name for path in settings.folder.iterdir() if ".cvstudio-" in path.name]


@pytest.mark.parametrize("torn", ["", '{"epoch": 1.7, "split": "tr', '{"epoch": 1.7, "split": "train", "loss": 1.0}'])
def test_curves_hold_every_point_once_after_a_resume(fake, settings, every_point, torn):
    with pytest.raises(Cancelled):
        train(fake.DigitsTask(settings), settings, stopping(2, FIRST_STEPS))
    before = points(settings.folder)
    assert before[-1] == (1.3, "train")
    # As a run that was killed while it wrote would have left it.
    with (settings.folder / CURVES).open("a") as file:
        file.write(torn)
    train(fake.DigitsTask(settings), settings, Progress())
    assert_no_duplicates(settings.folder)


def test_curves_of_an_epoch_whose_checkpoint_was_not_written_are_taken_back(fake, settings, every_point):
    """Killed between the figures of an epoch and its checkpoint."""
    task = fake.DigitsTask(settings)
    task.state_dict = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(task, settings, Progress())
    assert points(settings.folder)[-1] == (1.0, "held out")
    train(fake.DigitsTask(settings), settings, Progress())
    assert_no_duplicates(settings.folder)


def test_live_points_keep_their_distance(fake, settings):
    train(fake.DigitsTask(settings), settings, Progress())
    found = points(settings.folder)
    whole = [(epoch, split) for epoch, split in found if float(epoch).is_integer()]
    assert whole == [(float(epoch), split) for epoch in (1, 2, 3, 4) for split in ("train", "held out")]
    # Forty steps in much less than forty times two seconds.
    assert len(found) - len(whole) < 10


def test_a_finished_run_is_not_run_again(fake, settings, reference):
    figures = train(fake.DigitsTask(settings), settings, Progress())
    before = {path.name: path.read_bytes() for path in settings.folder.iterdir()}
    task = fake.DigitsTask(settings)
    task.train_epoch = lambda *_: 1 / 0
    assert train(task, settings, Progress()) == figures
    assert equal(task.tensors(), reference)
    assert {path.name: path.read_bytes() for path in settings.folder.iterdir()} == before


def test_the_end_of_an_epoch_is_told_when_everything_is_on_disk(fake, settings):
    told = []

    def epoch_done(epochs: int) -> None:
        told.append((epochs, done(settings.folder), points(settings.folder)[-1][0]))

    train(fake.DigitsTask(settings), settings, Progress(), epoch_done=epoch_done)
    assert told == [(epoch, epoch, float(epoch)) for epoch in (1, 2, 3, 4)]


def test_progress_rises_to_1_whether_resumed_or_not(fake, settings):
    told: list[float | None] = []
    with pytest.raises(Cancelled):
        train(fake.DigitsTask(settings), settings, stopping(3, 1))
    train(fake.DigitsTask(settings), settings, Progress(lambda fraction, _: told.append(fraction)))
    assert told == pytest.approx([0.5 + step / 40 for step in range(1, 21)])


def test_another_seed_is_another_run(fake, settings, reference, tmp_path):
    train(fake.DigitsTask(settings), settings, Progress())
    other = Settings(settings.data, settings.folder, seed=5)
    with pytest.raises(UserError) as caught:
        train(fake.DigitsTask(other), other, Progress())
    assert "to have the seed 5, but it has 0" in sentence(caught)
    elsewhere = Settings(settings.data, tmp_path / "other", seed=5)
    task = fake.DigitsTask(elsewhere)
    train(task, elsewhere, Progress())
    assert not equal(task.tensors(), reference)


def sentence(caught: pytest.ExceptionInfo[UserError]) -> str:
    text = str(caught.value)
    assert text.startswith("Expected ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def refused(fake, settings: Settings) -> str:
    """Refused before the data are read, which may take long; nothing in the folder is touched."""
    before = {path.name: path.read_bytes() for path in settings.folder.iterdir()}
    task = fake.DigitsTask(settings)
    task.prepare = lambda _: 1 / 0
    with pytest.raises(UserError) as caught:
        train(task, settings, Progress())
    assert {path.name: path.read_bytes() for path in settings.folder.iterdir()} == before
    return sentence(caught)


@pytest.fixture
def broken_off(fake, settings) -> Path:
    """The checkpoint of a run that was stopped in its second epoch."""
    with pytest.raises(Cancelled):
        train(fake.DigitsTask(settings), settings, stopping(2, 1))
    return settings.folder / CHECKPOINT


@pytest.mark.parametrize("kept", [0, 1, 7, 100, 0.5, -1])
def test_a_checkpoint_that_is_cut_off_is_told(fake, settings, broken_off, kept):
    content = broken_off.read_bytes()
    broken_off.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    told = refused(fake, settings)
    assert str(broken_off) in told
    assert "damaged" in told
    assert "remove it to begin anew" in told


def test_a_checkpoint_with_wrong_bytes_is_told_or_makes_no_difference(fake, settings, broken_off, reference):
    """Some bytes of an archive say nothing; the others lead to a sentence, never to wrong weights."""
    content = broken_off.read_bytes()
    curves = (settings.folder / CURVES).read_bytes()
    told = []
    for place in range(0, len(content), len(content) // 60):
        broken_off.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        (settings.folder / CURVES).write_bytes(curves)
        task = fake.DigitsTask(settings)
        try:
            train(task, settings, Progress())
        except UserError as error:
            told.append(str(error))
        else:
            assert equal(task.tensors(), reference), place
    assert len(told) > 30
    assert all(text.startswith("Expected the checkpoint of this recipe in ") for text in told)


@pytest.mark.parametrize("content", [b"not a checkpoint", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(200)])
def test_what_is_no_checkpoint_is_told(fake, settings, broken_off, content):
    broken_off.write_bytes(content)
    assert "damaged" in refused(fake, settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved | {"task": {"else": 1}},
        lambda saved: saved | {"task": saved["task"] | {"layer": {"weight": torch.zeros(10, 64)}}},
        lambda saved: saved | {"task": saved["task"] | {"layer": {"weight": torch.ones(3, 3), "bias": torch.ones(3)}}},
        lambda saved: saved | {"task": saved["task"] | {"optimiser": {"state": {}, "param_groups": []}}},
        lambda saved: {name: value for name, value in saved.items() if name != "figures"},
        lambda saved: {name: value for name, value in saved.items() if name != "seed"},
        lambda saved: [saved],
    ],
)
def test_a_checkpoint_of_another_network_is_told(fake, settings, broken_off, change):
    torch.save(change(torch.load(broken_off, weights_only=True)), broken_off)
    before = broken_off.read_bytes()
    with pytest.raises(UserError) as caught:
        train(fake.DigitsTask(settings), settings, Progress())
    assert "of another one" in sentence(caught)
    assert broken_off.read_bytes() == before


def test_a_checkpoint_cannot_run_code(fake, settings, broken_off, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    torch.save({"seed": 0, "task": Evil()}, broken_off)
    assert "damaged" in refused(fake, settings)
    assert not (tmp_path / "evil").exists()
