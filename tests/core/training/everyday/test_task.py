"""A run of the everyday detector's recipe on a few pictures: every part learns, and a run that was interrupted is the
same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Settings
from cvstudio.training.everyday.data import FILES
from cvstudio.training.everyday.masks import MASK_PARTS
from cvstudio.training.everyday.task import EverydayTask
from cvstudio.training.loop import CURVES, train


def stopping(step: str) -> Progress:
    """It is cancelled after the second report that begins with `step`."""
    seen: list[str] = []

    def report(fraction: float | None, message: str) -> None:
        if message.startswith(step):
            seen.append(message)
        if len(seen) == 2:
            progress.cancel()

    progress = Progress(report)
    return progress


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_is_repeatable_to_the_bit_when_interrupted_and_teaches_every_part(
    data: Callable[..., Path], tmp_path: Path
) -> None:
    for name in FILES:
        data(*name.split("/"))
    folder = data(*FILES[-1].split("/")).parents[1]
    states = []
    for number in range(2):
        settings = Settings(folder, tmp_path / str(number), limit=10, epochs=3)
        # Within the last epoch of boxes, and in the one of masks: of an unfinished epoch nothing is kept.
        for epoch in (2, 3) if number else ():
            with pytest.raises(Cancelled):
                train(EverydayTask(settings), settings, stopping(f"epoch {epoch} of 3: "))
        task = EverydayTask(settings)
        train(task, settings, Progress())
        states.append({name: tensor.clone() for name, tensor in task.tensors().items()})
    one, other = states
    assert all(torch.equal(one[name], other[name]) for name in one)
    begin = EverydayTask(Settings(folder, tmp_path / "0", limit=10, epochs=3))
    begin.prepare(Progress())
    first = begin.network.state_dict()
    changed = {name.split(".")[0] for name in one if not torch.equal(one[name], first[name])}
    # The trunk stays as published: other heads share it.
    assert changed == {"adapters", "pyramid", "head", *MASK_PARTS}
    points = [json.loads(line) for line in (tmp_path / "0" / CURVES).read_text().splitlines()]
    assert 0 < points[-1]["mask IoU"] < 1
