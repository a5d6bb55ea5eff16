"""Theme of the window: neutral greys and one accent for each theme, and one typeface for Korean and Latin."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Literal, cast

from PySide6.QtCore import Qt, QTemporaryDir
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from cvstudio.foundation.paths import resource
from ui.base.style_sheet import STYLE_SHEET

ThemeName = Literal["dark", "light", "system"]

TEXT_PX = 13
SMALL_PX = 12

WHOLE_ICON = "0 0 24 24"
DIALOG_ICONS = {
    "info": ("info", "link"),
    "question": ("circle-question-mark", "link"),
    "warning": ("triangle-alert", "warning"),
    "error": ("circle-alert", "error"),
    "back": ("chevron-left", "text"),
    "forward": ("chevron-right", "text"),
    "up": ("chevron-up", "text"),
    "folder": ("plus", "text"),
    "list": ("list", "text"),
    "details": ("table", "text"),
}
"""Icon and role of its colour, of message boxes and of the buttons of Qt's own file dialog."""

DOCK_ICONS = {"x": "1 1 22 22", "copy": "1 1 22 22"}
"""View boxes of icons in a dock's title, drawn as large as in that of a section: Qt gives them 12 of 20 pixels."""


@dataclass(frozen=True)
class ThemeColours:
    """Colours of a theme as "#rrggbb".

    Parameters
    ----------
    window, panel, raised, hover : backgrounds, from the back to the front
    canvas : background of pictures; a mid grey in the light theme, as white would make every picture look dark
    space, on_space : background of 3D models, and the text on it
    model : things in space that have no colour of their own
    line : hairlines between areas; decoration only
    edge : outline of controls, with a contrast of 3:1 to their background
    text, quiet, disabled : text on any background; `disabled` has a low contrast on purpose
    accent, on_accent : background of selected or changed controls, and the text on it
    link : the accent as a text colour
    selection : background of selected rows
    error, warning, success : colours of texts and icons
    """

    name: str
    window: str
    canvas: str
    space: str
    on_space: str
    model: str
    panel: str
    raised: str
    hover: str
    line: str
    edge: str
    text: str
    quiet: str
    disabled: str
    accent: str
    on_accent: str
    link: str
    selection: str
    error: str
    warning: str
    success: str


DARK = ThemeColours(
    name="dark",
    window="#16181c",
    canvas="#16181c",
    space="#16181c",
    on_space="#e6e8eb",
    model="#ccd1d9",
    panel="#1d2025",
    raised="#282c33",
    hover="#323740",
    line="#353a43",
    edge="#717987",
    text="#e6e8eb",
    quiet="#9aa1ab",
    disabled="#646b76",
    accent="#4c8dff",
    on_accent="#0b1220",
    link="#84b1ff",
    selection="#21375c",
    error="#ff8a82",
    warning="#f0b849",
    success="#56c990",
)
LIGHT = ThemeColours(
    name="light",
    window="#fafbfc",
    canvas="#8c8f94",
    space="#e9ecf0",
    on_space="#1b1e23",
    model="#8590a0",
    panel="#f1f3f5",
    raised="#e4e7eb",
    hover="#d9dde3",
    line="#cfd4da",
    edge="#757d89",
    text="#1b1e23",
    quiet="#555c67",
    disabled="#9299a4",
    accent="#2468e5",
    on_accent="#ffffff",
    link="#1a55c4",
    selection="#c6dafc",
    error="#a8241d",
    warning="#7a4f00",
    success="#14663a",
)


