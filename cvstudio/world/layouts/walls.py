"""The shell of a room, and what stands against its walls or hangs on them."""

from __future__ import annotations

from cvstudio.world.layouts.builder import SceneBuilder, placed
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.materials import finished
from cvstudio.world.scene import SceneObject

HEIGHT = 2.6
"""Of a room in metres."""
_THICK = 0.1
_SIDES = ((0.0, 1, 1), (180.0, 1, -1), (-90.0, 0, 1), (90.0, 0, -1))
"""Angle of what has its back to a wall, the axis across the wall, and its side."""


class Walls:
    """Four walls, floor and ceiling, and what is taken of them.

    Parameters
    ----------
    build : where objects go
    half : half of the room's width and depth, in metres
    """

    def __init__(self, build: SceneBuilder, half: tuple[float, float]) -> None:
        self.half = half
        self.plan = FloorPlan(-half[0], -half[1], half[0], half[1])
        self._build = build
        # (from, to, lower, upper) of what stands or hangs at each wall.
        self._taken: tuple[list[tuple[float, float, float, float]], ...] = ([], [], [], [])

    def shell(self) -> None:
        """Floor, walls with skirting boards, and ceiling."""
        build, (x, y) = self._build, self.half
        floor = finished(build.pick("floorboards", "floorboards", "floor tiles", "carpet"), build.rng)
        wall = finished(build.pick("wall paint", "wall paint", "wallpaper"), build.rng)
        skirting = finished("white", build.rng)
        wide, deep = 2 * x + 0.4, 2 * y + 0.4
        build.slab("floor", (wide, deep, 0.1), (0, 0, -0.1), floor)
        build.slab("ceiling", (wide, deep, 0.1), (0, 0, HEIGHT), finished("ceiling", build.rng))
        for side in (-1, 1):
            build.slab("wall", (_THICK, deep, HEIGHT), (side * (x + _THICK / 2), 0, 0), wall)
            build.slab("wall", (wide, _THICK, HEIGHT), (0, side * (y + _THICK / 2), 0), wall)
            build.slab("wall", (0.016, 2 * y, 0.09), (side * (x - 0.008), 0, 0), skirting)
            build.slab("wall", (2 * x, 0.016, 0.09), (0, side * (y - 0.008), 0), skirting)

    def against(self, category: str, wall: int | None = None) -> SceneObject | None:
        """Stand a thing with its back to a wall; None where there is no room."""
        build = self._build
        chosen = build.model(category)
        bounds = chosen[0].mesh.bounds
        low, high, depth, top = bounds[0, 0], bounds[1, 0], bounds[1, 1], bounds[1, 2]
        for _ in range(20):
            number = int(build.rng.integers(4)) if wall is None else wall
            angle, axis, side = _SIDES[number]
            length = self.half[1 - axis]
            room = length - max(-low, high) - 0.05
            if room <= 0:
                continue
            along = float(build.rng.uniform(-room, room))
            x, y = self._point(axis, along, side * (self.half[axis] - float(depth) - 0.03))
            span = (along - float(high), along + float(high), 0.0, float(top))
            if self._free(number, span) and self.plan.claim(build.footprint(chosen[0], x, y, angle)):
                self._taken[number].append(span)
                return build.thing(category, chosen, placed(x, y, angle))
        return None

    def hang(self, category: str, z: float, wall: int | None = None) -> SceneObject | None:
        """Put a thing onto a wall at a height, where nothing stands before it; None where there is no room."""
        build = self._build
        chosen = build.model(category)
        low, high = chosen[0].mesh.bounds.astype(float).tolist()
        for _ in range(20):
            number = int(build.rng.integers(4)) if wall is None else wall
            angle, axis, side = _SIDES[number]
            room = self.half[1 - axis] - high[0] - 0.1
            along = float(build.rng.uniform(-room, room))
            span = (along - high[0] - 0.05, along + high[0] + 0.05, z + low[2], z + high[2])
            if self._free(number, span):
                self._taken[number].append(span)
                x, y = self._point(axis, along, side * self.half[axis])
                if z == 0:
                    # Nobody stands before a door.
                    self.plan.take(Footprint(x, y, 0.5, 0.5))
                return build.thing(category, chosen, placed(x, y, angle, z))
        return None

    def _free(self, wall: int, span: tuple[float, float, float, float]) -> bool:
        start, end, low, high = span
        return not any(start < b and a < end and low < d and c < high for a, b, c, d in self._taken[wall])

    @staticmethod
    def _point(axis: int, along: float, across: float) -> tuple[float, float]:
        return (along, across) if axis == 1 else (across, along)
