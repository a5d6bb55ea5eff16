"""The first screen in windows of every size."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtWidgets import QScrollArea

from ui.views.welcome import CARD, Welcome


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
