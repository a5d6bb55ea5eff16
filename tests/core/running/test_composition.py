"""Two layers on every frame of a video."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.running.composition import Comparison, composed_frames
from cvstudio.running.runner import Runner, make_instance


def cores_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.fixture
def two_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, before))
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_cores")
def test_both_sides_are_of_the_same_frames_and_the_cores_are_given_back() -> None:
    left = make_instance("classify", {"picture": sample_path("clip")})
    right = dataclasses.replace(left, id=2, values={"temperature": 3.0})
    before = cores_of_a_new_thread()
    assert before > 1
    with Runner(device="cpu") as runner:
        found = list(composed_frames(runner, left, Comparison(left, right), Progress(), stop_secs=0.4))
        alone = [result for _, result in runner.frames(right, Progress(), stop_secs=0.4, streams=1)]
    assert len(found) == len(alone) > 5
    for (_, pair), expected in zip(found, alone, strict=True):
        assert pair.left.source == pair.right.source == expected.source
        np.testing.assert_allclose(pair.right.probabilities, expected.probabilities, atol=1e-5)
    assert cores_of_a_new_thread() == before
