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

_MORE = (
    "5500ee 776644 9977ff 006600 eebbaa 226666 ccbbdd 554477 ff5566 cc00cc 778844 bbaa88 00bbbb 774444 ff88ff "
    "33ff77 ff9955 8877aa 22ddaa 009900 ffddaa 0055ff bb8888 881199 bbddff ff0099 8899cc 994422 99ccbb ffbbcc "
    "448888 990055 11cc22 ff22ff 996666 aa9944 556688 cc1155 2244aa 6699aa bb7755 bb66cc 8855cc ff9999 556633 "
    "ff5533 99dd00 225566 998866 cccc99 ff6699 775544 996633 991133 88ffdd cc6677 ff99cc 5588dd ffcc55 bb99dd "
    "ff8866 88bbcc 9900ff 77ddee eeee99 cc2200 776600 005588 aabbee 447755 77aa77 447788 886688 994499 664455 "
    "cc9955 55bb99 ffbb88 bb5555 ddeecc ccbb66 ccff00 ee66cc aaff66 aa7711 cc0077 aabb99 00bb66 dd99aa ccbbff "
    "ee8800 ffddff 66dd88 3388bb bbcc44 cc88ff"
)
"""Further colours: of those that carry text and are no greys, each differs most from all before it, to which end what
is left of a difference with protanopia or deuteranopia counts, too."""

CLASS_COLOURS: tuple[RGB, ...] = (
    *COLOURS,
    *((code[0], code[1], code[2]) for code in map(bytes.fromhex, _MORE.split())),
)
"""Colours of classes, `COLOURS` first. CIEDE2000 differences are at least 8, of the first 80 at least 9.5; 2.3 is just
noticeable."""

_COMMON = (
    "face, truck, person, bus, bird, bicycle, horse, dog, car, cat, chair, boat, bowl, couch, cell phone, bottle, "
    "suitcase, pizza, baseball bat, donut, banana, stop sign, skis, hair drier, zebra, toothbrush, scissors, "
    "toilet, cup, refrigerator, hot dog, giraffe, bed, frisbee, fire hydrant, tennis racket, fork, wine glass, "
    "traffic light, broccoli, keyboard, cake, surfboard, sink, spoon, kite, sports ball, sheep, teddy bear, tv, "
    "train, book, toaster, orange, umbrella, remote, airplane, vase, baseball glove, bench, carrot, parking "
    "meter, cow, elephant, mouse, motorcycle, clock, handbag, oven, sandwich, microwave, dining table, "
    "skateboard, potted plant, bear, snowboard, apple, backpack, knife, laptop, tie"
)
"""Classes with a colour of their own in every model: COCO's, and faces. Those of one kind (animals, food, furniture),
those beside each other in lists and those often seen together are far apart: CIEDE2000 at least 18."""

_PLACE = {name: index for index, name in enumerate(_COMMON.split(", "))}

_HUE_OF = {"b": "blue", "o": "orange", "g": "green", "y": "yellow", "r": "red", "p": "pink", "v": "purple"}
HUES = (
    *("blue", "orange", "green", "yellow", "red", "pink", "blue", "green", "blue", "pink", "red", "green"),
    *map(
        _HUE_OF.__getitem__,
        "vyvgrbvvrpgybrpgovggovrvbpbrgpbrgprybpvbovvrgrgbyypoorgppbyvrbvbyrybbggbpprogorgygpgopggpvopgbgv",
    ),
)
"""What one would call each of `CLASS_COLOURS`: two blues beside each other are told apart, but not remembered."""

NEIGHBOURS = 3
"""So many classes before it in the list of a model have other hues than a class."""

UNIQUE = 90
"""So many classes before it in the list of a model have other colours than a class."""


def class_colour(name: str, among: tuple[str, ...] = ()) -> RGB:
    """The colour of a class, by its name.

    `among` are all classes of the model. No two of `UNIQUE` classes one after the other in that list have the same
    colour, and those beside each other differ in hue; common ones have the same colour in
    almost every model.
    """
    return _colours_of(among).get(name) or CLASS_COLOURS[_preferred(name)]


def shared_labels(predicted: tuple[str, ...], labels: tuple[str, ...]) -> tuple[str, ...]:
    """Classes among which labels have the colours of predictions: those of the model, then those that it does not know.

    A colour depends on the classes before it alone.
    """
    known = frozenset(predicted)
    return (*predicted, *(name for name in labels if name not in known))


def _preferred(name: str) -> int:
    """Index of the colour of a class that stands alone: of a short list, all eyes can tell those apart."""
    place = _PLACE.get(name)
    return xxhash.xxh32_intdigest(name.encode(), seed=_SEED) % len(COLOURS) if place is None else place


@functools.lru_cache(maxsize=64)
def _colours_of(labels: tuple[str, ...]) -> dict[str, RGB]:
    """Colour of each class of a model: its own, or the next one that none before it has, of another hue if possible."""
    indices: list[int] = []
    for name in labels:
        used = set(indices[-UNIQUE:])
        hues = {HUES[index] for index in indices[-NEIGHBOURS:]}
        first = _preferred(name)
        if name in _PLACE and first not in used:
            indices.append(first)
            continue
        plain = [(first + step) % len(COLOURS) for step in range(len(COLOURS))]
        free = [index for index in (*plain, *range(len(COLOURS), len(CLASS_COLOURS))) if index not in used]
        indices.append(next((index for index in free if HUES[index] not in hues), free[0]))
    # A name that stands twice keeps its first colour.
    return {name: CLASS_COLOURS[index] for name, index in reversed([*zip(labels, indices, strict=True)])}


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
