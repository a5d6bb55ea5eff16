"""Training loop of a recipe: epochs, live curves, a checkpoint after each epoch, and resuming."""

from __future__ import annotations

import json
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Settings, TrainingTask

CHECKPOINT = "checkpoint.pt"
CURVES = "curves.jsonl"
"""JSON lines, one for each point: epoch (with its fraction), split ("train" or "held out"), time, figures."""

POINT_SECS = 2.0
"""Seconds between two points of the live curves within an epoch."""


def train(
    task: TrainingTask, settings: Settings, progress: Progress, *, epoch_done: Callable[[int], None] | None = None
) -> dict[str, float]:
    """Run `task` to its last epoch and return the last figures of the held-out part.

    A run in the same folder is resumed after its last whole epoch, with the same result as if it had not been
    interrupted. `epoch_done` is called with the number of epochs after each, once its checkpoint and curves are on
    disk.

    Raises
    ------
    UserError
        The data are missing, or the folder holds a run with another seed, of another recipe, or a damaged one.
    Cancelled
        `progress` was cancelled; the finished epochs are kept.
    """
    import torch

    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True)
    saved = _read(folder / CHECKPOINT, settings)
    task.prepare(progress)
    done, seconds, figures = 0, 0.0, {}
    if saved is not None:
        try:
            task.load_state_dict(saved["task"])
            done, seconds, figures = saved["epochs"], saved["seconds"], saved["figures"]
        except _CHECKPOINT_ERRORS as error:
            raise _checkpoint_error(folder / CHECKPOINT, error) from error
    curves = CurveFile(folder / CURVES, done)
    while done < task.epochs:
        began = time.monotonic()
        torch.manual_seed(settings.seed * 100_003 + done)

        def report(values: Mapping[str, float], epoch: int = done) -> None:
            fraction = values.get("fraction", 0.0)
            numbers = {name: value for name, value in values.items() if name != "fraction"}
            if fraction < 1:  # The epoch's last point is its means.
                curves.add(epoch + fraction, "train", numbers, throttle=True)
            figures_text = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
            progress((epoch + fraction) / task.epochs, f"epoch {epoch + 1} of {task.epochs}: {figures_text}")

        means = task.train_epoch(done, report, progress)
        curves.add(done + 1, "train", means)
        held_out = dict(task.validate(done, progress))
        if held_out:
            figures = held_out
            curves.add(done + 1, "held out", held_out)
        done += 1
        seconds += time.monotonic() - began
        state = {"task": task.state_dict(), "epochs": done, "seconds": seconds, "seed": settings.seed}
        with atomic_path(folder / CHECKPOINT) as path:
            torch.save({**state, "figures": figures}, path)
        if epoch_done is not None:
            epoch_done(done)
    return figures


_CHECKPOINT_ERRORS = (
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors that torch and a task raise for a damaged checkpoint or one of another network."""


def _read(path: Path, settings: Settings) -> dict[str, Any] | None:
    """Read the checkpoint at `path`; None where there is none. Raises UserError for a damaged one or another seed."""
    import torch

    if not path.is_file():
        return None
    try:
        # torch itself does not verify checksums.
        with zipfile.ZipFile(path) as archive:
            damaged_entry = archive.testzip()
        if damaged_entry is not None:
            raise ValueError(damaged_entry)
        # To the CPU: the task copies tensors to its own device, and an optimiser's counters stay on the CPU.
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        seed = saved["seed"]
    except _CHECKPOINT_ERRORS as error:
        raise _checkpoint_error(path, error) from error
    if seed != settings.seed:
        raise UserError(
            f"Expected the run in {path.parent} to have the seed {settings.seed}, but it has {seed}; choose another "
            f"folder or the same seed."
        )
    return saved


def _checkpoint_error(path: Path, error: Exception) -> UserError:
    return UserError(
        f"Expected the checkpoint of this recipe in {path}, but it is damaged or of another one "
        f"({type(error).__name__}); remove it to begin anew, or choose another folder."
    )


class CurveFile:
    """Writer of the file of live curves, whose new lines others follow."""

    def __init__(self, path: Path, epochs_done: int) -> None:
        self._path = path
        self._last = 0.0
        # Points of an unfinished epoch are removed, as it is run again.
        finished_lines = [line for line in read_curves(path) if line["epoch"] <= epochs_done]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in finished_lines), encoding="utf-8")

    def add(self, epoch: float, split: str, figures: Mapping[str, float], *, throttle: bool = False) -> None:
        """Append one point; with `throttle`, only if the last one is `POINT_SECS` old."""
        now = time.monotonic()
        if throttle and now - self._last < POINT_SECS:
            return
        self._last = now
        line = {"epoch": round(epoch, 4), "split": split, "at": round(time.time(), 1), **figures}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_curves(path: Path) -> list[dict[str, Any]]:
    """Points of a run so far, without a line that is still being written."""
    if not path.is_file():
        return []
    points = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            points.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return points
