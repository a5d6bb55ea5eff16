"""Generated scenes: pictures of 256 x 256 a second with all labels, against one bare cast of rays into the same scene.

Run it with `.venv/bin/python tests/benchmarks/bench_world.py`. Every label comes from one cast; beside it stand the
colour with its shadows, and the flow, which looks from the next moment. Building a scene is told apart: a set of
stills builds one for each picture, a video builds one for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import KINDS, SceneRecipe
from cvstudio.world.render import SceneRenderer

SIZE = Size(256, 256)
ROUNDS = 7
SEEDS = range(4)
COUNT = {"room": 24, "street": 24, "figures": 9, "objects": 12}
LIMIT = 10.0
"""Pictures a second."""


def median_secs(work: Callable[[int], object]) -> float:
    """Median time of `work` over the rounds; the first one, which builds what is kept, does not count."""
    times = []
    for number in range(ROUNDS + 1):
        begin = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - begin)
    return float(np.median(times[1:]))


def main() -> None:
    print("kind      triangles   build   bare cast   labels   + flow   + 4 samples   pictures/s   of the bare cast")
    slowest = np.inf
    for kind in KINDS:
        recipes = [SceneRecipe(kind, seed, COUNT[kind], width=256, height=256, frames=50) for seed in SEEDS]
        for recipe in recipes:
            generate_scene(recipe)
        build = median_secs(lambda number, recipes=recipes: generate_scene(recipes[number % len(recipes)]))
        renderer = SceneRenderer(generate_scene(recipes[1]))
        surfaces = renderer.surfaces(0.0)
        camera = renderer.scene.path.camera(0.0, SIZE)
        rows, columns = (grid.ravel().astype(np.float32) + 0.5 for grid in np.mgrid[0:256, 0:256])
        directions = camera.directions(columns, rows)

        def cast(number: int) -> object:
            return surfaces.cast(camera.position, directions)  # noqa: B023

        def render(number: int, *, flow: bool, samples: int) -> object:
            time_secs = number / 25
            later = time_secs + 1 / 25 if flow else None
            return renderer.render(time_secs, SIZE, samples=samples, flow_secs=later)  # noqa: B023

        bare = median_secs(cast)
        labels = median_secs(lambda number: render(number, flow=False, samples=1))
        flow = median_secs(lambda number: render(number, flow=True, samples=1))
        smooth = median_secs(lambda number: render(number, flow=False, samples=4))
        slowest = min(slowest, 1 / flow)
        count = sum(len(mesh) for item in renderer.scene.objects for mesh in item.meshes)
        print(
            f"{kind:9} {count:9,} {build * 1e3:6.0f}ms {bare * 1e3:9.1f}ms {labels * 1e3:7.1f}ms {flow * 1e3:7.1f}ms"
            f" {smooth * 1e3:12.1f}ms {1 / flow:12.1f} {flow / bare:18.1f}x"
        )
    print(f"slowest kind with all labels and flow: {slowest:.1f} pictures a second (at least {LIMIT:.0f})")


if __name__ == "__main__":
    main()
