"""The run of a recipe: epochs, curves, a checkpoint after each, and going on where it stopped."""

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
"""One line of JSON for each point: epoch (with its fraction), split ("train" or "held out"), seconds, figures."""

POINT_SECS = 2.0
"""Between two points of the live curves within an epoch."""


def train(
    task: TrainingTask, settings: Settings, progress: Progress, *, epoch_done: Callable[[int], None] | None = None
) -> dict[str, float]:
    """Run `task` to its last epoch and return the last figures of the held-out part.

    What was done before in the same folder is not done again: the run goes on after the last whole epoch, with the
    same result as if it had not been interrupted. `epoch_done` is told the number of epochs after each of them, when
    its checkpoint and curves are on disk.

    Raises
    ------
    UserError
        The data are not there, or the folder holds a run with another seed, of another recipe, or a damaged one.
    Cancelled
        `progress` was cancelled; what was trained up to the last epoch is kept.
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
        except _UNFIT as error:
            raise _unfit(folder / CHECKPOINT, error) from error
    curves = Curves(folder / CURVES, done)
    while done < task.epochs:
        began = time.monotonic()
        torch.manual_seed(settings.seed * 100_003 + done)

        def report(values: Mapping[str, float], epoch: int = done) -> None:
            fraction = values.get("fraction", 0.0)
            numbers = {name: value for name, value in values.items() if name != "fraction"}
            if fraction < 1:  # At the end of the epoch stand its means.
                curves.add(epoch + fraction, "train", numbers, throttle=True)
            told = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
            progress((epoch + fraction) / task.epochs, f"epoch {epoch + 1} of {task.epochs}: {told}")

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


_UNFIT = (
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
"""What torch and a task raise of a file that is damaged, or of another network."""


def _read(path: Path, settings: Settings) -> dict[str, Any] | None:
    """The checkpoint at `path`; None where there is none. Raises UserError: damaged, or of another seed."""
    import torch

    if not path.is_file():
        return None
    try:
        # torch itself does not notice a changed number.
        with zipfile.ZipFile(path) as archive:
            changed = archive.testzip()
        if changed is not None:
            raise ValueError(changed)
        # To the CPU: the task copies it to where its own tensors are, and an optimiser's counters belong here.
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        seed = saved["seed"]
    except _UNFIT as error:
        raise _unfit(path, error) from error
    if seed != settings.seed:
        raise UserError(
            f"Expected the run in {path.parent} to have the seed {settings.seed}, but it has {seed}; choose another "
            f"folder or the same seed."
        )
    return saved


def _unfit(path: Path, error: Exception) -> UserError:
    return UserError(
        f"Expected the checkpoint of this recipe in {path}, but it is damaged or of another one "
        f"({type(error).__name__}); remove it to begin anew, or choose another folder."
    )


class Curves:
    """The file of the live curves; whoever watches reads the lines that are new."""

    def __init__(self, path: Path, epochs_done: int) -> None:
        self._path = path
        self._last = 0.0
        # Points of an epoch that was broken off are told again when it is run again.
        kept = [line for line in read_curves(path) if line["epoch"] <= epochs_done]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def add(self, epoch: float, split: str, figures: Mapping[str, float], *, throttle: bool = False) -> None:
        """Append one point; with `throttle`, only where the last was `POINT_SECS` ago."""
        now = time.monotonic()
        if throttle and now - self._last < POINT_SECS:
            return
        self._last = now
        line = {"epoch": round(epoch, 4), "split": split, "at": round(time.time(), 1), **figures}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_curves(path: Path) -> list[dict[str, Any]]:
    """The points of a run so far; a line that is being written is left out."""
    if not path.is_file():
        return []
    points = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            points.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return points
