"""Making a new scene: what it is of, and how its picture or video is rendered."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.paths import user_data_dir
from cvstudio.world.recipe import KIND_TITLES, KINDS, SUFFIX, SceneRecipe
from ui.base.translate import translated
from ui.widgets.param_form import ParamForm


class SceneDialog(QDialog):
    """Choice of a scene. Most of it can be changed later, too, in the file's panel.

    Signals
    -------
    chosen : `SceneRecipe` to be opened
    set_wanted : `SceneRecipe` of the first scene of a set to be written
    """

    chosen = Signal(object)
    set_wanted = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("New Scene"))
        self.setMinimumWidth(440)
        self.recipe = SceneRecipe()
        message = QLabel(
            self.tr(
                "A generated scene comes with its ground truth as layers: classes, boxes, masks and key points. More "
                "than one frame makes a video in which the camera and some objects move."
            )
        )
        message.setObjectName("quiet")
        message.setWordWrap(True)
        self.form = ParamForm()
        self.form.set_fields(fields_of(SceneRecipe), dataclasses.asdict(self.recipe))
        self.form.edited.connect(self._edited)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        # The platform's own icon would be the only coloured one.
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.create_button = buttons.addButton(self.tr("Create"), QDialogButtonBox.ButtonRole.AcceptRole)
        set_button = buttons.addButton(self.tr("Write a set …"), QDialogButtonBox.ButtonRole.ActionRole)
        set_button.setToolTip(self.tr("Write many such scenes with all their labels into a folder."))
        set_button.setIcon(QIcon())
        set_button.clicked.connect(self._write)
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(message)
        layout.addWidget(self.form)
        layout.addWidget(buttons)

    def _edited(self, name: str, value: Any, dragging: bool) -> None:
        self.recipe = dataclasses.replace(self.recipe, **{name: value})
        self.form.set_fields(fields_of(SceneRecipe), dataclasses.asdict(self.recipe))

    def _choose(self) -> None:
        self.chosen.emit(self.recipe)
        self.accept()

    def _write(self) -> None:
        self.set_wanted.emit(self.recipe)
        self.accept()


def keep_scene(recipe: SceneRecipe) -> Path:
    """Write the file of a scene into the user's folder of scenes, where it is not there yet. Raises OSError."""
    folder = user_data_dir() / "scenes"
    folder.mkdir(parents=True, exist_ok=True)
    title = translated(KIND_TITLES[KINDS.index(recipe.kind)])
    number, text = 1, recipe.text()
    while True:
        path = folder / f"{title} {recipe.seed}{'' if number == 1 else f' ({number})'}{SUFFIX}"
        if not path.exists():
            break
        if path.read_text(encoding="utf-8", errors="replace") == text:
            return path
        number += 1
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
