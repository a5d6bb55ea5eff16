"""The tasks of networks are declared once, and all that names them goes by it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.models import MODELS
from cvstudio.models.catalogue.entries import task_title
from cvstudio.models.custom.decoders import DECODERS
from cvstudio.models.custom.networks import NETWORKS
from cvstudio.models.tasks import TASKS


def test_every_model_analysis_and_decoder_is_of_a_declared_task() -> None:
    named = {model.task for model in MODELS} | {item.task for item in ANALYSES if item.task}
    assert named | {decoder.task for decoder in DECODERS.values()} | set(NETWORKS) <= set(TASKS)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.key)
def test_the_first_analysis_of_a_task_gives_its_result(task) -> None:
    assert next(item for item in ANALYSES if item.task == task.key).result is task.result


def test_names_and_places_are_different_ones() -> None:
    # Several tasks may have one type of result, such as a heat map or a picture.
    for name in ("title", "order", "folder"):
        assert len({getattr(task, name) for task in TASKS.values()}) == len(TASKS)
    assert [key for key, task in TASKS.items() if task.key != key] == []
    assert task_title("classify") == "Classification"
    assert task_title("of another package") == "of another package"


def test_neither_tasks_nor_the_catalogue_import_analyses_or_what_is_heavy() -> None:
    code = "import sys, cvstudio.models.tasks, cvstudio.models.catalogue.entries; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith(("cvstudio.analyses", "torch", "cv2", "scipy"))}
    assert loaded == set()
