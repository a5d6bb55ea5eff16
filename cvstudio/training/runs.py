"""The runs on this machine: where each lies, what it was started with, how far it is, and its curves."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.training.loop import CURVES

RUN = "run.json"
LOCK = "run.lock"
TAIL_BYTES = 8192


@dataclass(frozen=True)
class RunStart:
    """What a run was started with; another value makes another run.

    Parameters
    ----------
    recipe : key of the recipe
    seed : of everything that is drawn by chance
    epochs : how many there will be
    limit : pictures of each set at most; None takes all
    """

    recipe: str
    seed: int
    epochs: int
    limit: int | None = None


@dataclass(frozen=True)
class Run:
    """A run as it lies on disk. `exported` is its model card where there is one; it is finished then."""

    folder: Path
    start: RunStart
    epochs_done: int
    exported: Path | None

    @property
    def finished(self) -> bool:
        return self.exported is not None


def runs_folder() -> Path:
    """Where runs are kept: $CVSTUDIO_TRAINING, or a folder of the user's cache."""
    given = os.environ.get("CVSTUDIO_TRAINING")
    return Path(given) if given else Path("~/.cache/cvstudio-training").expanduser()


def run_folder(recipe: str, *, seed: int = 0, epochs: int | None = None, limit: int | None = None) -> Path:
    """The usual folder of a run: what was asked for beside the recipe is in its name, so that runs keep apart."""
    asked = (("seed", seed or None), ("epochs", epochs), ("limit", limit))
    return runs_folder() / "-".join([recipe, *(f"{name}-{value}" for name, value in asked if value is not None)])


@contextmanager
def claimed(folder: Path, start: RunStart) -> Iterator[None]:
    """Keep `folder` for the run `start` while it trains, and write down there what it was started with.

    Raises
    ------
    UserError
        It holds another run, or one that is training just now.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"Expected nobody else to train in {folder}, but a training is running there; wait for its end or choose "
            f"another seed or folder."
        ) from None
    try:
        before = _read_start(folder)
        if before is not None and before != start:
            raise UserError(
                f"Expected {folder} to be new or of this run ({_told(start)}), but it holds another ({_told(before)}); "
                f"choose another folder with --run."
            )
        if before is None:
            with atomic_path(folder / RUN) as path:
                path.write_text(json.dumps(asdict(start)) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _told(start: RunStart) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(start).items() if value is not None)


def _read_start(folder: Path) -> RunStart | None:
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
        return RunStart(**{field.name: found[field.name] for field in fields(RunStart)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_run(folder: Path) -> Run | None:
    """The run in `folder`; None where there is none."""
    start = _read_start(folder)
    if start is None:
        return None
    cards = sorted(path for path in folder.glob("*.json") if path.with_suffix(".safetensors").is_file())
    return Run(folder, start, _epochs_done(folder / CURVES), cards[0] if cards else None)


def _epochs_done(path: Path) -> int:
    """Whole epochs that the end of a file of curves tells of."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        point = _point(line)
        if point is not None:
            return int(point["epoch"])
    return 0


def _point(line: bytes) -> dict[str, Any] | None:
    """A line of a file of curves; None where it is torn."""
    try:
        point = json.loads(line)
    except ValueError:
        return None
    known = isinstance(point, dict) and isinstance(point.get("epoch"), int | float) and "split" in point
    return point if known else None


def find_runs() -> tuple[Run, ...]:
    """All runs in the usual place, the latest first."""
    root = runs_folder()
    folders = [path for path in root.iterdir() if (path / RUN).is_file()] if root.is_dir() else []
    folders.sort(key=_changed, reverse=True)
    return tuple(run for run in map(read_run, folders) if run is not None)


def _changed(folder: Path) -> float:
    try:
        return (folder / CURVES).stat().st_mtime
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Curve:
    """One figure of one part of the data.

    Parameters
    ----------
    split : "train" or "held out"
    name : of the figure
    live : (epoch with its fraction, value) of single steps, ascending; noisy
    whole : (epoch, value) of whole epochs, ascending
    """

    split: str
    name: str
    live: tuple[tuple[float, float], ...]
    whole: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value of a whole epoch, or of a step before the first one."""
        return (self.whole or self.live)[-1][1]


@dataclass(frozen=True)
class CurveGroup:
    """Figures of one scale: they share a plot."""

    key: str
    title: str
    curves: tuple[Curve, ...]


def curves_of(points: Iterable[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """The curves that `points`, the lines of a run's file, draw; what is no finite number is left out."""
    live: dict[tuple[str, str], dict[float, float]] = {}
    whole: dict[tuple[str, str], dict[float, float]] = {}
    for point in points:
        epoch = float(point["epoch"])
        for name, value in point.items():
            if name in ("epoch", "split", "at") or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            key = (str(point["split"]), name)
            steps, means = live.setdefault(key, {}), whole.setdefault(key, {})
            # The rate has no mean over an epoch.
            (means if epoch.is_integer() and name != "rate" else steps)[epoch] = float(value)
    return tuple(
        Curve(split, name, tuple(sorted(steps.items())), tuple(sorted(whole[split, name].items())))
        for (split, name), steps in live.items()
    )


def curve_groups(curves: Iterable[Curve]) -> tuple[CurveGroup, ...]:
    """Curves by plot: what is made small, what is measured on the held-out part, the learning rate."""
    found = tuple(curves)
    rate = tuple(curve for curve in found if curve.name == "rate")
    held_out = tuple(curve for curve in found if curve.split == "held out")
    loss = tuple(curve for curve in found if curve not in (*rate, *held_out))
    groups = (
        CurveGroup("loss", "Loss", loss),
        CurveGroup("held out", "Held-out part", held_out),
        CurveGroup("rate", "Learning rate", rate),
    )
    return tuple(group for group in groups if group.curves)


class CurveFollower:
    """Reads what is new in the file of a run's curves; a line that is being written is left for the next time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[dict[str, Any]] = []
        self._offset = 0
        self._last_line = b""

    def read(self) -> bool:
        """Take in what is new; False where there is nothing. A file that was written anew is read anew."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset - len(self._last_line))
                anew = file.read(len(self._last_line)) != self._last_line
                if anew:
                    file.seek(0)
                content = file.read()
        except OSError:
            return False
        if anew:
            self.points, self._offset, self._last_line = [], 0, b""
        end = content.rfind(b"\n") + 1
        lines = content[:end].splitlines(keepends=True)
        self._offset += end
        self._last_line = lines[-1] if lines else self._last_line
        self.points += [point for point in map(_point, lines) if point is not None]
        return anew or bool(lines)
