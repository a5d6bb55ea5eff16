"""Every panel in use, in two sizes and both themes: `python -m ui.contact_sheet out/screenshots`."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QEvent
from PySide6.QtTest import QTest

from cvstudio.errors import UserError
from cvstudio.models import MODELS
from cvstudio.resources import resource
from ui.app import make_application
from ui.driving import pause
from ui.main_window import MainWindow
from ui.tour import Tour

SIZES = ((1280, 800), (1920, 1200))
THEMES = ("dark", "light")
COLUMNS = 3


class Sheet:
    """Takes the pictures of one theme and size."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.tour = Tour(window, folder)

    def all(self) -> list[Path]:
        """Drive the window through its states."""
        tour, window = self.tour, self.window
        tour.screenshot("1 first screen")
        tour.card("detect")
        tour.screenshot("2 a cat and its mask")
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
        palette = window.show_palette()
        palette.search.setText("face")
        pause(100)
        path = tour.out / "8 palette.png"
        palette.grab().save(str(path))
        tour.files.append(path)
        palette.close()
        return tour.files

    def _weights(self) -> None:
        """What would be downloaded, and what a checkpoint file is good for."""
        checkpoints = self.window.checkpoints
        checkpoints.offer(MODELS["ssdlite"].weights[0])
        self._dialog("4 consent")
        checkpoints.identify(resource("models", "residual-60.safetensors"))
        self.tour.wait("what the checkpoint is", lambda: bool(checkpoints.dialogs))
        self._dialog("4 checkpoint")

    def _dialog(self, name: str) -> None:
        dialog = self.window.checkpoints.dialogs[-1]
        pause(100)
        path = self.tour.out / f"{name}.png"
        dialog.grab().save(str(path))
        self.tour.files.append(path)
        dialog.reject()

    def _open(self, sample: str) -> None:
        from cvstudio.samples import sample_path

        path, session = sample_path(sample), self.window.controller.session
        self.window.open_paths([path])
        self.tour.wait(
            f"the sample {sample}",
            lambda: session.state.active_media is not None and session.state.active_media.path == path,
        )
        self.tour.settled()

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
    """All pictures of one theme and size on one sheet."""
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
            target = out / f"sheet {width}x{height} {theme}.png"
            compose(files, target)
            print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
