"""Putting a scene together: things with numbers, materials and places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.world import figures
from cvstudio.world.categories import NUMBERS
from cvstudio.world.figures import Pose
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.materials import Material, finished
from cvstudio.world.primitives import box
from cvstudio.world.scene import STILL, Motion, SceneObject
from cvstudio.world.shape_mesh import ShapeMesh, shift, turn
from cvstudio.world.shapes import VARIANTS, shape_model
from cvstudio.world.shapes.model import ShapeModel, Support

CONTACT_METRES = 0.0004
"""Gap below what stands on a thing: two surfaces in one plane would be seen by turns."""
_TRIES = 40


class SceneBuilder:
    """Collects the objects of a scene.

    Parameters
    ----------
    rng : all choices come from it
    wanted : number of things; what is added beyond is refused by `full`
    """

    def __init__(self, rng: np.random.Generator, wanted: int) -> None:
        self.rng = rng
        self.wanted = wanted
        self.objects: list[SceneObject] = []
        self._things = 0
        self._plans: dict[tuple[int, Support], FloorPlan] = {}

    @property
    def full(self) -> bool:
        """Whether there are as many things as wanted."""
        return self._things >= self.wanted

    @property
    def missing(self) -> int:
        """Number of things that are still wanted."""
        return max(0, self.wanted - self._things)

    def pick(self, *names: str) -> str:
        """One of some names."""
        return names[int(self.rng.integers(len(names)))]

    def model(self, category: str) -> tuple[ShapeModel, int]:
        """A shape of a class and its variant."""
        variant = int(self.rng.integers(VARIANTS))
        return shape_model(category, variant), variant

    def footprint(self, model: ShapeModel, x: float, y: float, angle: float, size: float = 1.0) -> Footprint:
        """What a shape covers of the ground."""
        low, high = model.mesh.bounds[:, :2].astype(np.float64) * size
        middle = (low + high) / 2
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        centre = (x + cos * middle[0] - sin * middle[1], y + sin * middle[0] + cos * middle[1])
        half = (high - low) / 2
        return Footprint(float(centre[0]), float(centre[1]), float(half[0]), float(half[1]), angle)

    def surroundings(self, category: str, mesh: ShapeMesh, *materials: Material) -> None:
        """Add a piece of the surroundings."""
        self.objects.append(SceneObject(0, NUMBERS[category], (mesh,), materials, np.eye(4), name=category))

    def slab(
        self, category: str, size: tuple[float, float, float], at: tuple[float, float, float], finish: Material
    ) -> None:
        """Add a box of surroundings by its width, depth and height, and the middle of its lower side."""
        self.surroundings(category, box(*size).at(*at), finish)

    def thing(
        self,
        category: str,
        chosen: tuple[ShapeModel, int],
        place: NDArray[np.float64],
        *,
        motion: Motion = STILL,
        size: float = 1.0,
        scenery: bool = False,
    ) -> SceneObject:
        """Add a thing at a place (4, 4); one of the scenery does not count among those that are wanted."""
        model, variant = chosen
        mesh = model.mesh if size == 1.0 else model.mesh.stretched(size, size, size)
        materials = tuple(finished(name, self.rng) for name in model.finishes)
        self._things += 1
        self.wanted += scenery
        item = SceneObject(
            self._things,
            NUMBERS[category],
            (mesh,),
            materials,
            place,
            motion,
            name=f"{category} {variant + 1}",
            supports=model.supports,
        )
        self.objects.append(item)
        return item

    def person(
        self, x: float, y: float, angle: float, *, pose: Pose | None, motion: Motion = STILL, z: float = 0.0
    ) -> SceneObject:
        """Add a figure; without a pose it walks along its motion."""
        variant = int(self.rng.integers(figures.VARIANTS))
        built = figures.figure(variant)
        materials = tuple(finished(name, self.rng) for name in figures.FINISHES)
        self._things += 1
        item = SceneObject(
            self._things,
            NUMBERS["person"],
            built.parts,
            materials,
            placed(x, y, angle, z),
            motion,
            built,
            pose,
            f"person {variant + 1}",
        )
        self.objects.append(item)
        return item

    def put(
        self,
        plan: FloorPlan,
        category: str,
        *,
        angle: float | None = None,
        tries: int = _TRIES,
        scenery: bool = False,
    ) -> SceneObject | None:
        """Add a thing at a free place of a plan; None where there is none."""
        chosen = self.model(category)
        x1, y1, x2, y2 = plan.bounds
        for _ in range(tries):
            x, y = self.rng.uniform((x1, y1), (x2, y2)).tolist()
            turned = float(self.rng.uniform(0, 360)) if angle is None else angle
            if plan.claim(self.footprint(chosen[0], x, y, turned)):
                return self.thing(category, chosen, placed(x, y, turned), scenery=scenery)
        return None

    def put_on(self, item: SceneObject, support: Support, category: str) -> SceneObject | None:
        """Add a thing on a support of another; None where there is no room."""
        chosen = self.model(category)
        plan = self._plans.setdefault(
            (item.identity, support), FloorPlan(support.x1, support.y1, support.x2, support.y2, 0.015)
        )
        x1, y1, x2, y2 = plan.bounds
        for _ in range(12):
            x, y = self.rng.uniform((x1, y1), (x2, y2)).tolist()
            # What has a face looks at whoever stands in front.
            turned = float(self.rng.uniform(-30, 30) if category in _FACED else self.rng.uniform(0, 360))
            if plan.claim(self.footprint(chosen[0], x, y, turned)):
                lifted = placed(x, y, turned, support.z + CONTACT_METRES)
                return self.thing(category, chosen, item.place @ lifted)
        return None


_FACED = ("clock", "laptop", "desk lamp", "tv", "book")


def placed(x: float, y: float, angle: float, z: float = 0.0) -> NDArray[np.float64]:
    """The pose (4, 4) of what stands at x, y, z in metres, turned by `angle` degrees."""
    return shift(x, y, z) @ turn("z", angle)
