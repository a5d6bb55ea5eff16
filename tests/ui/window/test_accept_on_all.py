"""Predictions accepted on all pictures from the window: a job, one undo step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from pytestqt.qtbot import QtBot

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.label_editing import with_added
from cvstudio.data.labels import Annotation
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.session.session import State
from cvstudio.session.transitions import with_active
from tests.ui.window.labelling_steps import annotations, begin
from ui.control.accepting import JOB
from ui.window.main_window import MainWindow


def test_a_job_accepts_on_all_pictures_as_one_step(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, blob_finder: Any
) -> None:
    paths = []
    for number in range(3):
        pixels = np.full((80, 100, 3), 60, np.uint8)
        pixels[20:32, 10:26] = (230, 20, 20)
        paths.append(tmp_path / f"{number}.png")
        Pillow.fromarray(pixels).save(paths[-1])
    controller, labelling = window.controller, window.controller.labelling
    notices: list[tuple[str, str]] = []
    controller.notice.connect(lambda *notice: notices.append(notice))

    def kept() -> list[Path]:
        return list((user_cache_dir() / "accepted").glob("*.jsonl"))

    window.show_panel("labels")
    with MODELS.lend(blob_finder.SPEC):
        controller.open_paths(paths)
        qtbot.waitUntil(lambda: len(controller.session.state.media) == 3, timeout=30_000)
        qtbot.waitUntil(lambda: window.workspace.canvas.content_size is not None, timeout=30_000)
        begin(window, qtbot, "dog")
        # The button wants predictions: the detector is loaded then.
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
        instance = AnalysisInstance(99, "detect", {}, "blobs", None, {"score": 0.2})
        labelling.accept_on_all(instance, 0.2, paths)
        qtbot.waitUntil(lambda: bool(notices), timeout=60_000)
        assert notices[-1] == ("info", "3 labels were accepted on 3 of 3 pictures.")
        assert [category.name for category in labelling.categories] == ["dog", "red"]
        assert labelling.annotations is not None
        assert sorted(labelling.annotations.edits) == ["0.png", "1.png", "2.png"]
        assert controller.session.undo_title == "Accept predictions on all pictures"
        controller.undo()
        assert annotations(window) == ()
        labelling.accept_on_all(instance, 0.2, paths)
        # Drawn while the job runs: it stays, and nothing is put beside it.
        labelling.edit("Draw label", with_added(labelling.labels, Annotation(0, (1, 1, 9, 9))))
        qtbot.waitUntil(lambda: len(notices) == 2, timeout=60_000)
        assert notices[-1][1].endswith("1 picture that was edited meanwhile stays as it is.")
        assert [item.box for item in annotations(window)] == [(1, 1, 9, 9)]
        assert len(labelling.annotations.edits) == 3
        assert not kept()
        # Another file is on the canvas when the job ends: what was found is kept for the next time.
        session = controller.session
        picture = session.state.active_media
        controller.open_paths([sample_path("dialogue")])
        qtbot.waitUntil(lambda: labelling.annotations is None, timeout=30_000)
        sound = session.state.active_media
        assert picture is not None
        assert sound is not None
        session.change("show", with_active(session.state, picture, session.next_id))
        qtbot.waitUntil(lambda: labelling.ready, timeout=30_000)
        labelling.accept_on_all(instance, 0.3, paths)
        session.change("show", with_active(session.state, sound, session.next_id))
        qtbot.waitUntil(lambda: len(notices) == 3, timeout=60_000)
        assert notices[-1][0] == "error"
        assert kept()
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
        # One that is stopped says how it goes on.
        session.change("show", with_active(session.state, picture, session.next_id))
        qtbot.waitUntil(lambda: labelling.ready, timeout=30_000)
        labelling.accept_on_all(instance, 0.25, paths)
        controller.pipeline.lanes.cancel(JOB)
        qtbot.waitUntil(lambda: len(notices) == 4, timeout=60_000)
        assert notices[-1] == (
            "info",
            "Stopped; what was found so far is kept. Accept on all pictures again to continue.",
        )
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
        controller.session.load(State())
