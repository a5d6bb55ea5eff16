"""Weights in the window: offers and downloads missing ones, and identifies checkpoint files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from cvstudio.analyses import ANALYSES
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.session.session import State
from cvstudio.weights.declaration import Weights
from cvstudio.weights.differences import Differences, MismatchError
from cvstudio.weights.store import ChangedError, WeightsNeededError, cached_path
from ui.base.settings import downloads_folder, first_folder
from ui.base.translate import translated
from ui.control.controller import Controller
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    from cvstudio.models.catalogue.identify import Identified
    from cvstudio.weights.hub import Remote
    from ui.models.checkpoints.consent import ConsentDialog

LANE = "download"
"""A lane of its own: a slow download must not hold up the analyses."""

HUB_LANE = "hub"
"""A lane of its own: a question of seconds must not wait for a download."""

LOOKING_LANE = "checkpoints"
MOST_LOOKED_AT = 20
"""Most files opened at once that are checked for checkpoints; more are taken for media."""


@dataclass(frozen=True)
class Got:
    """Result of a download of published weights."""

    weights: Weights
    path: Path


@dataclass(frozen=True)
class Asked:
    """Answer of the hub about `weights`: the remote file, or the `problem` why there is none."""

    weights: Weights
    remote: Remote | None
    problem: str = ""


@dataclass(frozen=True)
class Looked:
    """Result of identifying a checkpoint file."""

    identified: Identified


class Checkpoints(QObject):
    """Asks for, downloads and identifies weights; `dialogs` are the open ones."""

    def __init__(self, window: QWidget, controller: Controller, notices: Notices) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._notices = notices
        self._getting: dict[tuple[str, str], tuple[Weights, Remote | None]] = {}
        self._missing: dict[str, Weights] = {}  # by the text of the notice about them
        self._mismatched: dict[str, Path | None] = {}
        self.dialogs: list[QDialog] = []
        controller.pipeline.failed.connect(self._failed)
        controller.pipeline.job_event.connect(self._event)
        controller.weights_wanted.connect(self.offer)
        controller.state_changed.connect(self._withdraw)

    # Missing weights ------------------------------------------------------------------------------------------------

    def offer(self, weights: Weights) -> None:
        """Show what would be downloaded, and ask for consent."""
        # Imported with the first question: the window must not wait for it.
        from cvstudio.models.catalogue.offer import make_offer
        from ui.models.checkpoints.consent import ConsentDialog

        if self._owner(weights) in self._getting:
            return
        if (open_dialog := self._asking_for(weights)) is not None:
            open_dialog.raise_()
            open_dialog.activateWindow()
            return
        offer = make_offer(weights, self._title(weights))
        dialog = ConsentDialog(self._window, offer)
        dialog.agreed.connect(lambda remote: self.get(weights, remote))
        dialog.file_wanted.connect(lambda: self._choose_for(weights))
        dialog.asked_again.connect(lambda: self._ask_hub(weights))
        dialog.finished.connect(lambda _: self._controller.pipeline.lanes.cancel(self._asker(weights)))
        self._open(dialog)
        if offer.asks_hub:
            self._ask_hub(weights)

    def _ask_hub(self, weights: Weights) -> None:
        """Ask the hub for size and hash on a worker; the dialog shows that it waits, and closing it cancels."""
        self._show_answer(Asked(weights, None))

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.weights.download import ask_hub

            try:
                yield Asked(weights, ask_hub(weights, progress))
            except WeightsError as error:
                yield Asked(weights, None, str(error))

        self._controller.pipeline.submit(HUB_LANE, Job(self._asker(weights), "", work))

    def _show_answer(self, asked: Asked) -> None:
        """Update the consent dialog, where it is still open, with the answer of the hub."""
        from cvstudio.models.catalogue.offer import make_offer

        dialog = self._asking_for(asked.weights)
        if dialog is not None:
            title = self._title(asked.weights)
            dialog.show_offer(make_offer(asked.weights, title, remote=asked.remote, problem=asked.problem))

    def _asking_for(self, weights: Weights) -> ConsentDialog | None:
        """The open consent dialog of `weights`; None where there is none."""
        from ui.models.checkpoints.consent import ConsentDialog

        consents = (dialog for dialog in self.dialogs if isinstance(dialog, ConsentDialog))
        return next((dialog for dialog in consents if dialog.offer.weights == weights), None)

    def get(self, weights: Weights, shown: Remote | None = None) -> None:
        """Download `weights` on a worker; `shown` is the remote file that the user agreed to."""
        owner = self._owner(weights)
        if owner in self._getting:
            return
        self._getting[owner] = (weights, shown)

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.weights.download import download

            yield Got(weights, download(weights, progress, shown=shown))

        title = self.tr("Downloading {title}").format(title=self._title(weights))
        self._controller.pipeline.submit(LANE, Job(owner, title, work))

    def _event(self, event: Event) -> None:
        value = event.value
        if event.kind == "output" and isinstance(value, Got):
            for text in [text for text, weights in self._missing.items() if weights == value.weights]:
                del self._missing[text]
                self._notices.withdraw(text)
            self._controller.pipeline.forget_failures()
            self._controller.weights_changed.emit()
            self._notices.post("info", self.tr("{title} is downloaded.").format(title=self._title(value.weights)))
            self._controller.refresh()
        elif event.kind == "output" and isinstance(value, Asked):
            self._show_answer(value)
        elif event.kind == "output" and isinstance(value, Looked):
            self._show(value.identified)
        elif event.kind in ("finished", "failed", "cancelled") and event.job.owner in self._getting:
            weights, shown = self._getting.pop(event.job.owner)
            if event.kind == "failed":
                self._offer_again("error", str(value), weights, shown, changed=isinstance(value, ChangedError))
            elif event.kind == "cancelled":
                text = self.tr("The download of {title} is paused; what has arrived is kept.")
                self._offer_again("warning", text.format(title=self._title(weights)), weights, shown)

    def _offer_again(
        self, level: str, text: str, weights: Weights, shown: Remote | None, *, changed: bool = False
    ) -> None:
        """Post a notice that resumes the download; where the remote file has `changed`, it asks for consent anew."""
        text = translated(text)
        again = self.tr("Try again") if level == "error" else self.tr("Resume")
        action = self.tr("Review …") if changed else again

        def run() -> None:
            if changed:
                self.offer(weights)
            else:
                self.get(weights, shown)

        self._notices.post(level, text, action=action, run=run, instead_of=text)

    def _failed(self, title: str, error: Exception) -> None:
        """Replace the plain notice of a failure by one with a button for its remedy."""
        plain_text = translated(str(error))
        if isinstance(error, WeightsNeededError):
            weights = error.weights
            if weights not in self._needed(self._controller.session.state):
                # The user had chosen another model before this one failed.
                self._notices.withdraw(plain_text)
                return
            name, size = self._title(weights), f"{weights.size_bytes / 1e6:.1f} MB"
            damaged = cached_path(weights) is not None
            text = (
                self.tr("The downloaded weights of {title} are damaged ({size}, {licence}).")
                if damaged
                else self.tr("{title} needs its weights ({size}, {licence}), which are not downloaded.")
            )
            text = text.format(title=name, size=size, licence=weights.licence)
            self._missing[text] = weights
            self._notices.post(
                "error",
                text,
                action=self.tr("Download {title} …").format(title=name),
                run=lambda: self.offer(weights),
                instead_of=plain_text,
            )
        elif isinstance(error, MismatchError):
            instance = self._controller.session.state.instance
            path = instance.weights if instance is not None else None
            differences = error.differences
            self._mismatched[translated(differences.sentence())] = path
            self._notices.post(
                "error",
                translated(differences.sentence()),
                action=self.tr("Show differences"),
                run=lambda: self._show_differences(path, differences),
                instead_of=plain_text,
            )

    def _withdraw(self, old: State, new: State) -> None:
        """Withdraw the notices about weights that no model in use needs any more."""
        needed = self._needed(new)
        for text in [text for text, weights in self._missing.items() if weights not in needed]:
            del self._missing[text]
            self._notices.withdraw(text)
        files = {item.weights for item in new.instances}
        for text in [text for text, path in self._mismatched.items() if path not in files]:
            del self._mismatched[text]
            self._notices.withdraw(text)

    @staticmethod
    def _needed(state: State) -> list[Weights]:
        """Published weights of all models in use that have no checkpoint of the user's."""
        models = [item.model_spec for item in state.instances if item.weights is None]
        return [weights for model in models if model is not None for weights in model.weights]

    # The user's files -------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Choose a checkpoint file and identify the models that it fits."""
        name = self._ask_for_file()
        if name:
            self.identify(Path(name))

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Identify the checkpoints among `paths`; returns the other paths."""
        from cvstudio.weights.importing.kinds import is_checkpoint

        checkpoints = [path for path in paths if is_checkpoint(path)] if len(paths) <= MOST_LOOKED_AT else []
        for path in checkpoints:
            self.identify(path)
        return [path for path in paths if path not in checkpoints]

    def identify(self, path: Path) -> None:
        """Read `path` on a worker, compare its tensors with the models', and show the outcome."""

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.models.catalogue.identify import identify

            yield Looked(identify(path, progress))

        title = self.tr("Inspecting {name}").format(name=path.name)
        self._controller.pipeline.submit(LOOKING_LANE, Job(("identify", str(path)), title, work))

    def use(self, model: str, path: Path, *, fits: bool = False) -> None:
        """Use `model` with the weights of the checkpoint `path`; `fits` where its tensors were compared already.

        Where its analysis cannot take what is open, the file is kept for the model, and what is seen stays.
        """
        state = self._controller.session.state
        instance, media = state.instance, state.active_media
        takers = [spec for spec in ANALYSES if spec.takes(MODELS[model])]
        if media is not None and not any(slot.takes(media) for spec in takers for slot in spec.inputs):
            self._keep(model, path, fits=fits)
            return
        # An analysis of the same task may need what this model has not, as anchors.
        if instance is None or not instance.spec.takes(MODELS[model]):
            self._controller.use_analysis(takers[0].key)
        self._controller.set_model(model, path, fits=fits)
        if not self._controller.session.state.media:
            self._notices.post("info", self.tr("{name} is selected; open a picture to use it.").format(name=path.name))

    def _keep(self, model: str, path: Path, *, fits: bool) -> None:
        """Keep the checkpoint `path` for `model`, once the network was loaded with it."""
        controller, spec = self._controller, MODELS[model]
        controller.checkpoints.chosen(model, path, fits=fits)
        if not fits:
            host = controller.pipeline.host

            def work(progress: Progress) -> Iterator[Any]:
                yield host.network(spec, path, progress) is not None

            title = self.tr("Loading {name}").format(name=path.name)
            controller.pipeline.submit("accelerator", Job(("check checkpoint", model), title, work))
        text = self.tr("{model} has its weights from {name}, and is there for files that it takes.")
        self._notices.post("info", text.format(model=spec.title, name=path.name))

    def ask_for_current(self) -> None:
        """Choose another checkpoint file for the model in use."""
        instance = self._controller.session.state.instance
        model = instance.model_spec if instance is not None else None
        if model is not None and model.weights:
            self._choose_for(model.weights[0])

    def _choose_for(self, weights: Weights) -> None:
        name = self._ask_for_file()
        models = [model for model in MODELS if weights in model.weights]
        if name and models:
            self.use(models[0].key, Path(name))

    def _ask_for_file(self) -> str:
        kinds = self.tr("Checkpoints (*.pth *.pt *.bin *.ckpt *.tar *.safetensors *.onnx);;All files (*)")
        folder = first_folder(downloads_folder())
        return QFileDialog.getOpenFileName(self._window, self.tr("Checkpoint file"), folder, kinds)[0]

    def _show(self, identified: Identified) -> None:
        from ui.models.checkpoints.import_dialog import ImportDialog

        dialog = ImportDialog(self._window, identified)
        dialog.chosen.connect(lambda model: self.use(model, identified.path, fits=True))
        dialog.declared.connect(lambda: self._controller.requests.custom_model.emit(identified.path))
        self._open(dialog)

    def _show_differences(self, path: Path | None, differences: Differences) -> None:
        from ui.models.checkpoints.import_dialog import DifferencesDialog

        dialog = DifferencesDialog(self._window, path.name if path else differences.what, differences)
        if path is not None:
            dialog.others_wanted.connect(lambda: self.identify(path))
        self._open(dialog)

    # Common ---------------------------------------------------------------------------------------------------------

    def _open(self, dialog: QDialog) -> None:
        self.dialogs.append(dialog)
        dialog.finished.connect(lambda _: self._closed(dialog))
        dialog.show()

    def _closed(self, dialog: QDialog) -> None:
        self.dialogs.remove(dialog)
        dialog.deleteLater()

    @staticmethod
    def _owner(weights: Weights) -> tuple[str, str]:
        return ("weights", weights.url)

    @staticmethod
    def _asker(weights: Weights) -> tuple[str, str]:
        return ("ask hub", weights.url)

    @staticmethod
    def _title(weights: Weights) -> str:
        return next((model.title for model in MODELS if weights in model.weights), weights.file_name)
