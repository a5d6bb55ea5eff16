"""Export of a finished run: half-precision weights as safetensors, and the model card."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.names import counted
from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Settings, TrainingRecipe, TrainingTask
from cvstudio.training.loop import CHECKPOINT
from cvstudio.weights.embedded import ModelCard


def export(recipe: TrainingRecipe, task: TrainingTask, settings: Settings, folder: Path, progress: Progress) -> Path:
    """Write weights and card of a finished run into `folder` and return the card's path.

    The written file itself is evaluated, as the program's own model, before it replaces an older one: the card's
    figures are those of this file, and a cancelled export changes nothing.

    Raises
    ------
    UserError
        The run is not finished, or it has no figures.
    OSError
        The folder is not writable.
    """
    from safetensors.torch import save_file

    from cvstudio.weights.store import file_sha256

    seconds = _checked_duration_secs(task, settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: _half(tensor) for name, tensor in task.tensors().items()}
    trial_note = "" if settings.limit is None else f" (tried out with {counted(settings.limit, 'picture')} of each set)"
    with atomic_path(folder / f"{recipe.model}.safetensors") as weights:
        save_file(tensors, weights)
        # safetensors makes a file that only its owner may read.
        weights.chmod(0o644)
        model_settings = recipe.calibrate(settings.data, weights, progress)
        figures = recipe.evaluate(settings.data, weights, model_settings, None, progress)
        content = _common(recipe, model_settings, figures) | {
            "title": recipe.title + trial_note,
            "date": _date(settings.folder / CHECKPOINT),
            "seed": settings.seed,
            "hours": round(seconds / 3600, 2),
            "device": _device(settings.device),
            "epochs": task.epochs,
            "parameters": sum(tensor.numel() for name, tensor in tensors.items() if "running" not in name),
            "sha256": file_sha256(weights),
            "size_bytes": weights.stat().st_size,
        }
    return _write(content, folder / f"{recipe.model}.json")


def export_calibration(recipe: TrainingRecipe, data: Path, folder: Path, device: str, progress: Progress) -> Path:
    """Write the card of published weights that a package carries into `folder` and return its path.

    Raises
    ------
    WeightsError
        The package is not installed.
    OSError
        The folder is not writable.
    """
    from cvstudio.models import MODELS
    from cvstudio.weights.store import require_weights

    spec = MODELS[recipe.model]
    (weights,) = spec.weights
    model_settings = recipe.calibrate(data, require_weights(weights, None), progress)
    figures = recipe.evaluate(data, None, model_settings, None, progress)
    assert spec.architecture is not None
    content = _common(recipe, model_settings, figures) | {
        "title": recipe.title,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "seed": 0,
        "hours": 0,
        "device": _device(device),
        "epochs": 0,
        "parameters": spec.architecture.parameters,
        "sha256": weights.sha256,
        "size_bytes": weights.size_bytes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    return _write(content, folder / f"{recipe.model}.json")


def _common(recipe: TrainingRecipe, model_settings: Mapping[str, Any], figures: Mapping[str, float]) -> dict[str, Any]:
    """What every card says, whether its model was trained or only calibrated."""
    from cvstudio.models import MODELS

    return {
        "model": recipe.model,
        "recipe": recipe.key,
        "licence": recipe.licence,
        "non_commercial": recipe.non_commercial,
        "sources": [dataclasses.asdict(source) for source in recipe.sources],
        # A network may answer only what it knows well enough, which was measured for these weights.
        "labels": list(model_settings.get("classes", MODELS[recipe.model].labels)),
        "metrics": [dict(zip(("name", "value", "split"), row, strict=True)) for row in recipe.describe(figures)],
        "figures": {name: round(value, 5) for name, value in figures.items()},
        "command": f"cvstudio evaluate {recipe.key}",
        "not_for": list(recipe.not_for),
        "settings": dict(model_settings),
    }


def _write(content: Mapping[str, Any], card: Path) -> Path:
    order = [field.name for field in dataclasses.fields(ModelCard)]
    with atomic_path(card) as path:
        text = json.dumps({name: content[name] for name in order}, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return card


def _checked_duration_secs(task: TrainingTask, folder: Path) -> float:
    """Duration of the run in `folder` in seconds. Raises UserError where it is not finished or has no figures."""
    import torch

    checkpoint = folder / CHECKPOINT
    # With mmap the tensors, which the task has already, are not read.
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True) if checkpoint.is_file() else {}
    done, figures = saved.get("epochs", 0), saved.get("figures")
    if done < task.epochs:
        raise UserError(
            f"Expected a finished run of {task.epochs} epochs in {folder}, but it has {done}; let the training go on "
            f"first."
        )
    if not figures:
        raise UserError(
            f"Expected figures of the held-out part in the run in {folder}, but nothing was measured; train it anew "
            f"with the recipe's own number of epochs."
        )
    return float(saved["seconds"])


def _date(checkpoint: Path) -> str:
    """Date of the last epoch's end, ISO 8601."""
    return datetime.datetime.fromtimestamp(checkpoint.stat().st_mtime, tz=datetime.UTC).date().isoformat()


def _half(tensor: Any) -> Any:
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half.detach().cpu().contiguous().clone()


def _device(name: str) -> str:
    import os
    import platform

    import torch

    if name.startswith("cuda"):
        return torch.cuda.get_device_name(name)
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
