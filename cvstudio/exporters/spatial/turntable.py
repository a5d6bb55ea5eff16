"""A film of a scene that turns once, as MP4."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.scene_view import SceneView, SceneViewRenderer
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.exporters.video import CRF, PRESET, add_picture, encoded_form, even_sides, mp4_file
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import Scene3D

ROUND_DEG = 360.0


@dataclass(frozen=True)
class TurntableOptions:
    """Length, size and encoding of the film."""

    seconds: Annotated[
        float, Range(1, 60, step=0.5, unit="s"), Doc("Length", "Time of one turn.", "Try 12 for a slow one.")
    ] = 6.0
    rate: Annotated[
        int, Range(5, 60, step=1, unit="fps"), Doc("Frame rate", "Frames in a second.", "Try 15 for a small file.")
    ] = 25
    width: Annotated[int, Range(64, 3840, step=2, unit="px"), Doc("Width", "Width of the film.")] = 960
    height: Annotated[int, Range(64, 2160, step=2, unit="px"), Doc("Height", "Height of the film.")] = 720
    direction: Annotated[
        str,
        Choices(("right", "left"), ("To the right", "To the left")),
        Doc("Direction", "Where the front of the scene goes."),
    ] = "right"
    quality: Annotated[
        str,
        Choices(tuple(CRF)),
        Doc("Quality", "Picture quality.", "Small makes a file about a third of the size."),
    ] = "high"
    smooth: Annotated[bool, Doc("Smooth edges", "Draws each frame with smooth edges, which takes longer.")] = True


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    options, shown = item.options_as(TurntableOptions), item.shown
    view = shown if isinstance(shown, SceneView) else SceneView(item.result)
    renderer = SceneViewRenderer(view)
    frames = max(2, round(options.seconds * options.rate))
    size, tick = Size(options.width, options.height), Fraction(1, options.rate)
    sign = 1 if options.direction == "right" else -1
    with mp4_file(path, item.name, movflags="+faststart") as target:
        stream = None
        for number in range(frames):
            progress(number / frames, "")
            camera = renderer.camera.spun(sign * ROUND_DEG * number / frames)
            pixels = even_sides(renderer.render(size, camera, quick=not options.smooth))
            if stream is None:
                encoder = {"crf": CRF[options.quality], "preset": PRESET, "bf": "0"}
                stream = add_picture(target, pixels, tick, Fraction(options.rate), encoder)
            target.mux(stream.encode(encoded_form(pixels, number / options.rate, tick)))
        assert stream is not None
        target.mux(stream.encode())


EXPORTERS.register(
    Exporter(
        "turntable",
        "Turntable video",
        ".mp4",
        of(Scene3D),
        _write,
        "A film of the scene that turns once about its upright axis.",
        params=TurntableOptions,
        keywords=("3D film", "rotation", "spin", "orbit", "회전 동영상", "턴테이블"),
    )
)
