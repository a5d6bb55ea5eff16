"""Under a model's name: what it knows, and a published model that serves better, in one click."""

from __future__ import annotations

import dataclasses

from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models import domain as core
from cvstudio.models.domain import better_text
from cvstudio.models.terms import Place, terms
from ui.models.domain_button import ClassesView
from ui.tour.input_events import pause


def opened(window, qtbot, analysis="detect"):
    window.controller.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=60_000)
    window.controller.use_analysis(analysis)
    return window.docks["analysis"].widget()


def test_the_domain_stands_under_the_name_and_its_list_is_one_click_away(window, qtbot):
    panel = opened(window, qtbot)
    model = MODELS["pyramid-lite0"]
    assert panel.domain.text() == f"{len(model.labels)} classes"
    popup = panel.domain.show_classes()
    assert isinstance(popup.view, ClassesView)
    listed = popup.view.list
    assert {listed.item(row).text() for row in range(listed.count())} == set(model.labels)
    popup.view.filter.setText("TRA")
    shown = [listed.item(row).text() for row in range(listed.count()) if not listed.item(row).isHidden()]
    assert shown == sorted(label for label in model.labels if "tra" in label)
    popup.close()
    window.controller.set_model("hog")
    assert panel.domain.text() == "person"


def test_no_line_of_the_offer_is_cut_when_the_picture_changes(window, qtbot):
    panel = opened(window, qtbot)

    def whole():
        text = panel.better.text
        return text.isVisible() and text.height() >= text.heightForWidth(text.width())

    qtbot.waitUntil(whole)
    window.controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: len(window.controller.session.state.media) == 2, timeout=60_000)
    for _ in range(5):
        pause(100)
        assert whole()


def test_a_better_model_is_offered_with_size_and_licence_and_used_once_it_is_here(window, qtbot, monkeypatch):
    panel = opened(window, qtbot)
    offered = MODELS[MODELS["pyramid-lite0"].better[0]]
    assert panel.better.isVisible()
    assert panel.better.text.text() == f"Knows more: {better_text(offered)}"
    for part in (offered.title, "80 classes", f"{offered.weights[0].size_bytes / 1e6:.1f} MB", "Apache-2.0"):
        assert part in panel.better.text.text()
    # Nothing is fetched unasked: the click asks first.
    panel.better.button.click()
    (dialog,) = window.checkpoints.dialogs
    assert dialog.offer.weights == offered.weights[0]
    dialog.reject()
    assert window.controller.session.state.instance.model == "pyramid-lite0"
    window.controller.weights_changed.emit()
    assert window.controller.session.state.instance.model == "pyramid-lite0"

    def here(model):
        place = Place.HERE if model.key == offered.key else terms(model).place
        return dataclasses.replace(terms(model), place=place)

    monkeypatch.setattr(core, "terms", here)
    monkeypatch.setattr("ui.models.better_line.terms", here)
    window.controller.weights_changed.emit()
    assert window.controller.session.state.instance.model == offered.key
    assert panel.better.isHidden()
    window.controller.session.undo()
    assert window.controller.session.state.instance.model == "pyramid-lite0"
    assert panel.better.button.text() == "Use"
    panel.better.button.click()
    assert window.controller.session.state.instance.model == offered.key


def test_a_model_that_came_unasked_here_is_not_taken(window, qtbot, monkeypatch):
    panel = opened(window, qtbot)
    monkeypatch.setattr(core, "terms", lambda model: dataclasses.replace(terms(model), place=Place.HERE))
    monkeypatch.setattr("ui.models.better_line.terms", core.terms)
    window.controller.weights_changed.emit()
    assert window.controller.session.state.instance.model == "pyramid-lite0"
    assert panel.better.button.text() == "Use"


def test_a_file_of_the_user_has_neither(window, qtbot, tmp_path):
    panel = opened(window, qtbot)
    local = tmp_path / "mine.safetensors"
    local.touch()
    window.controller.set_model("pyramid-lite0", local)
    assert panel.domain.isHidden()
    assert panel.better.isHidden()


def test_analyses_of_other_tasks_offer_theirs(window, qtbot):
    panel = opened(window, qtbot, "classify")
    assert MODELS["efficientnet-lite0"].better[0] == "efficientnet-v2-s"
    # It has the same classes.
    assert panel.better.text.text().startswith(f"More accurate: {MODELS['efficientnet-v2-s'].title}, 1000 classes")
    window.controller.set_model("residual-60")
    assert panel.better.button.text() == "Use"
    panel.better.button.click()
    assert window.controller.session.state.instance.model == "efficientnet-lite0"
