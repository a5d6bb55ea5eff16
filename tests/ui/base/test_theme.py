"""Contrast of every text on every ground, and what a change of theme reaches."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontInfo, QIcon
from PySide6.QtWidgets import QApplication, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import Size
from cvstudio.data.samples import TriangleMesh
from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.draw.spatial.scene_view import SceneView, SceneViewRenderer
from cvstudio.results.scene3d import Object3D, Scene3D
from ui.base import theme
from ui.base.icons import icon
from ui.views.spatial.view import SpatialView

TEXTS = ("text", "quiet", "link", "error", "warning", "success")
GROUNDS = ("window", "panel", "raised")
PAIRS = [
    *itertools.product(TEXTS, GROUNDS),
    ("text", "hover"),
    ("text", "line"),
    ("text", "selection"),
    # The second line of a chosen row, and what stands beside a line of the palette that the mouse is on.
    ("quiet", "selection"),
    ("quiet", "hover"),
    ("on_accent", "accent"),
    ("text", "canvas"),
    ("on_space", "space"),
    ("warning", "space"),
]
BOTH = pytest.mark.parametrize("palette", [theme.DARK, theme.LIGHT], ids=lambda palette: palette.name)


@pytest.fixture(autouse=True)
def dark_again(qapp: QApplication) -> object:
    theme.apply_theme(qapp, "dark")
    yield
    theme.apply_theme(qapp, "dark")


def test_contrast_has_the_values_of_the_standard() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert theme.contrast("#4c8dff", "#4c8dff") == pytest.approx(1)


@BOTH
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_is_readable(palette: theme.ThemeColours, text: str, ground: str) -> None:
    assert theme.contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5


@BOTH
@pytest.mark.parametrize(("mark", "ground"), [*itertools.product(("accent", "edge"), GROUNDS)])
def test_what_can_be_used_stands_out(palette: theme.ThemeColours, mark: str, ground: str) -> None:
    assert theme.contrast(getattr(palette, mark), getattr(palette, ground)) >= 3


def test_the_canvas_of_the_light_theme_is_mid_grey() -> None:
    """Between what makes a picture look dark and what makes it look bright."""
    red, green, blue = (int(theme.LIGHT.canvas[start : start + 2], 16) for start in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) <= 12
    assert 110 <= green <= 150
    assert theme.DARK.canvas == theme.DARK.window


@BOTH
@pytest.mark.parametrize("turn_deg", [-50, 0, 50])
def test_a_model_without_colours_stands_out(palette: theme.ThemeColours, turn_deg: float) -> None:
    """Of whatever brightness the ground is, a lit surface can be seen on it."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float64)
    plane = TriangleMesh(corners, np.array([[0, 1, 2]], np.int32))
    colour = tuple(int(palette.model[start : start + 2], 16) for start in (1, 3, 5))
    scene = Scene3D((Object3D("plane", plane, colour=(colour[0], colour[1], colour[2])),))
    camera = OrbitCamera().fitted(np.zeros(3), 1.5).orbited(turn_deg, 0)
    shade = SceneViewRenderer(SceneView(scene, camera=camera)).render(Size(64, 64))[32, 32]
    assert theme.contrast("#{:02x}{:02x}{:02x}".format(*shade), palette.space) >= 2


def test_the_ground_of_models_is_that_of_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    view = SpatialView(lambda job: None)
    qtbot.addWidget(view)
    theme.apply_theme(qapp, "light")
    assert view.grab().toImage().pixelColor(5, 5).name() == theme.LIGHT.space
    backdrop = view._backdrop()
    assert "#{:02x}{:02x}{:02x}".format(*backdrop.surface) == theme.LIGHT.model
    view.close_drawer()


def test_light_mirrors_dark() -> None:
    grounds = ("window", "panel", "raised", "hover", "line")
    for palette, rising in ((theme.DARK, True), (theme.LIGHT, False)):
        lightness = [theme.contrast(getattr(palette, name), "#000000") for name in grounds]
        assert lightness == sorted(lightness, reverse=not rising)


def test_figures_have_one_width(qapp: QApplication) -> None:
    theme.apply_theme(qapp, "dark")
    label = QLabel()
    widths = {label.fontMetrics().horizontalAdvance(figure * 10) for figure in "0123456789"}
    assert len(widths) == 1
    assert QFontInfo(label.font()).family() == theme.font_family()


