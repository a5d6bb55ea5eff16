"""The settings page: folders, cache size, language, theme, default models, device and precision.

Each change is applied at once and remembered; there is nothing to confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QScrollArea, QVBoxLayout, QWidget

from cvstudio.foundation.params import Choices, Doc, Field, Folder, Range
from cvstudio.models import MODELS, models_for
from cvstudio.models.default_models import DEFAULT_MODELS, preferred_model
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS
from cvstudio.models.tasks import TASKS
from ui.base.settings import CACHE_MB, MAX_CACHE_MB, MIN_CACHE_MB
from ui.widgets.param_form import ParamForm

if TYPE_CHECKING:
    from ui.window.window_base import Window

WIDTH, HEIGHT = 520, 620
MODEL = "model "
"""Beginning of the names of the fields for default models; the key of the task follows."""


def _field(name: str, kind: Any, default: Any, title: str, what: str, **more: Any) -> Field:
    return Field(name, kind, default, Doc(title, what), **more)


def _folders() -> list[Field]:
    last = Folder(empty="last used")
    return [
        _field("folders/open", "folder", "", "Open from", "Where the file dialogs start.", folder=last),
        _field("folders/export", "folder", "", "Export to", "Where exports are saved.", folder=last),
        _field("folders/project", "folder", "", "Projects", "Where projects are saved.", folder=last),
    ]


def _appearance() -> list[Field]:
    themes = Choices(("dark", "light", "system"), ("Dark theme", "Light theme", "System theme"))
    languages = Choices(("en",), ("English",))
    return [
        _field("theme", "choice", "system", "Theme", "Colours of the window.", choices=themes),
        _field("language", "choice", "en", "Language", "English is the only language so far.", choices=languages),
    ]


def _performance() -> list[Field]:
    precisions = Choices(REQUESTED_PRECISIONS, ("Fastest with the same results", "float32", "bfloat16"))
    size = Range(MIN_CACHE_MB, MAX_CACHE_MB, step=64, unit="MB")
    return [
        _field("device", "choice", "auto", "Device", "Where networks run.", choices=Choices(("auto",), ("Automatic",))),
        _field("precision", "choice", "auto", "Precision", "Number format of networks.", choices=precisions),
        _field("cache-mb", "int", CACHE_MB, "Cache", "Memory for results, so that nothing runs twice.", range=size),
    ]


def _models() -> list[Field]:
    fields = []
    for task in TASKS.values():
        models = models_for(task.key)
        if models:
            choices = Choices(
                tuple(model.key for model in models), tuple(model.title for model in models), empty="recommended"
            )
            what = "The model that new analyses start with."
            fields.append(_field(MODEL + task.key, "choice", "", task.title, what, choices=choices))
    return fields


class SettingsPage(QDialog):
    """Not modal: what a setting changes is seen at once."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("settings-page")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Settings"))
        body = QWidget()
        self._body = QVBoxLayout(body)
        self._body.setContentsMargins(24, 20, 24, 20)
        self._body.setSpacing(8)
        self.forms: dict[str, ParamForm] = {}
        self._sections = {
            "appearance": (self.tr("Appearance"), _appearance()),
            "folders": (self.tr("Folders"), _folders()),
            "performance": (self.tr("Performance"), _performance()),
            "models": (self.tr("Default models"), _models()),
        }
        for key, (title, _) in self._sections.items():
            self._add(key, title)
        self._body.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        buttons = QDialogButtonBox()
        buttons.setContentsMargins(24, 8, 24, 16)
        close = buttons.addButton(self.tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        close.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        window.device_picker.listed.connect(self.fill)
        window.device_picker.look()
        self.fill()
        self.resize(min(WIDTH, window.width() - 32), min(HEIGHT, window.height() - 48))
        self.show()

    def _add(self, key: str, title: str) -> None:
        heading = QLabel(title)
        heading.setObjectName("card-title")
        self._body.addWidget(heading)
        form = ParamForm()
        form.edited.connect(self._apply)
        self.forms[key] = form
        self._body.addWidget(form)
        if key == "appearance":
            note = QLabel(self.tr("English is the only language so far; a Korean translation is not available yet."))
            note.setObjectName("small")
            note.setWordWrap(True)
            self._body.addWidget(note)
        self._body.addSpacing(8)

    def fill(self) -> None:
        """Show the current settings."""
        devices = dict(self._window.device_picker.choices)
        for key, (_, fields) in self._sections.items():
            if key == "performance":
                fields = [self._with_devices(field, devices) if field.name == "device" else field for field in fields]
            self.forms[key].set_fields(fields, self.values())
        # One column of fields for all sections.
        widest = max(form.label_width for form in self.forms.values())
        for form in self.forms.values():
            form.set_least_label_width(widest)

    @staticmethod
    def _with_devices(field: Field, devices: Mapping[str, str]) -> Field:
        return _field(
            field.name,
            field.kind,
            field.default,
            field.doc.title,
            field.doc.what,
            choices=Choices(tuple(devices), tuple(devices.values())),
        )

    def values(self) -> dict[str, Any]:
        """The current settings by name."""
        settings, host = self._window.settings, self._window.controller.pipeline.host
        values: dict[str, Any] = {name: settings.text(name, "") for name in (f.name for f in _folders())}
        values["theme"] = settings.text("theme", "system")
        values["language"] = "en"
        values["device"] = host.requested_device
        values["precision"] = host.precision
        values["cache-mb"] = settings.cache_mb
        for task in TASKS:
            key = preferred_model(task)
            values[MODEL + task] = key if key in MODELS else ""
        return values

    def _apply(self, name: str, value: Any, dragging: bool) -> None:
        window = self._window
        if name == "theme":
            window.set_theme(value)
        elif name == "device":
            window.device_picker.choose(value)
        elif name == "precision":
            window.set_precision(value)
        elif name == "cache-mb":
            window.set_cache_mb(int(value))
        elif name.startswith(MODEL):
            self._prefer(name.removeprefix(MODEL), value)
        elif name != "language":
            window.settings.set(name, value)
        if not dragging:
            self.fill()

    def _prefer(self, task: str, model: str) -> None:
        try:
            DEFAULT_MODELS.put(task, model or None)
        except OSError as error:
            text = QCoreApplication.translate("SettingsPage", "The default model cannot be saved in {path} ({reason}).")
            self._window.notice("error", text.format(path=DEFAULT_MODELS.path, reason=error.strerror))


def show_settings(window: Window) -> SettingsPage:
    """Show the settings page of `window`, in front where it is open already."""
    page = window.findChild(SettingsPage) or SettingsPage(window)
    page.raise_()
    page.activateWindow()
    return page
