"""The analysis panel: analysis, model and inputs, and a form of the declared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet, Binding
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.params import Field, fields_of
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from cvstudio.models import MODELS
from cvstudio.session.layers import is_alone
from cvstudio.session.partners import open_label_sets
from cvstudio.session.session import State, differ_in_values
from ui.base.icons import icon
from ui.base.settings import downloads_folder, first_folder
from ui.base.translate import translated
from ui.control.frame_on_screen import FrameOnScreen
from ui.panels import PANELS
from ui.panels._input_choices import FormFacts, input_choices, unknown_ranges
from ui.panels._slices_line import SlicesLine
from ui.panels.base import Panel, PanelContext
from ui.panels.layer_menu import LayerMenu, what_it_needs
from ui.widgets.elided_combo import ElidedCombo
from ui.widgets.param_form import ParamForm
from ui.widgets.rows.input_row import InputRow
from ui.widgets.settle import settle

if TYPE_CHECKING:
    from ui.models.model_card import CardPopup
    from ui.models.model_chooser import ModelChooser

KNOWN = "analysis/known"
"""Setting with the keys of the analyses that were used before."""

WIDTH = 300
"""Least width in pixels that has room for a slider beside its label and number."""


class AnalysisPanel(QScrollArea):
    """Controls of the current analysis."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._settings = context.settings
        self._known = [key for key in self._settings.text(KNOWN, "").split(",") if key]
        self._facts = FormFacts()
        self._fitted: Media | None = None  # the medium whose fitting analyses the list tells
        self._introduced = ""  # the analysis whose description is shown, at its first use
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(WIDTH)
        body = self._body = QWidget()
        self._layout = QVBoxLayout(body)
        self._layout.setContentsMargins(12, 12, 12, 12)
        self._layout.setSpacing(12)
        self.setWidget(body)

        self.analysis = ElidedCombo()
        self.analysis.setObjectName("analysis-picker")
        self.analysis.setAccessibleName(self.tr("Analysis"))
        self.analysis.setPlaceholderText(self.tr("What do you want to do?"))
        self.analysis.activated.connect(lambda _: controller.use_analysis(self.analysis.currentData()))
        self._visible = QToolButton()
        self._visible.setObjectName("visible-button")
        self._visible.setCheckable(True)
        self._visible.setToolTip(self.tr("Show or hide this result (V)"))
        self._visible.setAccessibleName(self.tr("Show result"))
        self._visible.clicked.connect(self._toggle_visible)
        self.analysis.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.analysis.setMinimumContentsLength(8)
        top = QHBoxLayout()
        top.addWidget(self.analysis, 1)
        top.addWidget(self._visible)
        stack = QToolButton()
        stack.setObjectName("stack-button")
        stack.setIcon(icon("layers"))
        stack.setToolTip(self.tr("Add another analysis as a layer on top"))
        stack.setAccessibleName(self.tr("Add as a layer"))
        stack.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        stack.setMenu(LayerMenu(controller.layers, stack))
        top.addWidget(stack)
        self._layout.addLayout(top)

        self._summary = QLabel()
        self._summary.setObjectName("quiet")
        self._summary.setWordWrap(True)
        self._layout.addWidget(self._summary)

        self._inputs = QFormLayout()
        self._inputs.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._inputs.setContentsMargins(0, 0, 0, 0)
        self._inputs.setSpacing(8)
        self._layout.addLayout(self._inputs)
        self._rows: dict[str, InputRow] = {}
        self._model: ModelChooser | None = None
        self._shape: tuple[Any, ...] = ()

        self._message = QLabel()
        self._message.setObjectName("message")
        self._message.setWordWrap(True)
        self._message.hide()
        self._layout.addWidget(self._message)

        self.slices = SlicesLine()
        self.slices.wanted.connect(lambda side: controller.set_value("tile", side))
        self._layout.addWidget(self.slices)

        self.form = ParamForm()
        self.form.tallies = self._tallies
        self.form.edited.connect(lambda name, value, dragging: controller.set_value(name, value, dragging=dragging))
        self.form.released.connect(lambda _: controller.end_drag())
        self.form.pick_requested.connect(controller.request_pick)
        self._layout.addWidget(self.form)
        self._layout.addStretch(1)

        controller.state_changed.connect(self._state_changed)
        controller.view_changed.connect(self._show)
        controller.weights_changed.connect(self._weights_changed)
        self._update(controller.session.state)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH + 12, 420)

    def complete(self) -> None:
        """List all analyses, which imports them: the window does not wait for it."""
        for spec in ANALYSES:
            self.analysis.addItem(icon(spec.icon), translated(spec.title), spec.key)
        state = self._controller.session.state
        instance = state.instance
        self.analysis.setCurrentIndex(self.analysis.findData(instance.analysis) if instance else -1)
        self._tell_fitting(state)

    def _tell_fitting(self, state: State) -> None:
        """Grey out the analyses that the medium on the canvas cannot be the input of, and say what they need."""
        media, items = state.active_media, self.analysis.model()
        assert isinstance(items, QStandardItemModel)
        if self.analysis.count() and media != self._fitted:
            self._fitted = media
            for row in range(self.analysis.count()):
                spec = ANALYSES[self.analysis.itemData(row)]
                needed = what_it_needs(spec, media)
                item = items.item(row)
                item.setEnabled(not needed)
                item.setToolTip("\n".join(part for part in (translated(spec.summary), needed) if part))

    def _toggle_visible(self) -> None:
        current = self._controller.session.state.instance
        if current is not None:
            self._controller.set_visible(current.id, not current.visible)

    def _state_changed(self, old: State, new: State) -> None:
        if new.instance is not None and differ_in_values(old, new) and not is_alone(new):
            self._fill_form(new.instance)
        else:
            self._update(new)

    def _update(self, state: State) -> None:
        self._tell_fitting(state)
        alone = is_alone(state)
        instance = None if alone else state.instance
        self._visible.setVisible(instance is not None)
        # Ranges that depend on an input are unknown until it is chosen.
        self.form.setVisible(instance is not None and (instance.complete or not instance.bindings))
        if instance is None:
            self.analysis.setCurrentIndex(-1)
            self.analysis.setToolTip(self.tr("What to do with the file"))
            self._summary.show()
            self._summary.setText(
                self.tr("Drag to rotate; the File info panel shows its details. Choose an analysis to do more with it.")
                if alone
                else self.tr("Choose an analysis, or open a file: a suitable analysis starts automatically.")
            )
            self._build_inputs(None, state)
            self._message.hide()
            self.slices.show_for(None)
            return
        self.analysis.setCurrentIndex(self.analysis.findData(instance.analysis))
        self._introduce(instance)
        self._visible.setChecked(instance.visible)
        self._visible.setIcon(icon("eye" if instance.visible else "eye-off"))
        self._build_inputs(instance, state)
        self._fill_form(instance)

    def _introduce(self, instance: AnalysisInstance) -> None:
        """Show the description of an analysis at its first use; later the tooltip of its name has it."""
        key, summary = instance.analysis, translated(instance.spec.summary)
        if key != self._introduced:
            self._introduced = "" if key in self._known else key
            if self._introduced:
                self._known.append(key)
                self._settings.set(KNOWN, ",".join(self._known))
        self._summary.setText(summary)
        self._summary.setVisible(bool(self._introduced))
        self.analysis.setToolTip(summary)

    def _build_inputs(self, instance: AnalysisInstance | None, state: State) -> None:
        shape: tuple[Any, ...] = ()
        if instance is not None:
            models = tuple((model.key, model.title) for model in instance.spec.models)
            # A slider of a file's settings makes other media of it: the rows stay, or they would jump at each tick.
            media = tuple(item.file_id for item in state.media)
            others = tuple((item.id, item.model) for item in state.instances)
            labels = tuple(item.file.key(None) for item in open_label_sets(state))
            shape = (instance.id, instance.analysis, media, others, state.sets, models, labels)
        if shape != self._shape:
            self._shape = shape
            while self._inputs.rowCount():
                self._inputs.removeRow(0)
            self._rows.clear()
            self._model = None
            if instance is not None:
                self._add_pickers(instance, state)
                settle(self._body)
        if instance is None:
            return
        for name, row in self._rows.items():
            row.show_choices(input_choices(instance.spec.slot(name), instance, state))
            row.show_binding(instance.bindings.get(name))
        if self._model is not None:
            self._model.setCurrentIndex(self._model.findData(instance.model))
            self._model.setToolTip(self._model.currentText())
            self._show_model_lines(instance)
            from cvstudio.models.checkpoints import chosen_checkpoint
            from cvstudio.models.custom.store import PREFIX

            chosen = instance.weights or chosen_checkpoint(instance.model)
            self._removal.setVisible(chosen is not None)
            self._removal.setText(self.tr("Stop using {name}").format(name=chosen.name if chosen else ""))

            custom = instance.model.startswith(PREFIX)
            self._own.setIcon(icon("settings" if custom else "plus"))
            self._own.setToolTip(
                self.tr("Change or remove this model") if custom else self.tr("Add a model of your own")
            )
            self._own.setAccessibleName(self._own.toolTip())

    def _add_pickers(self, instance: AnalysisInstance, state: State) -> None:
        binder = self._controller.binder
        for slot in instance.spec.inputs:
            row = InputRow(slot, input_choices(slot, instance, state))
            row.chosen.connect(lambda value, name=slot.name: self._choose(name, value))
            row.typed.connect(lambda value, name=slot.name: binder.bind(name, value, number=instance.id, typing=True))
            row.typing_ended.connect(binder.end_typing)
            row.file_wanted.connect(lambda name=slot.name: self._controller.requests.open_input.emit(name))
            row.labels_wanted.connect(self._controller.requests.open_labels)
            self._rows[slot.name] = row
            self._inputs.addRow(translated(slot.title), row)
        if instance.spec.task:
            from ui.models.better_line import BetterLine
            from ui.models.domain_button import DomainButton
            from ui.models.licence_line import LicenceLine
            from ui.models.model_chooser import ModelChooser

            self._model = ModelChooser(instance.spec.models)
            self._model.setPlaceholderText(self.tr("none yet"))
            self._model.setObjectName("model-picker")
            self._model.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._model.activated.connect(lambda _: self._choose_model())
            catalogue = QAction(self.tr("All models …"), self._model)
            catalogue.triggered.connect(self._show_all)
            self._model.addAction(catalogue)
            if instance.spec.task == "classify":
                timm = QAction(self.tr("More classifiers from timm …"), self._model)
                timm.triggered.connect(self._find_in_timm)
                self._model.addAction(timm)
            checkpoint = QAction(self.tr("Use a checkpoint file …"), self._model)
            checkpoint.setToolTip(self.tr("Load the weights of your own file into this model"))
            checkpoint.triggered.connect(self._choose_weights)
            self._model.addAction(checkpoint)
            self._removal = QAction(self._model)
            self._removal.setToolTip(self.tr("The model goes back to its published weights; the file stays on disk"))
            self._removal.triggered.connect(self._remove_checkpoint)
            self._model.addAction(self._removal)
            about = QToolButton()
            about.setObjectName("about-model-button")
            about.setIcon(icon("info"))
            about.setToolTip(self.tr("Licence, sources and results of this model"))
            about.setAccessibleName(about.toolTip())
            about.clicked.connect(lambda: self.show_card(about))
            self._own = QToolButton()
            self._own.setObjectName("own-model-button")
            self._own.clicked.connect(self._custom_model)
            self._inputs.addRow(self.tr("Model"), self._model)
            self.licence = LicenceLine()
            self.licence.get_requested.connect(self._controller.weights_wanted)
            self.domain = DomainButton()
            self.better = BetterLine()
            self.better.use_requested.connect(self._controller.set_model)
            self.better.get_requested.connect(self._controller.weights_wanted)
            # The buttons of the model stand under it, so that its name has the whole width.
            about_line = QHBoxLayout()
            about_line.setContentsMargins(0, 0, 0, 0)
            about_line.setSpacing(4)
            about_line.addWidget(self.domain)
            about_line.addStretch(1)
            about_line.addWidget(about)
            about_line.addWidget(self._own)
            self._inputs.addRow(about_line)
            self._inputs.addRow(self.licence)
            self._inputs.addRow(self.better)

    def _choose(self, slot: str, value: Binding | MediaSet | None) -> None:
        if isinstance(value, AnnotationSet):
            sets = open_label_sets(self._controller.session.state)
            value = next((item for item in sets if item.file == value), value)
        if isinstance(value, MediaSet):
            self._controller.binder.bind_set(slot, value)
        else:
            self._controller.bind(slot, value)

    def _choose_model(self) -> None:
        if self._model is not None:
            self._controller.set_model(self._model.currentData())

    def _show_all(self) -> None:
        instance = self._controller.session.state.instance
        self._controller.requests.catalogue.emit(instance.spec.task if instance is not None else "")

    def _find_in_timm(self) -> None:
        self._controller.requests.timm_search.emit()

    def _weights_changed(self) -> None:
        instance = self._controller.session.state.instance
        if self._model is not None and instance is not None:
            self._model.tell_terms()
            self._show_model_lines(instance)
            arrived = self.better.arrived()
            if arrived:
                self._controller.set_model(arrived)

    def _show_model_lines(self, instance: AnalysisInstance) -> None:
        """Show domain and terms of the model, and the better one that is offered; a file of the user's has neither."""
        from cvstudio.models.domain import better_model

        model = instance.model_spec
        known = model is not None and instance.weights is None
        self.domain.show_model(model if known else None)
        self.licence.show_terms(model, instance.weights)
        offered = better_model(model, instance.spec.models) if model is not None and known else None
        self.better.show_model(offered, model)

    def show_card(self, anchor: QWidget) -> CardPopup | None:
        """Open the card of the current model beside `anchor`."""
        instance = self._controller.session.state.instance
        spec = instance.model_spec if instance is not None else None
        if instance is None or spec is None:
            return None
        from ui.models.model_card import CardPopup, ModelCardView

        return CardPopup(anchor, ModelCardView(spec, local=instance.weights))

    def _custom_model(self) -> None:
        """Show the form of the custom model in use, or of a new one."""
        from cvstudio.models.custom.store import declaration_of

        instance = self._controller.session.state.instance
        declaration = declaration_of(instance.model) if instance is not None else None
        self._controller.requests.custom_model.emit(declaration)

    def _choose_weights(self) -> None:
        instance = self._controller.session.state.instance
        if instance is None or not instance.model:
            return
        if not MODELS[instance.model].weights:
            text = self.tr("{model} has no weights to replace; choose a network that loads a checkpoint file.")
            self._controller.notice.emit("info", text.format(model=MODELS[instance.model].title))
            return
        kinds = self.tr("Checkpoints (*.pth *.pt *.bin *.ckpt *.tar *.safetensors);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Checkpoint file"), first_folder(downloads_folder()), kinds)
        if name:
            self._controller.set_model(instance.model, Path(name))

    def _remove_checkpoint(self) -> None:
        instance = self._controller.session.state.instance
        if instance is not None:
            self._controller.checkpoints.forget(instance.model)

    def _fill_form(self, instance: AnalysisInstance) -> None:
        if instance.lacks_model:
            self.form.set_fields([], {})
            self.slices.show_for(None)
            return
        self.slices.show_for(instance)
        model = instance.model_spec
        fields: list[Field] = []
        types = instance.spec.params_types(model)
        stages = len(instance.spec.stages)
        # The last stages are changed most, so they come first. Parameters of tracking follow, for moving media only.
        for params_type in reversed(types[:stages]):
            fields.extend(fields_of(params_type))
        media = instance.canvas_media
        for params_type in types[stages:] if media is not None and media.moving else ():
            fields.extend(fields_of(params_type))
        facts = self._facts.latest(instance, self._controller.input_facts(), failed=not self._message.isHidden())
        effective = instance.effective_values()
        values = {field.name: effective[field.name] for field in fields}
        ranges = {}
        options = {}
        for field in fields:
            bounds = instance.spec.bounds(field.range, model) or facts.ranges.get(field.name)
            if bounds is not None:
                ranges[field.name] = bounds
            if field.choices is not None:
                options[field.name] = instance.spec.options(field.choices, model) or facts.options.get(field.name, ())
            if field.folder is not None:
                options[field.name] = self._folders()
            if values[field.name] is None and field.name in facts.values:
                values[field.name] = facts.values[field.name]
        names = {field.name for field in fields}
        defaults = {name: value for name, value in (model.defaults if model else {}).items() if name in names}
        self.form.set_fields(
            fields,
            values,
            ranges=ranges,
            options=options,
            histograms=facts.histograms,
            suggested=facts.suggested,
            defaults={**defaults, **facts.values},
            unknown=unknown_ranges(fields, ranges, instance),
        )

    def _tallies(self) -> Mapping[str, str]:
        from ui.panels._class_tallies import class_tallies

        instance = self._controller.session.state.instance
        return {} if instance is None else class_tallies(instance, self._controller.current_result())

    def _folders(self) -> tuple[str, ...]:
        """Suggested folders: that of the active medium, and the open ones."""
        state = self._controller.session.state
        media = state.active_media
        media_folders = [media.path.parent] if media is not None and media.path.is_absolute() else []
        return tuple(dict.fromkeys(str(path) for path in (*media_folders, *(item.path for item in state.sets))))

    def _show(self, shown: FrameOnScreen) -> None:
        state = self._controller.session.state
        instance = None if is_alone(state) else state.instance
        message = ""
        for layer in shown.layers:
            if instance is not None and layer.layer.instance.id == instance.id:
                message = layer.message
        if not message and instance is not None:
            message = self._elsewhere(instance, state)
        self._message.setText(message)
        self._message.setVisible(bool(message))
        if instance is not None and instance.spec.input_facts is not None:
            self._fill_form(instance)

    def _elsewhere(self, instance: AnalysisInstance, state: State) -> str:
        """Message where the analysis takes another medium than the one on the canvas; empty otherwise."""
        bound, media = instance.canvas_media, state.active_media
        if bound is None or media is None or any(item.id == media.id for item in instance.media):
            return ""
        text = self.tr("This analyses {name}, which is not on the canvas.")
        return text.format(name=bound.name)


PANELS.register(
    Panel(
        "analysis",
        "Analysis",
        Qt.DockWidgetArea.RightDockWidgetArea,
        AnalysisPanel,
        order=10,
        shortcut="Ctrl+Alt+2",
        keywords=("sliders", "settings of the analysis", "분석"),
        icon="sliders-horizontal",
    )
)