def rgb(colour: QColor) -> tuple[int, int, int]:
    """Red, green and blue of a colour, 0 to 255."""
    return colour.red(), colour.green(), colour.blue()


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two "#rrggbb" colours, 1 to 21 (WCAG 2.1, relative luminance)."""
    # Imported late: it loads the painters of all results, which the first paint of the window does not need.
    from cvstudio.draw import palette as colours

    return colours.contrast(rgb(QColor(one)), rgb(QColor(other)))


class _State:
    """State of `apply_theme`, the only variable of this module."""

    palette = DARK
    requested: ThemeName = "dark"
    following = False


def current() -> ThemeColours:
    """The palette in use. Query it at each painting, so that a change of theme needs no notification."""
    return _State.palette


@functools.cache
def _colour(value: str) -> QColor:
    return QColor(value)


def colour(role: str, alpha: float = 1.0) -> QColor:
    """A colour of the current palette by its role, e.g. "quiet"; `alpha` 0..1."""
    shade = QColor(_colour(getattr(_State.palette, role)))
    shade.setAlphaF(alpha)
    return shade


@functools.cache
def font_family() -> str:
    """Load the typeface that comes with the program and return its family name. Needs a QApplication.

    Raises
    ------
    FileNotFoundError
        The program's folder of fonts is empty.
    """
    families: list[str] = []
    for path in sorted(resource("fonts").glob("*.otf")):
        families += QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(str(path)))
    if not families:
        raise FileNotFoundError(f"cvstudio is installed incompletely: no font in {resource('fonts')}.")
    return families[0]


def app_font(pixels: int = TEXT_PX, *, bold: bool = False) -> QFont:
    """The program's typeface at `pixels`, with tabular figures, so that changing numbers do not jump."""
    font = QFont(font_family())
    font.setPixelSize(pixels)
    font.setBold(bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def apply_theme(app: QApplication, name: str) -> None:
    """Apply the theme "dark", "light" or "system", which follows changes of the system's theme.

    Raises
    ------
    ValueError
        `name` is none of the three.
    """
    if name not in ("dark", "light", "system"):
        raise ValueError(f"expected 'dark', 'light' or 'system' as theme, found '{name}'")
    _State.requested = cast(ThemeName, name)
    hints = app.styleHints()
    if not _State.following:
        hints.colorSchemeChanged.connect(lambda _: _follow_system())
        _State.following = True
    scheme = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}.get(name, Qt.ColorScheme.Unknown)
    # Title bars and native dialogs follow the scheme; Unknown is that of the system.
    hints.setColorScheme(scheme)
    _apply_palette(app, _requested_palette(app))


def _requested_palette(app: QApplication) -> ThemeColours:
    if _State.requested == "system":
        return LIGHT if _system_scheme(app) == Qt.ColorScheme.Light else DARK
    return LIGHT if _State.requested == "light" else DARK


def _system_scheme(app: QApplication) -> Qt.ColorScheme:
    return app.styleHints().colorScheme()


def _follow_system() -> None:
    app = QApplication.instance()
    if isinstance(app, QApplication) and _requested_palette(app) is not _State.palette:
        _apply_palette(app, _requested_palette(app))


def _apply_palette(app: QApplication, palette: ThemeColours) -> None:
    _State.palette = palette
    app.setFont(app_font())
    app.setPalette(_qt_palette(palette))
    app.setStyleSheet(style_sheet(palette))


def _qt_palette(palette: ThemeColours) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    qt_palette = QPalette()
    for colour_role, shade in {
        role.Window: palette.panel,
        role.WindowText: palette.text,
        role.Base: palette.window,
        role.AlternateBase: palette.panel,
        role.Text: palette.text,
        role.PlaceholderText: palette.quiet,
        role.Button: palette.raised,
        role.ButtonText: palette.text,
        role.BrightText: palette.text,
        role.ToolTipBase: palette.raised,
        role.ToolTipText: palette.text,
        role.Highlight: palette.selection,
        role.HighlightedText: palette.text,
        role.Accent: palette.accent,
        role.Link: palette.link,
        role.LinkVisited: palette.link,
        role.Light: palette.hover,
        role.Midlight: palette.raised,
        role.Mid: palette.line,
        role.Dark: palette.window,
        role.Shadow: palette.window,
    }.items():
        qt_palette.setColor(colour_role, QColor(shade))
    for colour_role in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        qt_palette.setColor(group.Disabled, colour_role, QColor(palette.disabled))
    return qt_palette


@functools.cache
def _arrows() -> QTemporaryDir:
    """Temporary folder of icons that a style sheet needs as files; deleted when the program ends."""
    return QTemporaryDir()


def remove_files() -> None:
    """Remove the temporary files of the style sheet: no widget is drawn any more."""
    _arrows().remove()


def _arrow(name: str, value: str, view: str = WHOLE_ICON) -> str:
    path = Path(_arrows().path(), f"{name}-{value[1:]}.svg")
    if not path.exists():
        text = resource("icons", f"{name}.svg").read_text(encoding="utf-8")
        text = text.replace("currentColor", value).replace(f'viewBox="{WHOLE_ICON}"', f'viewBox="{view}"')
        path.write_text(text, encoding="utf-8")
    return path.as_posix()


def style_sheet(palette: ThemeColours) -> str:
    """The application's style sheet in the colours of `palette`."""
    values = {key: str(value) for key, value in asdict(palette).items()}
    for name in ("chevron-down", "chevron-up", "chevron-right", "check"):
        values[name.replace("-", "_")] = _arrow(name, palette.quiet if name != "check" else palette.on_accent)
    for name, view in DOCK_ICONS.items():
        values[name] = _arrow(name, palette.text, view)
    for key, (name, role) in DIALOG_ICONS.items():
        values[f"dialog_{key}"] = _arrow(name, values[role])
    return Template(STYLE_SHEET).substitute(values, small_px=SMALL_PX, text_px=TEXT_PX)