def test_korean_and_latin_come_from_the_same_face(qapp: QApplication) -> None:
    from PySide6.QtGui import QRawFont

    raw = QRawFont.fromFont(theme.app_font())
    assert all(raw.supportsCharacter(ord(letter)) for letter in "Aé가힣0·×")


def test_an_unknown_theme_is_refused(qapp: QApplication) -> None:
    with pytest.raises(ValueError, match="sepia"):
        theme.apply_theme(qapp, "sepia")


def test_the_system_is_followed(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    # Xvfb has no desktop that could change its mind, so the question is answered here and the signal is Qt's own.
    scheme = Qt.ColorScheme.Dark
    monkeypatch.setattr(theme, "_system_scheme", lambda _: scheme)
    theme.apply_theme(qapp, "system")
    assert theme.current() is theme.DARK
    scheme = Qt.ColorScheme.Light
    qapp.styleHints().colorSchemeChanged.emit(scheme)
    assert theme.current() is theme.LIGHT
    theme.apply_theme(qapp, "dark")
    qapp.styleHints().colorSchemeChanged.emit(scheme)
    assert theme.current() is theme.DARK


def test_an_icon_takes_the_colour_of_the_theme_also_after_it_was_handed_out(qapp: QApplication, qtbot: object) -> None:
    button = QToolButton()
    qtbot.addWidget(button)  # type: ignore[attr-defined]
    button.setIcon(icon("play"))

    def strongest(mode: QIcon.Mode = QIcon.Mode.Normal) -> str:
        picture = button.icon().pixmap(QSize(16, 16), 1.0, mode).toImage()
        pixels = [picture.pixelColor(x, y) for x in range(16) for y in range(16)]
        return max(pixels, key=lambda pixel: pixel.alpha()).name()

    assert strongest() == theme.DARK.text
    assert strongest(QIcon.Mode.Disabled) == theme.DARK.disabled
    theme.apply_theme(qapp, "light")
    assert strongest() == theme.LIGHT.text


def test_an_icon_is_sharp_on_a_dense_screen(qapp: QApplication) -> None:
    picture = icon("play").pixmap(QSize(16, 16), 2.0)
    assert (picture.width(), picture.devicePixelRatio()) == (32, 2.0)


def test_an_icon_never_grows_beyond_its_size(qapp: QApplication) -> None:
    picture = icon("square", 20).pixmap(QSize(60, 60), 1.0).toImage()
    inked = [(x, y) for x in range(60) for y in range(60) if picture.pixelColor(x, y).alpha()]
    assert inked
    assert all(20 <= x < 40 and 20 <= y < 40 for x, y in inked)


def test_an_icon_without_room_is_nothing(qapp: QApplication, capfd: pytest.CaptureFixture[str]) -> None:
    assert icon("play").pixmap(QSize(0, 16), 1.0).isNull()
    assert "QPainter" not in capfd.readouterr().err


def test_an_unknown_icon_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="no-such-icon"):
        icon("no-such-icon")


def test_a_detached_icon_keeps_its_engine(qapp: QApplication) -> None:
    import gc

    copy = QIcon(icon("pause"))
    copy.addPixmap(icon("play").pixmap(16, 16))  # detaches, which clones the engine
    gc.collect()
    assert not copy.pixmap(QSize(16, 16)).isNull()


GLYPHS = """
import sys
from PySide6.QtGui import QTextLayout
from PySide6.QtWidgets import QLabel
from ui.app import make_application
from ui.base import theme
app = make_application()
label = QLabel()
label.setObjectName("small")
label.ensurePolished()
for font in (theme.app_font(), theme.app_font(12, bold=True), label.font()):
    layout = QTextLayout("Open a file \u2026; 12:30, a.b! yes? \u201cx\u201d \u00b7 (1)", font)
    layout.beginLayout()
    layout.createLine()
    layout.endLayout()
    print([list(run.glyphIndexes()) for run in layout.glyphRuns()])
"""


def test_punctuation_is_the_same_under_a_korean_locale() -> None:
    def glyphs(language: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
        root = Path(__file__).parents[3]
        done = subprocess.run(
            [sys.executable, "-c", GLYPHS],
            env={**environment, "LANG": language, "PYTHONPATH": str(root), "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert glyphs("ko_KR.UTF-8") == glyphs("C.UTF-8") != ""
