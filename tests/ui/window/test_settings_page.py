"""The settings page: opened by key and palette, applied at once, remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton

from cvstudio.foundation.text_search import ranked
from cvstudio.models.default_models import preferred_model
from ui.base import theme
from ui.base.settings import Settings
from ui.window.main_window import MainWindow
from ui.window.settings_page import SettingsPage, show_settings


@pytest.fixture(autouse=True)
def devices_are_listed(window: MainWindow, qtbot: Any) -> Iterator[None]:
    """Looking for accelerators imports torch, which no closing window waits for."""
    yield
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=60_000)


@pytest.fixture
def page(window: MainWindow) -> SettingsPage:
    return show_settings(window)


def edit(page: SettingsPage, section: str, name: str, value: Any) -> None:
    """As the user does: the row shows the value and tells it."""
    row = page.forms[section].row(name)
    row.show_value(value)
    row.edit(row.value(), dragging=False)


def test_it_opens_by_its_key_and_from_the_palette(window: MainWindow, qtbot: Any) -> None:
    QTest.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.findChild(SettingsPage) is not None)
    page = window.findChild(SettingsPage)
    assert page.isVisible()
    assert not page.isModal()
    assert show_settings(window) is page
    for words in ("settings", "preferences", "language", "cache size", "설정"):
        assert ranked(window.palette_entries(), words)[0].key == "command:settings", words
    page.reject()


def test_the_theme_changes_at_once_and_stays(page: SettingsPage, window: MainWindow) -> None:
    edit(page, "appearance", "theme", "light")
    assert theme.current().name == "light"
    assert Settings().text("theme", "") == "light"
    edit(page, "appearance", "theme", "dark")
    assert theme.current().name == "dark"


def test_language_says_what_there_is(page: SettingsPage) -> None:
    assert page.forms["appearance"].row("language").value() == "en"
    assert any("English is the only language" in label.text() for label in page.findChildren(QLabel))


def test_the_cache_keeps_to_its_size_at_once_and_at_the_next_start(page: SettingsPage, window: MainWindow) -> None:
    import numpy as np

    cache = window.controller.pipeline.cache
    assert cache.budget_bytes == 1024 << 20
    for number in range(4):
        cache.put(number, np.zeros(100 << 20, np.uint8))
    edit(page, "performance", "cache-mb", 256)
    assert cache.budget_bytes == 256 << 20
    assert cache.used_bytes <= 256 << 20
    assert cache.get(3) is not None
    later = MainWindow()
    assert later.controller.pipeline.cache.budget_bytes == 256 << 20
    later.close()
    later.deleteLater()


@pytest.mark.parametrize("text", ["no number", "-5", "1", str(10**9)])
def test_a_damaged_size_is_none(text: str) -> None:
    settings = Settings()
    settings.set("cache-mb", text)
    assert 128 <= settings.cache_mb <= 16384


def test_device_and_precision(page: SettingsPage, window: MainWindow) -> None:
    edit(page, "performance", "device", "cpu")
    assert window.controller.pipeline.host.requested_device == "cpu"
    assert Settings().text("device", "") == "cpu"
    assert "CPU" in window.device_picker.text()
    edit(page, "performance", "precision", "float32")
    assert window.controller.pipeline.host.precision == "float32"
    assert Settings().text("precision", "") == "float32"
    # And what is chosen elsewhere is shown here.
    window.device_picker.choose("auto")
    page.fill()
    assert page.forms["performance"].row("device").value() == "auto"


def test_folders_are_where_dialogs_begin(
    page: SettingsPage, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[str] = []
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *given: (places.append(given[2]) or [], ""))
    edit(page, "folders", "folders/open", str(tmp_path))
    last = tmp_path / "last"
    last.mkdir()
    window.settings.set("folder", str(last))
    window.opener.ask_files()
    assert places == [str(tmp_path)]
    edit(page, "folders", "folders/open", "")
    window.opener.ask_files()
    assert places[1] == str(last)
    edit(page, "folders", "folders/project", str(tmp_path))
    assert window.project._folder == str(tmp_path)


def test_a_default_model_is_what_analyses_begin_with(page: SettingsPage, window: MainWindow) -> None:
    edit(page, "models", "model detect", "haar-face")
    assert preferred_model("detect") == "haar-face"
    window.controller.use_analysis("detect")
    assert window.controller.session.state.instance.model == "haar-face"
    # One that an analysis cannot use leaves it its own.
    window.controller.use_analysis("attention")
    assert window.controller.session.state.instance.model != "haar-face"
    edit(page, "models", "model detect", "")
    assert preferred_model("detect") == ""


@pytest.mark.parametrize("size", [(1024, 700), (1280, 800)])
def test_it_fits_the_window(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    page = show_settings(window)
    assert page.height() <= size[1] - 40
    for form in page.forms.values():
        assert form.minimumSizeHint().width() <= page.width() - 48


def test_no_value_looks_like_the_button_that_enter_presses(page: SettingsPage) -> None:
    buttons = page.findChildren(QPushButton)
    folders = [button for button in buttons if button.objectName() == "value-button"]
    assert len(folders) == 3
    folders[0].setFocus()
    assert [button.text() for button in buttons if button.isDefault()] == ["Close"]


def test_the_fields_of_all_sections_stand_in_one_column(page: SettingsPage, qtbot: Any) -> None:
    def places() -> set[int]:
        rows = [form.row(field.name) for form in page.forms.values() for field in form._fields]
        return {row.label.mapTo(page, row.label.rect().topLeft()).x() + row.label.width() for row in rows}

    qtbot.waitUntil(lambda: len(places()) == 1)


def test_all_fields_begin_in_one_line(page: SettingsPage, qtbot: Any) -> None:
    rows = [form.row(field.name) for form in page.forms.values() for field in form._fields]

    def begins() -> set[int]:
        return {row.label.mapTo(page, QPoint(row.label.width(), 0)).x() for row in rows}

    qtbot.waitUntil(lambda: len(begins()) == 1)
    # Nor does a picture move the text of one.
    buttons = [button for row in rows for button in row.findChildren(QPushButton)]
    assert len(buttons) == 3
    assert all(button.icon().isNull() for button in buttons)
