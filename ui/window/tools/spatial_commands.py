"""Commands of the 3D view: standard views, projection, styles, measuring."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from ui.base.command import Command

if TYPE_CHECKING:
    from ui.views.spatial.view import SpatialView
    from ui.window.tools.spatial_files import SpatialFiles
    from ui.window.window_base import Window


def spatial_commands(window: Window) -> list[Command]:
    """The commands in the order of their menu."""
    tr, spatial = window.tr, window.controller.spatial

    def on_view(run: Callable[[SpatialView], object]) -> Callable[[], None]:
        def act() -> None:
            if window.workspace.space is not None and window.workspace.space.isVisible():
                run(window.workspace.space.view)

        return act

    def look_from(name: str) -> Callable[[], None]:
        return on_view(lambda view: view.look_from(name))

    def toggle(name: str) -> Callable[[], None]:
        return lambda: spatial.set_look(name, not getattr(spatial.look(), name))

    def style(name: str) -> Callable[[], None]:
        return lambda: spatial.set_look("style", name)

    @cache
    def files() -> SpatialFiles:
        # Imported with the first file that is saved.
        from ui.window.tools.spatial_files import SpatialFiles

        return SpatialFiles(window, window.controller, window.settings, window.notices)

    views = (
        ("front", tr("Front View"), "1", ("front", "앞에서 보기", "정면")),
        ("right", tr("Right View"), "3", ("side", "오른쪽에서 보기", "측면")),
        ("top", tr("Top View"), "7", ("above", "plan", "위에서 보기", "평면")),
        ("back", tr("Back View"), "", ("rear", "뒤에서 보기", "후면")),
        ("left", tr("Left View"), "", ("side", "왼쪽에서 보기", "측면")),
        ("bottom", tr("Bottom View"), "", ("below", "아래에서 보기", "저면")),
        ("corner", tr("Corner View"), "", ("isometric", "three quarter", "비스듬히 보기")),
    )
    styles = (
        ("smooth", tr("Smooth Shading"), ("Gouraud", "Phong", "shaded", "부드러운 음영")),
        ("flat", tr("Flat Shading"), ("faces", "면 음영")),
        ("edges", tr("Shading with Edges"), ("mesh lines", "모서리 표시")),
        ("wireframe", tr("Wireframe"), ("edges only", "와이어프레임", "철망")),
        ("points", tr("Vertices as Points"), ("vertices", "point style", "꼭짓점")),
    )
    return [
        Command(
            *("space-fit", tr("Fit Objects in 3D View"), on_view(lambda view: view.fit()), "space", ("F",), "scan"),
            ("zoom all", "reset view", "3D 맞춤", "전체 보기"),
        ),
        *(
            Command(
                f"space-{name}",
                title,
                look_from(name),
                "space",
                (key,) if key else (),
                "",
                ("3D view", *words),
                separated=name == "front",
            )
            for name, title, key, words in views
        ),
        Command(
            *("space-orthographic", tr("Orthographic Projection"), toggle("orthographic"), "space", ("5",), "box"),
            ("perspective", "parallel projection", "직교 투영", "원근 투영"),
            separated=True,
            checked=lambda: spatial.look().orthographic,
        ),
        *(
            Command(
                f"space-style-{name}",
                title,
                style(name),
                "space",
                (),
                "",
                ("3D style", *words),
                separated=name == "smooth",
                checked=partial(lambda name: spatial.look().style == name, name),
            )
            for name, title, words in styles
        ),
        Command(
            *("space-grid", tr("Grid on the Ground"), toggle("grid"), "space", (), "layout-grid"),
            ("3D grid", "floor", "격자", "바닥"),
            separated=True,
            checked=lambda: spatial.look().grid,
        ),
        Command(
            *("space-axes", tr("Axes with Coordinates"), toggle("axes"), "space", (), "move"),
            ("bounding box", "extent", "3D axes", "좌표축"),
            checked=lambda: spatial.look().axes,
        ),
        Command(
            *("space-measure", tr("Measure Lengths and Angles"), on_view(_toggle_measuring), "space", (), "crosshair"),
            ("ruler", "distance", "angle", "거리 재기", "각도 재기", "측정"),
        ),
        Command(
            *("space-show-all", tr("Show All Objects"), spatial.show_all, "space", (), "eye"),
            ("unhide", "3D objects", "모두 보이기"),
        ),
        Command(
            "space-picture",
            tr("Save 3D View as Picture …"),
            on_view(lambda view: files().ask_picture(view)),
            "space",
            (),
            "image",
            ("screenshot", "render", "3D 화면 저장", "스크린샷"),
            True,
        ),
        Command(
            "space-turntable",
            tr("Save Turntable Video …"),
            on_view(lambda view: files().ask_turntable(view)),
            "space",
            (),
            "film",
            ("spin", "orbit", "3D film", "회전 동영상", "턴테이블"),
        ),
    ]


def _toggle_measuring(view: SpatialView) -> None:
    view.set_measuring(not view.measuring)
