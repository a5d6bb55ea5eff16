"""The first screen in windows of every size."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QScrollArea

from cvstudio.analyses import ANALYSES
from cvstudio.foundation.text_search import score
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from ui.base.settings import Settings
from ui.views.front_page import CARD, CARDS_TO_COME, WelcomeFrame, WelcomeToCome
from ui.views.welcome import Welcome
from ui.window.main_window import MainWindow


@pytest.mark.parametrize("size", [(300, 300), (464, 600), (772, 700), (1400, 900)])
def test_cards_never_cover_each_other_and_keep_their_size(qapp, qtbot, size):
    welcome = Welcome()
    qtbot.addWidget(welcome)
    welcome.resize(*size)
    welcome.show()
    qtbot.waitExposed(welcome)
    qtbot.wait(50)
    placed = [card.geometry() for card in welcome.cards]
    assert len(placed) >= 4
    assert not any(one.intersects(other) for one, other in itertools.combinations(placed, 2))
    assert {rect.size().toTuple() for rect in placed} == {CARD.toTuple()}
    assert max(rect.right() for rect in placed) < size[0]


def test_all_of_it_is_seen_in_the_window_of_the_first_start(window, qtbot):
    qtbot.waitUntil(lambda: window.welcome.cards[-1].width() == CARD.width())
    area = window.welcome.findChild(QScrollArea)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
    assert all(not card.visibleRegion().isEmpty() for card in window.welcome.cards)


def test_one_title_names_an_analysis_wherever_it_stands(window, qtbot, capsys):
    from cvstudio.cli.main import main

    window.docks["analysis"].widget().complete()
    chooser = window.docks["analysis"].widget().analysis
    listed = {chooser.itemData(row): chooser.itemText(row) for row in range(chooser.count())}
    palette = {entry.key: entry for entry in window.palette_entries()}
    cards = {card.spec.key: card for card in window.welcome.cards}
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for spec in ANALYSES:
        assert listed[spec.key] == palette[f"analysis:{spec.key}"].title == spec.title
        assert f"{spec.title}. {spec.summary}" in printed
        # The plain sentence and the everyday words are found, too.
        assert score(palette[f"analysis:{spec.key}"], spec.action) > 0
        if spec.key in cards:
            texts = [label.text() for label in cards[spec.key].findChildren(QLabel)]
            assert spec.title in texts
            assert spec.summary in texts


def test_an_analysis_whose_model_is_not_here_says_its_size_and_gets_it(window, qtbot, monkeypatch):
    cards = {card.spec.key: card for card in window.welcome.cards}
    card = cards["attention"]
    weights = MODELS[ANALYSES["attention"].first_model].weights[0]
    assert card.note.text() == f"{weights.size_bytes / 1e6:.0f} MB to download"
    assert cards["detect"].note.isHidden()
    entry = next(entry for entry in window.palette_entries() if entry.key == "analysis:attention")
    assert entry.note.endswith(card.note.text())
    # The sample opens, and the weights are offered.
    window.welcome.sample_requested.disconnect()
    with qtbot.waitSignal(window.welcome.sample_requested) as asked:
        card.click()
    assert asked.args == ["attention"]
    (dialog,) = window.checkpoints.dialogs
    assert dialog.offer.weights == weights
    dialog.reject()
    # Once it is here, nothing is said of it.
    monkeypatch.setattr("cvstudio.weights.store.cached_path", lambda weights: sample_path("cat"))
    window.controller.weights_changed.emit()
    assert card.note.isHidden()


def test_recent_files_folders_and_projects_are_on_the_first_screen(window, qtbot, tmp_path):
    picture, project = tmp_path / "a rather long name of a picture of the summer.png", tmp_path / "work.cvstudio"
    shutil.copy(sample_path("astronaut"), picture)
    project.write_text("{}")
    (tmp_path / "folder").mkdir()
    assert window.welcome.recent == []
    paths = [picture, tmp_path / "gone.png", project, tmp_path / "folder"]
    window.settings.add_recent(*map(str, paths))
    window.show_welcome()
    window._tell_recent()
    # At once, so that nothing below moves; only the missing file goes when it was looked for.
    assert [Path(button.toolTip()) for button in window.welcome.recent] == paths
    qtbot.waitUntil(lambda: len(window.welcome.recent) == 3, timeout=30_000)
    window._tell_recent()
    assert len(window.welcome.recent) == 3
    buttons = window.welcome.recent
    assert [button.accessibleName() for button in buttons] == [picture.name, project.name, "folder"]
    assert "…" in buttons[0].text()
    assert buttons[0].toolTip() == str(picture)

    def apart():
        boxes = [item.geometry() for item in (*buttons, *window.welcome.cards)]
        return not any(one.intersects(other) for one, other in itertools.combinations(boxes, 2))

    qtbot.waitUntil(apart, timeout=5_000)
    buttons[0].click()
    qtbot.waitUntil(lambda: window.controller.session.state.active_media is not None, timeout=60_000)
    assert window.controller.session.state.active_media.path == picture


def _texts_and_places(frame: WelcomeFrame) -> dict[str, object]:
    labels = (label for label in frame.findChildren(QLabel) if label.isVisible())
    told = {label.text(): label.mapTo(frame, label.rect().topLeft()) for label in labels}
    return {
        text: place for text, place in told.items() if text in ("What do you want to see?", "or begin with a sample")
    }


def test_the_first_picture_has_the_frame_of_the_first_screen(qtbot):
    made = MainWindow(late=True)
    with qtbot.waitSignal(made.completed, timeout=60_000):
        made.show()
        # Nothing that the frame does without was made yet.
        assert not hasattr(made, "welcome")
        shown = made.centre.currentWidget()
        assert isinstance(shown, WelcomeToCome)
        assert len(_texts_and_places(shown)) == 2
    assert made.centre.currentWidget() is made.welcome
    assert len(made.welcome.cards) == CARDS_TO_COME
    made.close()
    made.deleteLater()


@pytest.mark.parametrize("recent", [0, 2, 5])
@pytest.mark.parametrize("size", [(600, 700), (772, 700), (1400, 900)])
def test_nothing_of_the_first_picture_moves_when_the_cards_come(qtbot, shown, size, recent):
    frames = (WelcomeToCome(), Welcome())
    for made in frames:
        made.set_recent([(f"{number}.jpg", "file-image", f"/{number}.jpg") for number in range(recent)])
    before, after = (_texts_and_places(shown(made, *size)) for made in frames)
    assert len(before) == 2
    assert before == after


def test_the_first_picture_has_what_was_opened_last(qtbot):
    settings = Settings()
    settings.add_recent("/pictures/a.jpg", "/pictures/work.cvstudio", "/pictures")
    made = MainWindow(settings, late=True)
    names = ["a.jpg", "work.cvstudio", "pictures"]
    assert [button.accessibleName() for button in made._to_come.recent] == names
    with qtbot.waitSignal(made.completed, timeout=60_000):
        made.show()
        # One with the focus would give it on to parts of the window that are not there yet.
        assert {button.focusPolicy() for button in made._to_come.recent} == {Qt.FocusPolicy.NoFocus}
    assert made.centre.currentWidget() is made.welcome
    made.close()
    made.deleteLater()


def test_a_folder_of_which_nothing_is_shown_says_what_to_do_next(window, qtbot, tmp_path):
    (tmp_path / "all" / "cats").mkdir(parents=True)
    shutil.copy(sample_path("cat"), tmp_path / "all" / "cats" / "cat.png")
    window.open_paths([tmp_path / "all"])
    offer, nothing = window.docks["media"].widget().only_folders, window.workspace.nothing
    qtbot.waitUntil(lambda: offer.isVisible() and offer.folders.count() == 1, timeout=60_000)
    assert nothing.isVisible()
    assert "Choose a file" in nothing.accessibleName()
    offer.folders.itemClicked.emit(offer.folders.item(0))
    qtbot.waitUntil(window.workspace.canvas.isVisible, timeout=60_000)
    assert not nothing.isVisible()
    assert window.controller.session.state.active_media.path.name == "cat.png"
