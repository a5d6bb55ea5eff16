"""Training runs on this machine: folder, start settings, progress and curves of each."""

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
    """Settings that identify a run.

    Parameters
    ----------
    recipe : key of the recipe
    seed : of all random numbers
    epochs : total number of epochs
    limit : largest number of pictures of each dataset; None takes all
    """

    recipe: str
    seed: int
    epochs: int
    limit: int | None = None


@dataclass(frozen=True)
class Run:
    """A run on disk. `exported` is the path of its model card; None until it is finished and exported."""

    folder: Path
    start: RunStart
    epochs_done: int
    exported: Path | None

    @property
    def finished(self) -> bool:
        return self.exported is not None


def runs_folder() -> Path:
    """Folder of all runs: $CVSTUDIO_TRAINING, or one in the user's cache."""
    configured = os.environ.get("CVSTUDIO_TRAINING")
    return Path(configured) if configured else Path("~/.cache/cvstudio-training").expanduser()


def run_folder(recipe: str, *, seed: int = 0, epochs: int | None = None, limit: int | None = None) -> Path:
    """Default folder of a run; its name contains the settings, so that runs stay apart."""
    settings = (("seed", seed or None), ("epochs", epochs), ("limit", limit))
    return runs_folder() / "-".join([recipe, *(f"{name}-{value}" for name, value in settings if value is not None)])


@contextmanager
def claimed(folder: Path, start: RunStart) -> Iterator[None]:
    """Lock `folder` for the run `start` while it trains, and store its settings there.

    Raises
    ------
    UserError
        The folder holds another run, or one that is training now.
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
        stored = _read_start(folder)
        if stored is not None and stored != start:
            raise UserError(
                f"Expected {folder} to be new or of this run ({_settings_text(start)}), but it holds another "
                f"({_settings_text(stored)}); choose another folder with --run."
            )
        if stored is None:
            with atomic_path(folder / RUN) as path:
                path.write_text(json.dumps(asdict(start)) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _settings_text(start: RunStart) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(start).items() if value is not None)


def _read_start(folder: Path) -> RunStart | None:
    try:
        content = json.loads((folder / RUN).read_text(encoding="utf-8"))
        return RunStart(**{field.name: content[field.name] for field in fields(RunStart)})
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
    """Number of whole epochs, from the end of a file of curves."""
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
    """Parse a line of a file of curves; None for an incomplete one."""
    try:
        point = json.loads(line)
    except ValueError:
        return None
    is_point = isinstance(point, dict) and isinstance(point.get("epoch"), int | float) and "split" in point
    return point if is_point else None


def find_runs() -> tuple[Run, ...]:
    """All runs in the default folder, the latest first."""
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
    """Values of one figure on one split of the data.

    Parameters
    ----------
    split : "train" or "held out"
    name : of the figure
    live : (epoch with its fraction, value) of single steps, ascending; noisy
    whole : (epoch, mean value) of whole epochs, ascending
    """

    split: str
    name: str
    live: tuple[tuple[float, float], ...]
    whole: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The latest value of a whole epoch; before the first one, of a step."""
        return (self.whole or self.live)[-1][1]


@dataclass(frozen=True)
class CurveGroup:
    """Curves with a common scale, which share a plot."""

    key: str
    title: str
    curves: tuple[Curve, ...]


def curves_of(points: Iterable[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """Curves from `points`, the lines of a run's file; values that are not finite are left out."""
    live: dict[tuple[str, str], dict[float, float]] = {}
    whole: dict[tuple[str, str], dict[float, float]] = {}
    for point in points:
        epoch = float(point["epoch"])
        for name, value in point.items():
            if name in ("epoch", "split", "at") or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            key = (str(point["split"]), name)
            steps, means = live.setdefault(key, {}), whole.setdefault(key, {})
            # The learning rate has no mean over an epoch.
            (means if epoch.is_integer() and name != "rate" else steps)[epoch] = float(value)
    return tuple(
        Curve(split, name, tuple(sorted(steps.items())), tuple(sorted(whole[split, name].items())))
        for (split, name), steps in live.items()
    )


def curve_groups(curves: Iterable[Curve]) -> tuple[CurveGroup, ...]:
    """Curves grouped by plot: losses, figures of the held-out part, learning rate."""
    all_curves = tuple(curves)
    rate = tuple(curve for curve in all_curves if curve.name == "rate")
    held_out = tuple(curve for curve in all_curves if curve.split == "held out")
    loss = tuple(curve for curve in all_curves if curve not in (*rate, *held_out))
    groups = (
        CurveGroup("loss", "Loss", loss),
        CurveGroup("held out", "Held-out part", held_out),
        CurveGroup("rate", "Learning rate", rate),
    )
    return tuple(group for group in groups if group.curves)


class CurveFollower:
    """Incremental reader of a run's file of curves; an incomplete last line is read the next time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[dict[str, Any]] = []
        self._offset = 0
        self._last_line = b""

    def read(self) -> bool:
        """Read new lines into `points`; False where there are none. A rewritten file is read from its start."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset - len(self._last_line))
                is_rewritten = file.read(len(self._last_line)) != self._last_line
                if is_rewritten:
                    file.seek(0)
                content = file.read()
        except OSError:
            return False
        if is_rewritten:
            self.points, self._offset, self._last_line = [], 0, b""
        end = content.rfind(b"\n") + 1
        lines = content[:end].splitlines(keepends=True)
        self._offset += end
        self._last_line = lines[-1] if lines else self._last_line
        self.points += [point for point in map(_point, lines) if point is not None]
        return is_rewritten or bool(lines)
