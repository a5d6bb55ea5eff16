"""Colours of classes: distinguishable with colour blindness, and the same in every session and export."""

from __future__ import annotations

import functools

import numpy as np
import xxhash

from cvstudio.draw.base import Look
from cvstudio.results.detections import Detections

RGB = tuple[int, int, int]

INK: RGB = (16, 18, 22)
PAPER: RGB = (255, 255, 255)

# The colours of Okabe and Ito ("Color Universal Design", 2008) without black, and five more: CIEDE2000 differences are
# at least 10 for normal vision, protanopia, deuteranopia and tritanopia.
COLOURS: tuple[RGB, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
    (200, 255, 200),
    (120, 255, 255),
    (160, 80, 120),
    (200, 0, 40),
    (160, 200, 120),
)

# The first seed with which twelve classes that often occur together (person, face, car, dog, …) have distinct colours.
_SEED = 13591


HUES = ("blue", "orange", "green", "yellow", "red", "pink", "blue", "green", "blue", "pink", "red", "green")
"""What one would call each of `COLOURS`: two blues beside each other are told apart, but not remembered."""

NEIGHBOURS = 3
"""So many classes before it in the list of a model have other hues than a class."""


def class_colour(name: str, among: tuple[str, ...] = ()) -> RGB:
    """The colour of a class, by its name.

    `among` are all classes of the model. Those beside each other in that list differ in hue, as they often are in one
    picture; most classes have the same colour for every model.
    """
    return _colours_of(among).get(name) or COLOURS[_preferred(name)]


def shared_labels(predicted: tuple[str, ...], labels: tuple[str, ...]) -> tuple[str, ...]:
    """Classes among which labels have the colours of predictions: those of the model, then those that it does not know.

    A colour depends on the classes before it alone.
    """
    known = frozenset(predicted)
    return (*predicted, *(name for name in labels if name not in known))


def _preferred(name: str) -> int:
    return xxhash.xxh32_intdigest(name.encode(), seed=_SEED) % len(COLOURS)


@functools.lru_cache(maxsize=64)
def _colours_of(labels: tuple[str, ...]) -> dict[str, RGB]:
    """Colour of each class of a model: its own, or the next one whose hue none of the classes before it has."""
    indices: list[int] = []
    for name in labels:
        before = indices[-NEIGHBOURS:]
        hues = {HUES[index] for index in before}
        # Of a short list no colour is given twice.
        used = set(indices) if len(labels) <= len(COLOURS) else set(before)
        rotated = [(_preferred(name) + step) % len(COLOURS) for step in range(len(COLOURS))]
        free = [index for index in rotated if index not in used]
        indices.append(next((index for index in free if HUES[index] not in hues), free[0]))
    # A name that stands twice keeps its first colour.
    return {name: COLOURS[index] for name, index in reversed([*zip(labels, indices, strict=True)])}


_SHADES = (0.0, -0.45, 0.35, -0.65, 0.6)
"""Shades of a colour, one for each round through `COLOURS`: fractions of white, or of black where negative. CIEDE2000
differences of the first 48 are at least 4, and of any twelve in a row at least 7; 2.3 is just noticeable."""


@functools.lru_cache(maxsize=1024)
def identity_colour(number: int) -> RGB:
    """The colour of a track, by its number; consecutive numbers have clearly different colours.

    The first tracks have the plain colours, those that follow other shades of them, and then mixtures of two.
    """
    place = number * 5 % len(COLOURS)
    mixtures, shade = divmod(number // len(COLOURS), len(_SHADES))
    colour = np.array(COLOURS[place], np.float64)
    if mixtures:
        colour = (colour + COLOURS[(place + 1 + (mixtures - 1) % (len(COLOURS) - 1)) % len(COLOURS)]) / 2
    amount = _SHADES[shade]
    colour += (255 - colour) * amount if amount > 0 else colour * amount
    red, green, blue = np.rint(colour).astype(int).tolist()
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Relative luminance 0..1, WCAG 2.1."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: RGB, other: RGB) -> float:
    """Contrast ratio, WCAG 2.1: 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@functools.cache
def text_on(colour: RGB) -> RGB:
    """Near-black or white, whichever has the higher contrast on `colour`."""
    return max((INK, PAPER), key=lambda text: contrast(text, colour))


def row_colour(result: Detections, row: int, look: Look) -> RGB:
    """The colour of a row: of its class or, with `Look.colour_by` "identity", of its track where it has one."""
    number = result.identity(row) if look.colour_by == "identity" else None
    return class_colour(result.label(row), result.labels) if number is None else identity_colour(number)
