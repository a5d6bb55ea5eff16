"""Notices and empty states."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from ui.panels.jobs import JobRow
from ui.widgets import notices as module
from ui.widgets.empty_state import EmptyState
from ui.widgets.notices import MARGIN, Notices


@pytest.fixture
def notices(shown: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Notices:
    monkeypatch.setattr(module, "SLIDE_MS", 1)
    return Notices(shown(QWidget(), 800, 500))


def test_a_notice_slides_in_at_the_top_right(notices: Notices, qtbot: Any) -> None:
    notices.post("info", "Saved as street.png.")
    (notice,) = notices.shown
    qtbot.waitUntil(lambda: notice.geometry().right() == 800 - MARGIN - 1)
    assert notice.y() == MARGIN
    assert notice.isVisible()


def test_the_newest_is_on_top_and_none_covers_another(notices: Notices, qtbot: Any) -> None:
    for number in range(3):
        notices.post("error", f"Expected a picture, but what was found is a text of rather many words: number {number}")
    assert [notice.text[-1] for notice in notices.shown] == ["2", "1", "0"]
    boxes = notices.shown
    qtbot.waitUntil(lambda: all(a.geometry().bottom() < b.y() for a, b in itertools.pairwise(boxes)))


def test_there_are_at_most_three_and_errors_outlast_the_rest(notices: Notices) -> None:
    notices.post("error", "first error")
    notices.post("info", "first info")
    notices.post("warning", "a warning")
    notices.post("info", "second info")
    assert [notice.text for notice in notices.shown] == ["second info", "a warning", "first error"]


def test_the_same_text_is_not_stacked(notices: Notices) -> None:
    notices.post("warning", "again")
    notices.post("warning", "again")
    assert len(notices.shown) == 1


def test_an_offer_that_stays_does_not_leave_by_itself(notices: Notices) -> None:
    notices.post("warning", "leaves")
    notices.post("warning", "stays", stays=True)
    notice, transient = notices.shown
    assert transient.timer.isActive()
    assert not notice.timer.isActive()
    notices.post("warning", "stays", stays=True)
    assert not notice.timer.isActive()


def test_information_leaves_and_an_error_stays(notices: Notices, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.STAY_MS, "info", 20)
    notices.post("error", "stays")
    notices.post("info", "leaves")
    assert not notices.shown[1].timer.isActive()
    qtbot.waitUntil(lambda: [notice.text for notice in notices.shown] == ["stays"])


def test_the_action_runs_once_and_the_notice_goes(notices: Notices) -> None:
    ran: list[None] = []
    notices.post("error", "A file is missing.", action="Find it", run=lambda: ran.append(None))
    button = notices.shown[0].action
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert ran == [None]
    assert notices.shown == ()


@pytest.mark.parametrize("how", ["key", "button", "program"])
def test_it_is_dismissed(notices: Notices, how: str) -> None:
    notices.post("error", "x")
    notice = notices.shown[0]
    if how == "key":
        QTest.keyClick(notice, Qt.Key.Key_Escape)
    elif how == "button":
        QTest.mouseClick(notice.dismiss, Qt.MouseButton.LeftButton)
    else:
        assert notices.dismiss_newest()
    assert notices.shown == ()
    assert not notices.dismiss_newest()


def test_escape_works_from_the_buttons_of_a_notice(notices: Notices) -> None:
    notices.post("error", "x", action="Help", run=lambda: None)
    action = notices.shown[0].action
    assert action is not None
    QTest.keyClick(action, Qt.Key.Key_Escape)
    assert notices.shown == ()


def test_notices_follow_the_edge_of_their_parent(notices: Notices) -> None:
    notices.post("error", "x")
    parent = notices.shown[0].parentWidget()
    parent.resize(600, 400)
    assert notices.shown[0].geometry().right() == 600 - MARGIN - 1
    parent.resize(250, 400)
    assert notices.shown[0].x() >= MARGIN


@pytest.mark.parametrize(
    ("picture", "corner"),
    [
        (QRect(0, 0, 800, 400), "bottom right"),
        (QRect(0, 200, 800, 400), "top right"),
        (QRect(400, 0, 400, 600), "top left"),
        (QRect(0, 0, 800, 600), "top right"),
        (QRect(), "top right"),
    ],
)
def test_they_cover_no_more_of_the_picture_than_they_have_to(
    shown: Callable[..., Any], picture: QRect, corner: str
) -> None:
    parent = shown(QWidget(), 800, 600)
    notices = Notices(parent, spoken_of=lambda: picture)
    notices.post("error", "The picture cannot be analysed.")
    notices.post("error", "Nor can it be exported.")
    parent.resize(801, 600)
    parent.resize(800, 600)
    places = [notice.geometry() for notice in notices.shown]
    assert not places[0].intersects(places[1])
    assert ("left" in corner) == (places[0].x() == MARGIN)
    end = places[0].top() if "top" in corner else parent.height() - 1 - places[-1].bottom()
    assert end == MARGIN
    if picture != QRect(0, 0, 800, 600):
        assert not any(place.intersects(picture) for place in places)


def test_an_empty_state_has_one_button(shown: Callable[..., Any], qtbot: Any) -> None:
    state = shown(EmptyState("images", "Nothing is open.", "Open …"), 300, 300)
    (button,) = state.findChildren(QPushButton)
    with qtbot.waitSignal(state.triggered):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not shown(EmptyState("images", "Nothing to do."), 300, 300).findChildren(QPushButton)
    with pytest.raises(KeyError):
        EmptyState("no-such-icon", "x")


def test_a_better_message_takes_the_place_of_another(notices: Notices) -> None:
    notices.post("error", "Expected weights, but they are not here; get them and put them there.")
    notices.post("error", "something else")
    notices.post(
        "error",
        "Weights are missing.",
        action="Get …",
        run=lambda: None,
        instead_of="Expected weights, but they are not here; get them and put them there.",
    )
    assert [notice.text for notice in notices.shown] == ["Weights are missing.", "something else"]


def test_a_job_asks_for_no_more_room_than_there_is(shown: Callable[..., Any]) -> None:
    row = shown(JobRow("Getting a detector with a name of some length"), 160, 60)
    row.report(0.25, "120.5 of 482.0 MB, 12.3 MB/s, and more that has no room at all")
    assert row.minimumSizeHint().width() <= 160
    assert row.width() == 160
