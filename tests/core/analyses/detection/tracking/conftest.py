"""A small world with known identities: what is where at a time, and what a detector would say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.results.detections import Detections
from cvstudio.results.source import Source

SIZE = Size(640, 360)
LABELS = ("person", "car")
RATE = 25.0


@dataclass(frozen=True)
class Walker:
    """A thing of known identity that goes straight on; `score` and `hidden` are functions of the time."""

    number: int
    start: tuple[float, float]
    speed: tuple[float, float]
    size: tuple[float, float] = (40.0, 90.0)
    label: int = 0
    score: Callable[[float], float] = field(default=lambda time: 0.9)
    hidden: Callable[[float], bool] = field(default=lambda time: False)

    def box(self, time: float) -> tuple[float, float, float, float]:
        x, y = self.start[0] + self.speed[0] * time, self.start[1] + self.speed[1] * time
        return (x, y, x + self.size[0], y + self.size[1])


@dataclass(frozen=True)
class World:
    walkers: tuple[Walker, ...]
    noise: float = 1.0

    def seen(self, time: float) -> tuple[Detections, list[int]]:
        """What a detector says at `time`, and whose each box is. The noise is the same whenever one looks."""
        there = [walker for walker in self.walkers if not walker.hidden(time)]
        there.sort(key=lambda walker: -walker.score(time))
        rng = np.random.default_rng(round(time * 1000))
        boxes = np.array([walker.box(time) for walker in there], np.float32).reshape(-1, 4)
        boxes += rng.normal(0, self.noise, boxes.shape).astype(np.float32)
        found = Detections(
            boxes,
            np.array([walker.score(time) for walker in there], np.float32),
            np.array([walker.label for walker in there], np.int64),
            LABELS,
            # As of a network: another one in every frame.
            rng.permutation(1000)[: len(there)].astype(np.int64),
            SIZE,
            source=Source("world", time),
        )
        return found, [walker.number for walker in there]

    def frames(self, secs: float) -> Iterator[float]:
        return (number / RATE for number in range(round(secs * RATE)))


@pytest.fixture
def crossing() -> World:
    """Two people who pass each other side by side, and a car that overtakes both."""
    return World(
        (
            Walker(1, (60, 120), (120, 0)),
            Walker(2, (540, 150), (-120, 0)),
            Walker(3, (20, 100), (200, 0), size=(160, 90), label=1),
        )
    )


@pytest.fixture
def twice() -> World:
    """One who is found twice, the second time less surely."""
    return World((Walker(1, (100, 100), (30, 0)), Walker(2, (108, 104), (30, 0), score=lambda time: 0.7)))


@pytest.fixture
def occluded() -> World:
    """One who is hardly seen behind a pillar for half a second, one who is not seen at all for half a second, and
    one who leaves for three seconds and comes back elsewhere."""
    return World(
        (
            Walker(1, (60, 40), (60, 0), score=lambda time: 0.2 if 1.0 <= time < 1.5 else 0.9),
            Walker(2, (500, 200), (-50, 0), hidden=lambda time: 1.6 <= time < 2.1),
            Walker(3, (300, 20), (0, 20), hidden=lambda time: 1.0 <= time < 4.0),
        )
    )


def accuracy(pairs: list[tuple[list[int], list[int]]]) -> tuple[int, set[tuple[int, int]]]:
    """Identity switches, and the pairs (true, told) that occur.

    `pairs` are, for each frame, the true and the told identities of the same boxes; -1 is none told. A switch is a
    true identity whose told one is another than the last that was told for it (Bernardin and Stiefelhagen, "Evaluating
    Multiple Object Tracking Performance", 2008, mismatch errors).
    """
    last: dict[int, int] = {}
    switches = 0
    found = set()
    for true, told in pairs:
        for one, other in zip(true, told, strict=True):
            if other < 0:
                continue
            switches += one in last and last[one] != other
            last[one] = other
            found.add((one, other))
    return switches, found


@pytest.fixture(name="accuracy")
def accuracy_fixture() -> Callable[..., tuple[int, set[tuple[int, int]]]]:
    return accuracy
