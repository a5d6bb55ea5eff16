"""Finding what a user has in mind: words of a title, of its other names, initials, and one wrong letter."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

LEAST_TYPO = 5
"""Letters of a word in which one may be wrong; shorter ones are a letter away from too much."""

LEAST_INSIDE = {True: 2, False: 4}
"""Letters that count in the middle of a word, in Hangul (whose letters are syllables) and elsewhere."""


class Findable(Protocol):
    """What can be searched for: `title` is shown, `keywords` are its other names, `words` tell more of it."""

    @property
    def title(self) -> str: ...
    @property
    def keywords(self) -> tuple[str, ...]: ...
    @property
    def words(self) -> str: ...


F = TypeVar("F", bound=Findable)


@dataclass(frozen=True)
class _Phrase:
    words: tuple[str, ...]
    joined: str
    initials: str


@functools.lru_cache(maxsize=8192)
def _phrase(text: str) -> _Phrase:
    """Case, accents of width, punctuation and the space between words make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = tuple("".join(letter if letter.isalnum() else " " for letter in plain).split())
    return _Phrase(words, "".join(words), "".join(word[0] for word in words) if len(words) > 1 else "")


def score(found: Findable, query: str) -> float:
    """How well `found` fits `query`: 0 where it does not, 100 for its own title."""
    wanted = _phrase(query)
    if not wanted.words:
        return 1.0
    title, names = _phrase(found.title), [_phrase(name) for name in found.keywords]
    text = wanted.joined
    if text == title.joined:
        # "X 1.6GF" and "X 16GF" differ in where their words end only.
        return 100.0 if wanted.words == title.words else 95.0
    if any(text == name.joined for name in names):
        return 90.0
    if title.joined.startswith(text):
        return 80.0
    if len(text) >= 2 and any(name.joined.startswith(text) for name in names):
        return 70.0
    if len(text) >= 2 and text in (title.initials, *(name.initials for name in names)):
        return 60.0
    return _by_words(wanted, title, names, _phrase(found.words))


def _by_words(wanted: _Phrase, title: _Phrase, names: Sequence[_Phrase], told: _Phrase) -> float:
    """Every word of the query has to be found; the worst place counts."""
    named = [word for name in names for word in name.words]
    places = [
        max(
            50.0 if any(word.startswith(part) for word in title.words) else 0.0,
            40.0 if any(word.startswith(part) for word in named) else 0.0,
            20.0 if part in told.words else 0.0,
            10.0 if _near_any(part, (*title.words, *named)) else 0.0,
        )
        for part in wanted.words
    ]
    inside = len(wanted.joined) >= LEAST_INSIDE[_hangul(wanted.joined)] and any(
        wanted.joined in phrase.joined for phrase in (title, *names)
    )
    return max(min(places), 30.0 if inside else 0.0, 9.0 if _near_any(wanted.joined, (title.joined,)) else 0.0)


def _hangul(text: str) -> bool:
    return all("가" <= letter <= "힣" for letter in text)


def _near_any(part: str, words: Sequence[str]) -> bool:
    """Whether one letter is wrong, missing, too many or exchanged with its neighbour, also while one still types."""
    if len(part) < LEAST_TYPO or not part.isalpha():
        return False
    return any(
        len(word) >= LEAST_TYPO and any(near(part, word[:end]) for end in {len(part), len(part) + 1, len(word)})
        for word in words
    )


def near(one: str, other: str) -> bool:
    """Whether the texts differ by at most one insertion, deletion, substitution or exchange of neighbours.

    That is a restricted Damerau-Levenshtein distance of at most 1.
    """
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    if a[1:] == b[1:] or a[1:] == b or a == b[1:]:
        return True
    return len(a) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:]


def ranked(entries: Sequence[F], query: str, recent: Sequence[F] = ()) -> list[F]:
    """The entries that fit `query`, the best first; those of `recent` first among equals and where nothing is asked."""
    place = {id(entry): number for number, entry in enumerate(recent)}
    found = [(score(entry, query), entry) for entry in entries]
    fitting = [(value, entry) for value, entry in found if value > 0]
    fitting.sort(key=lambda pair: (-pair[0], place.get(id(pair[1]), len(place))))
    return [entry for _, entry in fitting]
