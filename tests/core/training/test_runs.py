"""Runs as they lie on disk, and their curves while they are being written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import TimeLeft, duration_text
from cvstudio.training.loop import CURVES, CurveFile
from cvstudio.training.runs import (
    CurveFollower,
    RunStart,
    claimed,
    curve_groups,
    curves_of,
    find_runs,
    read_run,
    run_folder,
)

START = RunStart("digits", 0, 4)


def write(path: Path, *points: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(point) + "\n" for point in points)


def point(epoch: float, split: str = "train", **figures: float) -> dict[str, object]:
    return {"epoch": epoch, "split": split, "at": 0.0, **figures}


def test_what_was_asked_for_keeps_runs_apart(monkeypatch, tmp_path):
    monkeypatch.setenv("CVSTUDIO_TRAINING", str(tmp_path))
    assert run_folder("digits") == tmp_path / "digits"
    assert run_folder("digits", seed=3, limit=5).name == "digits-seed-3-limit-5"
    assert run_folder("digits", epochs=2).name == "digits-epochs-2"


def test_runs_are_kept_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("CVSTUDIO_TRAINING", raising=False)
    assert run_folder("x") == Path.home() / ".cache" / "cvstudio-training" / "x"


def test_runs_are_found_with_how_far_they_are_the_latest_first(monkeypatch, tmp_path):
    monkeypatch.setenv("CVSTUDIO_TRAINING", str(tmp_path / "none yet"))
    assert find_runs() == ()
    monkeypatch.setenv("CVSTUDIO_TRAINING", str(tmp_path))
    for number, (name, epochs) in enumerate((("old", 4), ("new", 2))):
        folder = tmp_path / name
        with claimed(folder, START):
            write(folder / CURVES, *(point(epoch + 1.0, loss=1.0) for epoch in range(epochs)), point(epochs + 0.5))
        os.utime(folder / CURVES, (number, number))
    (tmp_path / "old" / "m.json").write_text("{}")
    (tmp_path / "old" / "m.safetensors").touch()
    (tmp_path / "something else").mkdir()
    new, old = find_runs()
    assert (new.folder.name, new.epochs_done, new.finished) == ("new", 2, False)
    assert (old.folder.name, old.epochs_done, old.exported) == ("old", 4, tmp_path / "old" / "m.json")
    assert new.start == START


def test_a_torn_last_line_does_not_hide_how_far_a_run_is(tmp_path):
    with claimed(tmp_path, START):
        write(tmp_path / CURVES, point(3.0, loss=1.0))
    with (tmp_path / CURVES).open("a") as file:
        file.write('{"epoch": 3.2, "spl')
    found = read_run(tmp_path)
    assert found is not None
    assert found.epochs_done == 3


def test_a_folder_of_another_run_is_refused_and_freed_again(tmp_path):
    with claimed(tmp_path, START):
        pass
    with pytest.raises(UserError, match="seed 0, epochs 4"), claimed(tmp_path, RunStart("digits", 1, 4)):
        pass
    with claimed(tmp_path, START):
        pass


def test_the_follower_reads_only_whole_new_lines(tmp_path):
    path = tmp_path / CURVES
    follower = CurveFollower(path)
    assert not follower.read()
    write(path, point(0.5, loss=2.0))
    with path.open("a") as file:
        file.write('{"epoch": 0.7, "split": "tra')
    assert follower.read()
    assert [item["epoch"] for item in follower.points] == [0.5]
    assert not follower.read()
    with path.open("a") as file:
        file.write('in", "loss": 1.5}\n')
    assert follower.read()
    assert [item["epoch"] for item in follower.points] == [0.5, 0.7]


def test_the_follower_begins_anew_where_a_resumed_run_took_points_back(tmp_path):
    path = tmp_path / CURVES
    write(path, point(0.5, loss=2.0), point(1.0, loss=1.9), point(1.4, loss=1.8), point(1.8, loss=1.7))
    follower = CurveFollower(path)
    follower.read()
    curves = CurveFile(path, 1)
    curves.add(1.2, "train", {"loss": 1.6})
    curves.add(1.3, "train", {"loss": 1.5})
    curves.add(1.6, "train", {"loss": 1.4})
    assert follower.read()
    assert [item["epoch"] for item in follower.points] == [0.5, 1.0, 1.2, 1.3, 1.6]


def test_curves_part_steps_from_epochs_and_figures_by_plot():
    found = curves_of(
        [
            point(0.5, rate=0.1, loss=3.0, box=float("nan")),
            point(1.0, rate=0.2, loss=2.9),
            point(1.0, loss=2.5),
            point(1.0, "held out", **{"top-1": 0.4}),
            point(1.5, rate=0.1, loss=2.0),
        ]
    )
    groups = {group.key: group.curves for group in curve_groups(found)}
    assert list(groups) == ["loss", "held out", "rate"]
    (loss,) = groups["loss"]
    assert loss.live == ((0.5, 3.0), (1.5, 2.0))
    assert loss.whole == ((1.0, 2.5),)
    (rate,) = groups["rate"]
    assert rate.live == ((0.5, 0.1), (1.0, 0.2), (1.5, 0.1))
    assert (loss.last, rate.last) == (2.5, 0.1)
    assert groups["held out"][0].whole == ((1.0, 0.4),)


def test_time_left_counts_from_where_a_run_went_on():
    left = TimeLeft()
    assert left(0.5, 100.0) is None
    assert left(0.6, 110.0) == pytest.approx(40.0)
    assert left(None, 111.0) is None
    assert left(0.9, 112.0) is None
    # The next part of a job begins anew.
    assert left(0.0, 120.0) is None
    assert left(0.5, 125.0) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("secs", "text"), [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (3570, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_are_told_as_people_do(secs, text):
    assert duration_text(secs) == text
