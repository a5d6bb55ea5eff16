"""The 3D view beside Open3D's own viewer, on one machine in one run.

    .setup/with-display --virtual .venv/bin/python tests/benchmarks/bench_space.py

Prints the time of a picture of a turning scene at 1280 x 800, and the time until it is whole after the last move, for
100,000 and a million triangles and for a million points; then one beside the other. Open3D's window needs OpenGL, be
it in software.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtWidgets import QApplication

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import Object3D
from ui.views.spatial.scene_objects import ViewObject
from ui.views.spatial.view import SpatialView

SIZE = Size(1280, 800)
SECS = 2.0
TURN_DEG = 6.0


def bumpy_ball(count: int) -> TriangleMesh:
    """A closed ball with bumps, of about `count` triangles."""
    around = round((count / 2) ** 0.5)
    u = np.linspace(0, 2 * np.pi, around, endpoint=False)
    v = np.linspace(0.02, np.pi - 0.02, around)
    u, v = np.meshgrid(u, v)
    radius = 1 + 0.05 * np.sin(8 * u) * np.sin(9 * v)
    vertices = np.stack([radius * np.sin(v) * np.cos(u), radius * np.cos(v), radius * np.sin(v) * np.sin(u)], axis=-1)
    row, column = np.meshgrid(np.arange(around - 1), np.arange(around), indexing="ij")
    here, right = row * around + column, row * around + (column + 1) % around
    triangles = np.concatenate(
        [np.stack([here, right, here + around], -1), np.stack([right, right + around, here + around], -1)]
    )
    return TriangleMesh(vertices.reshape(-1, 3), triangles.reshape(-1, 3).astype(np.int32))


def bumpy_cloud(count: int) -> PointCloud:
    points = np.random.default_rng(0).normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points *= 1 + 0.05 * np.sin(8 * points[:, :1])
    return PointCloud(points, ((points + 1.1) / 2.2 * 255).astype(np.uint8))


def times_ms(picture: Callable[[int], object]) -> float:
    """Median time of a picture in milliseconds, after some to warm up."""
    for number in range(4):
        picture(number)
    times: list[float] = []
    begin = time.perf_counter()
    while time.perf_counter() - begin < SECS or len(times) < 3:
        start = time.perf_counter()
        picture(len(times))
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def of_view(app: QApplication, sample: TriangleMesh | PointCloud) -> dict[str, float]:
    jobs: list[Job] = []
    view = SpatialView(jobs.append)
    view.resize(*SIZE)
    view.show()
    start = time.perf_counter()
    view.show_objects([ViewObject("a", Object3D("a", sample), True)], identity="a", up="y")
    (job,) = jobs
    for value in job.work(Progress()):
        view.job_event(Event("output", job, value))
    prepared = (time.perf_counter() - start) * 1000
    view.job_event(Event("finished", job))
    rest(app, view)

    def turn(number: int) -> None:
        view.camera = view.camera.orbited(TURN_DEG, 0)
        view._draw(moving=True)
        view.repaint()

    moving = times_ms(turn)
    waits = []
    for _ in range(3):
        turn(0)
        # As a hand that stops: the time of rest is part of it.
        view._rest.start()
        start = time.perf_counter()
        rest(app, view)
        waits.append((time.perf_counter() - start) * 1000)
    by = "rays" if view.drawer.without_opengl else "OpenGL"
    print(f"    drawn by {by}, prepared in {prepared:.0f} ms, moving at level {view.drawer._level}")
    view.close_drawer()
    view.close()
    return {"moving": moving, "whole": statistics.median(waits)}


def rest(app: QApplication, view: SpatialView) -> None:
    while not view.at_rest:
        app.processEvents()


def of_open3d(sample: TriangleMesh | PointCloud) -> dict[str, float]:
    """Open3D's `Visualizer`, which draws all at each move."""
    import open3d

    viewer = open3d.visualization.Visualizer()
    if not viewer.create_window("Open3D", *SIZE, visible=True):
        return {}
    if isinstance(sample, TriangleMesh):
        thing = open3d.geometry.TriangleMesh(vectors(sample.vertices), triples(sample.triangles))
        thing.compute_vertex_normals()
    else:
        thing = open3d.geometry.PointCloud(vectors(sample.points))
        assert sample.colours is not None
        thing.colors = vectors(sample.colours / 255)
    viewer.add_geometry(thing)
    control = viewer.get_view_control()

    def turn(number: int) -> None:
        control.rotate(20.0, 0.0)
        viewer.poll_events()
        viewer.update_renderer()
        viewer.capture_screen_float_buffer(do_render=False)

    moving = times_ms(turn)
    viewer.destroy_window()
    return {"moving": moving, "whole": moving}


def vectors(rows: NDArray[np.float64]) -> object:
    import open3d

    return open3d.utility.Vector3dVector(np.array(rows, np.float64))


def triples(rows: NDArray[np.int32]) -> object:
    import open3d

    return open3d.utility.Vector3iVector(np.array(rows))


def main() -> None:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    scenes = {
        "100,000 triangles": bumpy_ball(100_000),
        "1,000,000 triangles": bumpy_ball(1_000_000),
        "1,000,000 points": bumpy_cloud(1_000_000),
    }
    for name, sample in scenes.items():
        print(name)
        figures = {"3D view": of_view(app, sample), "Open3D": of_open3d(sample)}
        own = figures["3D view"]
        for program, times in figures.items():
            for kind, value in times.items():
                beside = "" if program == "3D view" else f", {value / own[kind]:.1f} times the 3D view"
                print(f"    {program:8} {kind:6} {value:7.1f} ms, {1000 / value:5.1f} a second{beside}")


if __name__ == "__main__":
    main()
