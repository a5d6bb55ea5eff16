"""Fuzzy search by words of a title, its synonyms, initials, and within an edit distance of one."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

LEAST_TYPO = 5
"""Minimum word length at which a typing error is allowed; a shorter word is one letter away from too many others."""

LEAST_INSIDE = {True: 2, False: 4}
"""Minimum length of a match inside a word, by whether it is Hangul (one character a syllable)."""


class Findable(Protocol):
    """Searchable entry: `title` is shown, `keywords` are its synonyms, `words` describe it further."""

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
    """Normalise `text`: case, character width (NFKC), punctuation and spacing make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = tuple("".join(letter if letter.isalnum() else " " for letter in plain).split())
    return _Phrase(words, "".join(words), "".join(word[0] for word in words) if len(words) > 1 else "")


def score(entry: Findable, query: str) -> float:
    """Relevance of `entry` for `query`, from 0 (no match) to 100 (its exact title)."""
    phrase = _phrase(query)
    if not phrase.words:
        return 1.0
    title, names = _phrase(entry.title), [_phrase(name) for name in entry.keywords]
    text = phrase.joined
    if text == title.joined:
        # "X 1.6GF" and "X 16GF" differ only in their word boundaries.
        return 100.0 if phrase.words == title.words else 95.0
    if any(text == name.joined for name in names):
        return 90.0
    if title.joined.startswith(text):
        return 80.0
    # A word of the title counts more than the beginning of a synonym, which the user does not see.
    if len(text) >= 2 and all(any(word.startswith(part) for word in title.words) for part in phrase.words):
        return 75.0
    if len(text) >= 2 and any(name.joined.startswith(text) for name in names):
        return 70.0
    if len(text) >= 2 and text in (title.initials, *(name.initials for name in names)):
        return 60.0
    return _by_words(phrase, title, names, _phrase(entry.words))


def _by_words(query: _Phrase, title: _Phrase, names: Sequence[_Phrase], description: _Phrase) -> float:
    """Score of the worst matching word; every word of the query has to match."""
    synonyms = [word for name in names for word in name.words]
    scores = [
        max(
            50.0 if any(word.startswith(part) for word in title.words) else 0.0,
            40.0 if any(word.startswith(part) for word in synonyms) else 0.0,
            20.0 if part in description.words else 0.0,
            10.0 if _near_any(part, (*title.words, *synonyms)) else 0.0,
        )
        for part in query.words
    ]
    inside = len(query.joined) >= LEAST_INSIDE[_hangul(query.joined)] and any(
        query.joined in phrase.joined for phrase in (title, *names)
    )
    return max(min(scores), 30.0 if inside else 0.0, 9.0 if _near_any(query.joined, (title.joined,)) else 0.0)


def _hangul(text: str) -> bool:
    return all("가" <= letter <= "힣" for letter in text)


def _near_any(part: str, words: Sequence[str]) -> bool:
    """Whether `part` is within one edit of a word or, as the query may be incomplete, of the beginning of one."""
    if len(part) < LEAST_TYPO or not part.isalpha():
        return False
    return any(
        len(word) >= LEAST_TYPO and any(near(part, word[:end]) for end in {len(part), len(part) + 1, len(word)})
        for word in words
    )


def near(one: str, other: str) -> bool:
    """Whether the restricted Damerau-Levenshtein distance of the texts is at most 1: one insertion, deletion,
    substitution or transposition of neighbours.
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
    """Entries that match `query`, the best first. Ties, and an empty query, are ordered by `recent`, then as given."""
    recency = {id(entry): number for number, entry in enumerate(recent)}
    scored = [(score(entry, query), entry) for entry in entries]
    matches = [(value, entry) for value, entry in scored if value > 0]
    matches.sort(key=lambda pair: (-pair[0], recency.get(id(pair[1]), len(recency))))
    return [entry for _, entry in matches]
