"""Screenshots of every panel in use, in two sizes and both themes: `python -m ui.tour.contact_sheet out/screenshots`.

Where $CVSTUDIO_DATA names a folder with real files, some screenshots show photographs and films from it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QEvent, QSettings
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.paths import resource
from cvstudio.models import MODELS
from ui.app import make_application
from ui.models.model_chooser import ModelChooser
from ui.panels.analysis import AnalysisPanel
from ui.panels.batch import BatchPanel
from ui.panels.catalogue import CataloguePanel
from ui.panels.counts import CountsPanel
from ui.panels.media import MediaPanel
from ui.tour.input_events import pause
from ui.tour.tour import Tour
from ui.window.main_window import MainWindow
from ui.window.shortcuts_sheet import ShortcutsSheet

SIZES = ((1280, 800), (1920, 1200))
SMALL = (1024, 700)
THEMES = ("dark", "light")
COLUMNS = 3


class Sheet:
    """Screenshots of one theme and window size."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.tour = Tour(window, folder)

    def all(self) -> list[Path]:
        """Take all screenshots, one state of the window after the other."""
        tour, window = self.tour, self.window
        tour.screenshot("1 first screen")
        tour.card("detect")
        tour.screenshot("2 a street")
        self._open("astronaut")
        window.controller.set_model("hog")
        window.controller.set_value("merge", 0)
        tour.settled()
        result = window.controller.detections()
        if result is not None and len(result):
            window.controller.select(frozenset({int(result.ids[0])}))
        tour.screenshot("3 people, raw candidates")
        window.controller.set_model("ssdlite")
        pause(600)
        tour.screenshot("4 a network without weights")
        self._weights()
        while window.notices.dismiss_newest():
            pass
        tour.card("refocus")
        tour.screenshot("5 refocus")
        tour.card("spectrogram")
        tour.wait("the spectrogram", lambda: not window.controller.pipeline.busy)
        window.controller.playback.seek(1.5)
        tour.screenshot("6 sound")
        self._video()
        self._folder()
        palette = window.show_palette()
        palette.search.setText("face")
        self._grab(palette, "8 palette")
        palette.search.setText("얼굴")
        self._grab(palette, "8 palette in Korean")
        palette.close()
        self._stack()
        self._features()
        self._explanations()
        self._counts()
        self._compare()
        self._model()
        self._real()
        self._panels()
        window.show_shortcuts()
        sheet = window.findChild(ShortcutsSheet)
        if sheet is not None:
            self._grab(sheet, "10 shortcuts")
            sheet.close()
        return tour.files

    def _grab(self, widget: QWidget, name: str) -> None:
        """Save a screenshot of a separate window."""
        pause(100)
        path = self.tour.out / f"{name}.png"
        widget.grab().save(str(path))
        self.tour.files.append(path)

    def _stack(self) -> None:
        """Two layers, and the durations of their stages."""
        window = self.window
        self._open("cat")
        window.controller.use_analysis("detect")
        window.controller.set_model("pyramid-lite0")
        self.tour.settled()
        window.controller.layers.add("classify")
        self.tour.settled()
        window.controller.layers.set_opacity(window.controller.layers.stack()[0].id, 0.6)
        window.show_panel("performance")
        pause(600)
        self.tour.screenshot("9 layers and performance")
        window.docks["performance"].hide()

    def _features(self) -> None:
        """An explanation of a network's output, and the cells of a HOG descriptor."""
        self.tour.card("grad-cam")
        self.tour.screenshot("11 Grad-CAM")
        self.tour.card("hog")
        cells = self.window.controller.current_result()
        # A cell on the edge of the helmet.
        self.window.controller.select(frozenset({cells.cell_at(330, 380)}))
        self.tour.screenshot("12 HOG")
        self.tour.card("knn")
        self.tour.screenshot("12 nearest pictures")
        for instance in self.window.controller.session.state.instances:
            if instance.analysis in ("hog", "grad-cam", "knn"):
                self.window.controller.set_visible(instance.id, False)

    def _explanations(self) -> None:
        """Why an object was found, what a class looks like to a network, its filters, and a test of a map."""
        controller = self.window.controller
        self._open("street")
        controller.use_analysis("detection-cam")
        self.tour.settled()
        self.tour.screenshot("12 why this detection")
        self._alone()
        self._open("cat")
        controller.use_analysis("grad-cam")
        controller.set_model("residual-60")
        self.tour.settled()
        for analysis, title in (
            ("insertion-deletion", "12 insertion and deletion"),
            ("filters", "12 filters"),
            ("class-visualisation", "12 class visualisation"),
        ):
            controller.use_analysis(analysis)
            controller.set_model("residual-60")
            if analysis == "class-visualisation":
                controller.set_value("target", "monarch")
            self.tour.settled()
            self.tour.screenshot(title)
        self._alone()

    def _alone(self) -> None:
        """Remove the layers of the screenshots before."""
        layers = self.window.controller.layers
        for instance in self.window.controller.session.state.instances:
            layers.remove(instance.id)

    def _counts(self) -> None:
        """Faces tracked through the clip, their trails, and their counts over time."""
        window = self.window
        self._open("clip")
        window.controller.use_analysis("detect")
        window.controller.set_model("haar-face")
        window.show_panel("counts")
        pause(200)
        panel = window.docks["counts"].widget()
        assert isinstance(panel, CountsPanel)
        panel.count_all()
        self.tour.wait("the counts", lambda: window.controller.pipeline.lanes.idle, 120)
        window.controller.playback.seek(3.0)
        self.tour.settled()
        self.tour.screenshot("13 counts")
        window.docks["counts"].hide()

    def _compare(self) -> None:
        """A step of non-maximum suppression, and two settings side by side and with a split line."""
        window, comparison = self.window, self.window.controller.comparison
        self.tour.card("suppression")
        self.tour.screenshot("15 suppression")
        window.controller.use_analysis("detect")
        window.controller.set_model("pyramid-lite0")
        self.tour.settled()
        comparison.start_settings()
        window.controller.set_value("score", 0.3)
        window.show_panel("comparison")
        self.tour.settled()
        pause(300)
        self.tour.screenshot("16 compared")
        comparison.show_beside(False)
        self.tour.screenshot("17 under a line")
        comparison.end()
        window.docks["comparison"].hide()

    def _real(self) -> None:
        """Photographs and a film from the folder of real files."""
        data = Path(os.environ.get("CVSTUDIO_DATA", ""))
        if not data.is_absolute() or not (data / "photos").is_dir():
            return
        window, controller = self.window, self.window.controller
        window.show_panel("results")
        self._alone()
        self._open_file(data / "photos" / "bus.jpg")
        controller.use_analysis("detect")
        controller.set_model("pyramid-lite0")
        self.tour.settled()
        self.tour.screenshot("20 bus")
        controller.comparison.start_settings()
        controller.set_value("score", 0.3)
        window.show_panel("comparison")
        self.tour.settled()
        self.tour.screenshot("21 bus compared")
        controller.comparison.end()
        window.docks["comparison"].hide()
        controller.use_analysis("suppression")
        self.tour.settled()
        self.tour.screenshot("22 bus suppressed")
        self._alone()
        self._open_file(data / "photos" / "dog.jpg")
        controller.use_analysis("knn")
        controller.set_value("gallery", str(data / "imagenet_samples"))
        self.tour.settled()
        self.tour.screenshot("23 pictures like it")
        self._alone()
        controller.use_analysis("classify")
        controller.set_model("squeezenet1-1", data / "weights" / "squeezenet1_1_imagenet.pth")
        self.tour.settled()
        self.tour.screenshot("24 one of a thousand")
        controller.use_analysis("grad-cam")
        controller.set_model("squeezenet1-1", data / "weights" / "squeezenet1_1_imagenet.pth")
        self.tour.settled()
        self.tour.screenshot("25 why")
        self._alone()
        self._open_file(data / "video" / "faces_1080p.mp4")
        controller.use_analysis("detect")
        controller.set_model("haar-face")
        controller.playback.seek(2.0)
        self.tour.settled()
        self.tour.screenshot("26 a film")
        self._small("27 a film in a small window")
        export = window.exporting.ask()
        if export is not None:
            self._grab(export, "28 export of a film")
            export.reject()
        self._own(data / "weights" / "yolox_nano_coco.onnx")
        self._queue(data / "coco128")
        self._open_file(data / "photos" / "kite.jpg")
        controller.use_analysis("refocus")
        pause(300)
        self.tour.screenshot("31 what an analysis lacks")
        controller.use_analysis("detect")

    def _small(self, name: str) -> None:
        size = self.window.size()
        self.window.resize(*SMALL)
        pause(300)
        self.tour.screenshot(name)
        self.window.resize(size)
        pause(100)

    def _own(self, network: Path) -> None:
        """The form for a custom network, filled in from its file, with its results."""
        dialog = self.window.declare_custom_model(network)
        self.tour.wait("what the network is", lambda: dialog.form.isEnabled())
        dialog.try_it()
        self.tour.wait("what it finds", lambda: " ms" in dialog.found.text())
        pause(300)
        self._grab(dialog, "29 own model")
        dialog.reject()

    def _queue(self, files: Path) -> None:
        """A batch over a folder with one damaged file, while it runs and when it is done."""
        window = self.window
        folder = self.tour.out / "batch"
        pictures = sorted(files.rglob("*.jpg"))[:24]
        folder.mkdir(exist_ok=True)
        for picture in pictures:
            shutil.copy(picture, folder / picture.name)
        (folder / "torn.jpg").write_bytes(pictures[0].read_bytes()[:500])
        self._open_file(pictures[0])
        window.controller.set_model("pyramid-lite0")
        self.tour.settled()
        window.show_panel("batch")
        batch = window.docks["batch"].widget()
        assert isinstance(batch, BatchPanel)
        content = batch.content
        assert content is not None
        content.set_folders(folder, self.tour.out / "batch results")
        content.start()
        self.tour.wait("some of the batch", lambda: content.table.outcomes.rowCount() > 5)
        self.tour.screenshot("30 batch running")
        self.tour.wait("the batch", lambda: content.state != "running")
        pause(300)
        self.tour.screenshot("30 batch done")
        window.docks["batch"].hide()
        for created_folder in (folder, self.tour.out / "batch results"):
            shutil.rmtree(created_folder)

    def _model(self) -> None:
        """A rotating mesh."""
        import trimesh

        path = self.tour.out / "knot.ply"
        trimesh.creation.torus(1.0, 0.38, major_sections=96, minor_sections=48).export(path)
        window = self.window
        window.open_paths([path])
        session = window.controller.session
        self.tour.wait(
            "the mesh", lambda: session.state.active_media is not None and session.state.active_media.path == path
        )
        window.show_panel("medium")
        pause(1500)
        self.tour.screenshot("14 a mesh")

    def _panels(self) -> None:
        """Panels that are hidden at the start, and dialogs."""
        window = self.window
        self._open("cat")
        window.controller.use_analysis("detect")
        window.controller.set_model("pyramid-lite0")
        self.tour.settled()
        for key in ("batch", "training", "look"):
            window.show_panel(key)
            pause(400)
            self.tour.screenshot(f"15 {key}")
            window.docks[key].hide()
        export = window.exporting.ask()
        if export is not None:
            self._grab(export, "16 export")
            export.reject()
        camera = window.opener.ask_camera()
        self._grab(camera, "17 camera")
        camera.reject()
        self._catalogue()

    def _catalogue(self) -> None:
        """The model catalogue as a table and as a chart, and the layers of one model."""
        window = self.window
        window.show_catalogue("detect")
        dock = window.docks["catalogue"]
        panel = dock.widget()
        assert isinstance(panel, CataloguePanel)
        content = panel.content
        assert content is not None
        self.tour.wait("the models", lambda: bool(content.entries))
        content.table.choose("ssd300")
        self._grab(dock, "18 all models")
        content.card.tabs.setCurrentIndex(1)
        self.tour.wait("the layers", lambda: content.card.layers.model.rowCount() > 0)
        self._grab(dock, "18 layers")
        content.show_chart()
        self._grab(dock, "18 chart")
        dock.hide()
        self._choosing()

    def _choosing(self) -> None:
        """The list of models below its combo box, a model card, and timm's long list."""
        panel = self.window.docks["analysis"].widget()
        assert isinstance(panel, AnalysisPanel)
        chooser = panel.findChild(ModelChooser)
        assert chooser is not None
        chooser.showPopup()
        assert chooser.searched is not None
        self._grab(chooser.searched, "19 list of models")
        chooser.hidePopup()
        card = panel.show_card(chooser)
        assert card is not None
        self._grab(card, "19 card")
        card.close()
        timm = self.window.timm
        timm.ask()
        dialog = timm.dialog
        if dialog is not None:
            self.tour.wait("timm's list", lambda: dialog.list.model().rowCount() > 0)
            pause(500)
            self._grab(dialog, "19 timm")
            dialog.reject()

    def _weights(self) -> None:
        """The question before a download, and the inspection of a checkpoint file."""
        checkpoints = self.window.checkpoints
        checkpoints.offer(MODELS["ssdlite"].weights[0])
        self._dialog("4 consent")
        checkpoints.identify(resource("models", "residual-60.safetensors"))
        self.tour.wait("what the checkpoint is", lambda: bool(checkpoints.dialogs))
        self._dialog("4 checkpoint")

    def _dialog(self, name: str) -> None:
        dialog = self.window.checkpoints.dialogs[-1]
        self._grab(dialog, name)
        dialog.reject()

    def _open(self, sample: str) -> None:
        from cvstudio.media.examples.files import sample_path

        self._open_file(sample_path(sample))

    def _open_file(self, path: Path) -> None:
        session = self.window.controller.session
        self.window.open_paths([path])
        self.tour.wait(
            path.name,
            lambda: session.state.active_media is not None and session.state.active_media.path == path,
        )
        self.tour.settled()

    def _folder(self) -> None:
        from cvstudio.media.examples.files import sample_path

        window, panel = self.window, self.window.docks["media"].widget()
        assert isinstance(panel, MediaPanel)
        window.open_paths([sample_path("astronaut").parent])
        self.tour.wait("the folder of samples", lambda: len(window.controller.library.rows) > 1)
        self.tour.settled()
        window.controller.library.step(2)
        self.tour.settled()
        self.tour.wait("thumbnails", lambda: panel.thumbnails.idle)
        self.tour.screenshot("9 a folder")

    def _video(self) -> None:
        controller = self.window.controller
        self._open("clip")
        controller.use_analysis("detect")
        controller.set_model("haar-face")
        self.tour.settled()
        controller.playback.seek(2.0)
        self.tour.settled()
        self.tour.screenshot("7 video")


