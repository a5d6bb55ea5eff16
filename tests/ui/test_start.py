"""The window's first picture comes before everything that it does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ui.panels import PANELS
from ui.window.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[2]

LATE = (
    "cvstudio.models.catalogue",
    "cvstudio.draw",
    "cvstudio.exporters.",
    "cvstudio.media.formats.",
    "cvstudio.media.pictures.",
    "cvstudio.models.custom",
    "cvstudio.results.agreements.agreement",
    "cvstudio.results.detections",
    "cvstudio.training",
    "cvstudio.weights.",
    "email",
    "fractions",
    "html",
    "importlib.metadata",
    "logging.handlers",
    "numpy.",
    "platform",
    "statistics",
    "subprocess",
    "xxhash",
    "ui.models.checkpoints",
    "ui.files.export_dialog",
    "ui.files.exporting",
    "ui.models.custom",
    "ui.models.timm_search",
    "ui.training",
    "ui.views.canvas",
    "ui.views.welcome",
    "ui.widgets.rows.choice_rows",
    "ui.models.model_chooser",
    "ui.window.workspace",
)
"""Modules, and what lies in them, that the first picture does without."""

HEAVY = ("PIL", "av", "cv2", "open3d", "openvino", "pyqtgraph", "scipy", "sounddevice", "torch")

START = """
import json, sys
from ui.app import make_application
app = make_application()
from ui.window.main_window import MainWindow
window = MainWindow(late=True)
window.show()
from PySide6.QtTest import QTest
assert QTest.qWaitForWindowExposed(window)
seen = list(sys.modules)
while not hasattr(window, "workspace"):
    app.processEvents()
from cvstudio.analyses import ANALYSES
from ui.panels import PANELS
print(json.dumps({
    "seen": seen,
    "then": sorted(sys.modules),
    "broken": [str(row) for row in (*ANALYSES.broken, *PANELS.broken)],
}))
window.close()
"""


@pytest.fixture(scope="module")
def started() -> dict[str, list[str]]:
    """The modules at the first picture of a fresh program, and when the window is complete."""
    done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def _of(names: list[str], places: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(name == place or name.startswith(place) for place in places)]


def test_the_first_picture_waits_for_nothing_that_it_does_without(started: dict[str, list[str]]) -> None:
    assert _of(started["seen"], LATE) == []
    assert _of(started["then"], LATE) != []
    assert started["broken"] == []


def test_no_source_is_read_when_a_module_is_imported() -> None:
    code = (
        "import linecache, ui.app\n"
        "from ui.window.main_window import MainWindow\n"
        "from email.message import Message\n"
        "print(*linecache.cache)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert [path for path in done.stdout.split() if path.endswith(("main_window.py", "message.py"))] == []


def test_the_way_to_the_window_imports_no_command_line_tool() -> None:
    code = (
        "import sys, ui.app, ui.launch\n"
        "ui.app.run_window = lambda words: print(*sys.modules) or 0\n"
        "sys.exit(ui.launch.main(['picture.jpg']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    assert "ui.app" in names
    assert _of(names, ("cvstudio.cli.main", "cvstudio.evaluation", "http", "ssl")) == []


def test_no_analysis_model_or_checkpoint_is_imported_for_the_first_picture(
    started: dict[str, list[str]],
) -> None:
    # Declarations and what loads networks; what else stands in a folder of these rooms is an entry, or helps one.
    rooms = [f"cvstudio.{room}." for room in ("analyses", "models", "weights")]
    early = {name for name in started["seen"] for room in rooms if name.startswith(room) and name.count(".") > 2}
    tuning = {"cvstudio.models.inspection.tuning_process"}
    assert {name for name in early if not name.startswith("cvstudio.models.runtime.")} <= tuning
    assert any(name.startswith("cvstudio.analyses.detection.") for name in started["then"])


def test_nothing_heavy_is_imported_until_the_window_is_complete(started: dict[str, list[str]]) -> None:
    assert {name.split(".")[0] for name in started["then"]} & set(HEAVY) == set()


def test_what_is_late_follows_the_first_picture_by_itself(qtbot: QtBot) -> None:
    window = MainWindow(late=True)
    front = [panel.key for panel in PANELS if panel.in_first_picture]
    assert all(window.docks[key].widget() is not None for key in front)
    with qtbot.waitSignal(window.completed):
        window.show()
    assert all(dock.widget() is not None for dock in window.docks.values())
    assert window.welcome.isVisible()
    assert window.docks["analysis"].widget().analysis.count() > 5
    assert window.actions_by_key["open"].isEnabled()
    commands = window.commands
    window.complete()
    assert window.commands is commands
    window.close()
    window.deleteLater()


def test_a_panel_that_was_left_open_is_in_the_first_picture(qtbot: QtBot) -> None:
    first = MainWindow()
    first.show_panel("performance")
    first.close()
    second = MainWindow(late=True)
    assert second.docks["performance"].widget() is not None
    assert second.docks["comparison"].widget() is None
    second.close()
    for window in (first, second):
        window.deleteLater()


def test_a_window_that_is_never_seen_can_be_closed(qtbot: QtBot) -> None:
    window = MainWindow(late=True)
    assert window.close()
    window.deleteLater()
