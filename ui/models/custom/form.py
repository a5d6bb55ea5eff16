"""The form of a custom model's declaration: one field for each entry of its YAML file."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cvstudio.models import models_for
from cvstudio.models.custom.declaration import MARK, VERSION, from_mapping
from cvstudio.models.custom.decoders import DECODERS, readable_tasks
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.shared.imagenet import MEAN, STD
from ui.base.translate import translated
from ui.models.custom.fields import ChoiceCombo, LabelsField, Numbers

PLAIN_MEAN, PLAIN_STD = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
VALUES = {
    "bytes": (1.0, PLAIN_MEAN, PLAIN_STD),
    "unit": (1 / 255, PLAIN_MEAN, PLAIN_STD),
    "signed": (1 / 127.5, (1.0, 1.0, 1.0), PLAIN_STD),
    "imagenet": (1 / 255, MEAN, STD),
}
"""Common normalisations of pixels 0 to 255 by name: (scale, mean, std)."""


class OwnModelForm(QWidget):
    """Edits the declaration of a custom model.

    Signals
    -------
    changed : the user edited a field
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._model: CustomModel | None = None
        self._filling = False
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 8, 0)
        self._layout.setSpacing(4)
        self._make_answer()
        self._make_input()
        self._make_more()
        self._layout.addStretch(1)

    # Building -------------------------------------------------------------------------------------------------------

    def _section(self, title: str) -> QFormLayout:
        heading = QLabel(title)
        heading.setObjectName("section")
        self._layout.addSpacing(8 if self._layout.count() else 0)
        self._layout.addWidget(heading)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(6)
        self._layout.addLayout(form)
        return form

    def _row(self, form: QFormLayout, title: str, widget: QWidget, tip: str = "") -> QWidget:
        form.addRow(title, widget)
        form.labelForField(widget).setMinimumWidth(92)
        widget.setToolTip(tip)
        return widget

    def _make_answer(self) -> None:
        tr = self.tr
        form = self._section(tr("Model"))
        self.title = QLineEdit()
        self.task = ChoiceCombo([(task.key, translated(task.noun)) for task in readable_tasks()], tr("Task"))
        self.decoder = ChoiceCombo([("", "")], tr("Answer"))
        self.labels = LabelsField()
        self.title.textEdited.connect(self._edited)
        self.task.activated.connect(lambda _: self._task_chosen())
        self.decoder.activated.connect(lambda _: self._decoder_chosen())
        self.labels.changed.connect(self._edited)
        self._row(form, tr("Title"), self.title)
        self._row(form, tr("Task"), self.task)
        self._row(form, tr("Answer"), self.decoder, tr("How its output is read; try until the preview looks right."))
        self._row(form, tr("Labels"), self.labels)

    def _make_input(self) -> None:
        tr = self.tr
        form = self._section(tr("Input"))
        self.width_px, self.height_px = (self._whole(1, 8192) for _ in range(2))
        size = QWidget()
        line = QHBoxLayout(size)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.width_px, 1)
        line.addWidget(QLabel("×"))
        line.addWidget(self.height_px, 1)
        self.layout_order = ChoiceCombo([(name, name) for name in ("NCHW", "NHWC", "CHW", "HWC")], tr("Axes"))
        self.channels = ChoiceCombo([("RGB", "RGB"), ("BGR", "BGR")], tr("Colours"))
        resize_modes = (
            ("letterbox", tr("keep aspect ratio, pad evenly")),
            ("corner", tr("keep aspect ratio, pad right and bottom")),
            ("stretch", tr("stretch")),
            ("crop", tr("keep aspect ratio, centre crop")),
        )
        self.resize_way = ChoiceCombo(resize_modes, tr("Resizing"))
        self.fill = self._whole(0, 255)
        self.crop = self._number(0.05, 1.0, 0.025, 3)
        kinds = (("linear", tr("bilinear")), ("area", tr("area average")))
        self.interpolation = ChoiceCombo(kinds, tr("Interpolation"))
        presets = (
            ("bytes", tr("0 to 255")),
            ("unit", tr("0 to 1")),
            ("signed", tr("-1 to 1")),
            ("imagenet", tr("ImageNet mean and std")),
            ("own", tr("custom")),
        )
        self.values = ChoiceCombo(presets, tr("Values"))
        self.scale, self.mean, self.std = Numbers(tr("Scale")), Numbers(tr("Mean")), Numbers(tr("Deviation"))
        for box in (self.layout_order, self.channels, self.resize_way, self.interpolation):
            box.activated.connect(lambda _: self._edited())
        self.values.activated.connect(lambda _: self._values_chosen())
        for edit in (self.scale, self.mean, self.std):
            edit.textEdited.connect(self._edited)
        self._row(form, tr("Size"), size, tr("Width and height of the input in pixels."))
        self._row(
            form, tr("Resizing"), self.resize_way, tr("How a picture with another aspect ratio is fitted to that size.")
        )
        self._fill_row = self._row(form, tr("Padding grey"), self.fill)
        self._crop_row = self._row(form, tr("Crop fraction"), self.crop, tr("Of the shorter side; .875 is 224 of 256."))
        self._row(form, tr("Colours"), self.channels)
        self._row(form, tr("Values"), self.values)
        formula = tr("The input is (pixels x scale - mean) / deviation, pixels from 0 to 255.")
        self._number_rows = [
            self._row(form, tr("Scale"), self.scale, formula),
            self._row(form, tr("Mean"), self.mean, formula),
            self._row(form, tr("Deviation"), self.std, formula),
        ]
        self._row(form, tr("Axes"), self.layout_order, tr("N picture, C colour, H row, W column."))
        self._row(form, tr("Interpolation"), self.interpolation)
        self._input_form = form

    def _make_more(self) -> None:
        tr = self.tr
        form = self._section(tr("More"))
        kinds = (
            ("", tr("usual for this output")),
            ("none", tr("none")),
            ("sigmoid", "sigmoid"),
            ("softmax", "softmax"),
        )
        self.activation = ChoiceCombo(kinds, tr("Score activation"))
        places = (("pixels", tr("pixels of the input")), ("normalised", tr("0 to 1")))
        self.coordinates = ChoiceCombo(places, tr("Box units"))
        self.first_label = self._whole(-1, 1000)
        regions = [("", tr("whole picture")), *((m.key, m.title) for m in models_for("detect") if "person" in m.labels)]
        self.regions = ChoiceCombo(regions, tr("Applied to"))
        self.margin = self._number(1.0, 3.0, 0.05, 2)
        self.licence = QLineEdit()
        self.licence.setPlaceholderText(tr("as its publisher states it"))
        for box in (self.activation, self.coordinates, self.regions):
            box.activated.connect(lambda _: self._edited())
        self.licence.textEdited.connect(self._edited)
        self._activation_row = self._row(form, tr("Score activation"), self.activation)
        self._places_row = self._row(form, tr("Box units"), self.coordinates)
        self._first_row = self._row(form, tr("First index"), self.first_label, tr("The index of the first label."))
        self._regions_row = self._row(
            form, tr("Applied to"), self.regions, tr("The whole picture, or each person that a detector finds.")
        )
        self._margin_row = self._row(form, tr("Margin"), self.margin, tr("How much is cut out around the box."))
        self._row(form, tr("Licence"), self.licence)
        self._more_form = form

    def _whole(self, low: int, high: int) -> QSpinBox:
        box = QSpinBox()
        box.setRange(low, high)
        self._plain(box)
        box.valueChanged.connect(lambda _: self._edited())
        return box

    def _number(self, low: float, high: float, step: float, decimals: int) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(low, high)
        box.setSingleStep(step)
        box.setDecimals(decimals)
        self._plain(box)
        box.valueChanged.connect(lambda _: self._edited())
        return box

    @staticmethod
    def _plain(box: QAbstractSpinBox) -> None:
        """Style a number field like the text fields: no buttons, the C locale."""
        box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        box.setKeyboardTracking(False)
        box.setLocale(QLocale.c())
        box.lineEdit().setTextMargins(6, 0, 6, 0)

    # Content --------------------------------------------------------------------------------------------------------

    def show_model(self, model: CustomModel) -> None:
        """Show a declaration; emits nothing."""
        self._filling = True
        self._model = model
        preparation = model.input
        self.title.setText(model.title)
        self.task.choose(model.task)
        self._offer_decoders()
        self.decoder.choose(model.decoder)
        self.labels.show_labels(model.labels, model.label_set)
        self.width_px.setValue(preparation.size[0])
        self.height_px.setValue(preparation.size[1])
        self.layout_order.choose(preparation.layout)
        self.channels.choose(preparation.channels)
        self.resize_way.choose(preparation.resize)
        self.fill.setValue(preparation.fill)
        self.crop.setValue(preparation.crop)
        self.interpolation.choose(preparation.interpolation)
        normalisation = (preparation.scale, preparation.mean, preparation.std)
        self.values.choose(next((key for key, numbers in VALUES.items() if _alike(numbers, normalisation)), "own"))
        self._show_numbers(*normalisation)
        self.activation.choose(model.activation)
        self.coordinates.choose(model.coordinates)
        self.first_label.setValue(model.first_label)
        self.regions.choose(model.regions)
        self.margin.setValue(model.region_margin)
        self.licence.setText(model.licence)
        self._filling = False
        self._arrange()

    def model(self) -> CustomModel:
        """The declaration that the fields describe. Raises CustomModelError where they do not make a valid one."""
        assert self._model is not None
        shown = self._model
        scale = self.scale.numbers()
        values: dict[str, Any] = {
            MARK: VERSION,
            "file": str(shown.file),
            "key": shown.key,
            "title": self.title.text().strip() or shown.file.stem,
            "task": self.task.value,
            "decoder": self.decoder.value,
            "labels": self.labels.value(),
            "input": {
                "size": [self.width_px.value(), self.height_px.value()],
                "resize": self.resize_way.value,
                "fill": self.fill.value(),
                "crop": self.crop.value() if self.resize_way.value == "crop" else 1.0,
                "interpolation": self.interpolation.value,
                "layout": self.layout_order.value,
                "channels": self.channels.value,
                "scale": scale[0] if isinstance(scale, list) and len(scale) == 1 else self.scale.text(),
                "mean": self.mean.numbers(),
                "std": self.std.numbers(),
            },
            "activation": self.activation.value,
            "coordinates": self.coordinates.value,
            "first_label": self.first_label.value(),
            "licence": self.licence.text().strip(),
        }
        # Entries that the form does not show keep their declared values.
        for name in ("summary", "paper", "year", "source", "trained_on", "metrics", "score", "iou", "region_label"):
            values[name] = getattr(shown, name)
        if self.task.value == "keypoints":
            values |= {"regions": self.regions.value, "region_margin": self.margin.value()}
            fitting = [list(pair) for pair in shown.skeleton if max(pair) < len(shown.labels)]
            values["skeleton"] = fitting if self.labels.value() in (shown.label_set, list(shown.labels)) else []
        return from_mapping(values, shown.file.parent, shown.file.name)

    def _edited(self, *_: Any) -> None:
        if not self._filling and self._model is not None:
            self._arrange()
            self.changed.emit()

    def _task_chosen(self) -> None:
        self._offer_decoders()
        self._edited()

    def _decoder_chosen(self) -> None:
        if self.decoder.value == "yolox" and self._model is not None and self._model.decoder != "yolox":
            # All published YOLOX checkpoints expect this preparation.
            self.resize_way.choose("corner")
            self.channels.choose("BGR")
            self.values.choose("bytes")
            self._show_numbers(*VALUES["bytes"])
        self._edited()

    def _values_chosen(self) -> None:
        if self.values.value in VALUES:
            self._show_numbers(*VALUES[self.values.value])
        self._edited()

    def _show_numbers(self, scale: float, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.scale.show_numbers([scale])
        self.mean.show_numbers(mean)
        self.std.show_numbers(std)

    def _offer_decoders(self) -> None:
        task = self.task.value
        self.decoder.set_options([(d.key, translated(d.title)) for d in DECODERS.values() if d.task == task])

    def _arrange(self) -> None:
        """Show the rows that apply to the chosen task, decoder and resizing."""
        task, decoder, resize = self.task.value, self.decoder.value, self.resize_way.value
        self._input_form.setRowVisible(self._fill_row, resize in ("letterbox", "corner"))
        self._input_form.setRowVisible(self._crop_row, resize == "crop")
        for row in self._number_rows:
            self._input_form.setRowVisible(row, self.values.value == "own")
        boxes = decoder in ("ssd", "rows")
        self._more_form.setRowVisible(self._activation_row, task == "detect" and decoder != "rows")
        self._more_form.setRowVisible(self._places_row, boxes)
        self._more_form.setRowVisible(self._first_row, boxes or decoder == "class-map")
        self._more_form.setRowVisible(self._regions_row, task == "keypoints")
        self._more_form.setRowVisible(self._margin_row, task == "keypoints" and bool(self.regions.value))


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two (scale, mean, std) are equal within 1e-5."""
    first, second = (np.hstack([np.ravel(part) for part in numbers]) for numbers in (one, other))
    return bool(np.allclose(first, second, atol=1e-5))