def compose(files: list[Path], target: Path) -> None:
    """Combine the screenshots of one theme and size on one sheet."""
    from PIL import Image

    pictures = [Image.open(path).convert("RGB") for path in files]
    width = 900
    small = [picture.resize((width, round(picture.height * width / picture.width))) for picture in pictures]
    height = max(picture.height for picture in small)
    rows = -(-len(small) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + 12) + 12, rows * (height + 12) + 12), (128, 128, 128))
    for number, picture in enumerate(small):
        sheet.paste(picture, (12 + number % COLUMNS * (width + 12), 12 + number // COLUMNS * (height + 12)))
    sheet.save(target)


def main(arguments: list[str]) -> int:
    out = Path(arguments[0] if arguments else "out/screenshots").absolute()
    app = make_application()
    for width, height in SIZES:
        for theme in THEMES:
            folder = out / f"{width}x{height} {theme}"
            folder.mkdir(parents=True, exist_ok=True)
            # The layout of the first start, not the user's own.
            settings = tempfile.TemporaryDirectory()
            QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, settings.name)
            window = MainWindow()
            window.set_theme(theme)
            window.resize(width, height)
            window.show()
            QTest.qWaitForWindowExposed(window)
            try:
                files = Sheet(window, folder).all()
            except UserError as error:
                print(f"cvstudio: {error}", file=sys.stderr)
                return 1
            finally:
                window.close()
                window.deleteLater()
                app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
                settings.cleanup()
            target = out / f"sheet {width}x{height} {theme}.png"
            compose(files, target)
            print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
