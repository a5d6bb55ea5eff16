from __future__ import annotations

import difflib
import string
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvstudio.foundation.text_search import near, ranked, score


@dataclass(frozen=True)
class Item:
    title: str
    keywords: tuple[str, ...] = ()
    words: str = ""


DETECT = Item("Detect objects", ("object detection", "NMS", "객체 검출"), "Puts a box around each thing")
DETECTOR = Item("Built-in detector with masks", ("FPN",))
FULL = Item("Full Screen", ("전체 화면",))
ITEMS = [DETECTOR, FULL, DETECT]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("detect objects", DETECT),
        ("DETECT", DETECT),
        ("detector", DETECTOR),
        ("do", DETECT),
        ("od", DETECT),
        ("nms", DETECT),
        ("N.M.S.", DETECT),
        ("objects det", DETECT),
        ("객체검출", DETECT),
        ("객체 검", DETECT),
        ("fullscreen", FULL),
        ("full-screen", FULL),
        ("화면", FULL),
        ("detct obj", DETECT),
        ("detetc objects", DETECT),
        ("screeen", FULL),
        ("thing", DETECT),
    ],
)
def test_the_first_hit(query, first):
    assert ranked(ITEMS, query)[0] is first


@pytest.mark.parametrize("query", ["fpm", "gan", "dect", "objects fly", "zz"])
def test_what_is_too_far_away_is_not_found(query):
    assert ranked(ITEMS, query) == []


def test_better_fits_score_higher():
    scores = [score(DETECT, query) for query in ("detect objects", "nms", "detect", "object", "objects det", "od")]
    assert scores == sorted(scores, reverse=True)
    assert score(DETECT, "detet objects") > 0


def test_nothing_asked_lists_all_with_the_recent_first_and_equals_keep_their_order():
    assert ranked(ITEMS, "  ") == ITEMS
    assert ranked(ITEMS, "", [DETECT]) == [DETECT, DETECTOR, FULL]
    twins = [Item("Twin"), Item("Twin"), Item("Twin")]
    found = ranked(twins, "twin", [twins[2]])
    assert [id(item) for item in found] == [id(twins[2]), id(twins[0]), id(twins[1])]


def test_using_something_does_not_lift_it_over_a_better_fit():
    assert ranked(ITEMS, "detect", [DETECTOR])[0] is DETECT


def distance(one: str, other: str) -> int:
    """Restricted Damerau-Levenshtein distance, by the textbook's table."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost = one[i - 1] != other[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_nearness_is_the_distance_of_the_textbook(one, other):
    assert near(one, other) == (distance(one, other) <= 1)


@given(st.text(string.ascii_lowercase, min_size=6, max_size=12), st.data())
def test_a_wrong_letter_is_forgiven(word, data):
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    typed = word[:place] + letter + word[place + 1 :]
    assert score(Item(word), typed) > 0
    assert difflib.SequenceMatcher(None, word, typed).ratio() > 0.7
