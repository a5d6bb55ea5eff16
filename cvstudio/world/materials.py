"""What surfaces are made of: a pattern in two colours, its grain, its gloss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cvstudio.data.srgb import decode_srgb

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """A matt or glossy surface.

    Parameters
    ----------
    dark, light : colours of the pattern's 0 and 1, as linear RGB 0..1
    pattern : name in `patterns.PATTERNS`
    period : side of a tile of the pattern in metres
    gloss : strength of the highlight, 0..1
    glow : light that it gives itself, as a factor of its colour
    """

    dark: Rgb
    light: Rgb
    pattern: str = "plain"
    period: float = 1.0
    gloss: float = 0.0
    glow: float = 0.0


def colour(hexadecimal: str) -> Rgb:
    """Linear RGB of an sRGB colour such as "#d94f3c"."""
    levels = [int(hexadecimal[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = decode_srgb(np.array(levels)).tolist()
    return red, green, blue


def plain(hexadecimal: str, gloss: float = 0.0, glow: float = 0.0) -> Material:
    """A material of one colour."""
    rgb = colour(hexadecimal)
    return Material(rgb, rgb, gloss=gloss, glow=glow)


def _two(dark: str, light: str, pattern: str, period: float, gloss: float = 0.0) -> Material:
    return Material(colour(dark), colour(light), pattern, period, gloss)


_BRIGHT = ("#c8443a", "#e0a531", "#2f7f78", "#3b6ea5", "#7a4f8f", "#d9773c", "#5d8a3c", "#c25b7c", "#e8dcc4", "#39495c")
_SOFT = ("#8c9aa5", "#a98f78", "#7d8f74", "#b5a58a", "#6a7387", "#a3736a", "#51606b", "#c2b8a8")


def _plains(hexadecimals: Sequence[str], gloss: float) -> tuple[Material, ...]:
    return tuple(plain(item, gloss) for item in hexadecimals)


def _woven(hexadecimals: Sequence[str]) -> tuple[Material, ...]:
    return tuple(Material(_darker(colour(item)), colour(item), "weave", 0.25) for item in hexadecimals)


def _darker(rgb: Rgb) -> Rgb:
    return 0.55 * rgb[0], 0.55 * rgb[1], 0.55 * rgb[2]


FINISHES: Mapping[str, tuple[Material, ...]] = {
    # Of things.
    "timber": (
        _two("#6e4526", "#b98552", "timber", 0.35, 0.15),
        _two("#4a2d1b", "#7d5333", "timber", 0.35, 0.2),
        _two("#a98052", "#dcb888", "timber", 0.35, 0.1),
        _two("#b9b2a6", "#e4ded2", "timber", 0.35, 0.1),
    ),
    "fabric": (
        *_woven((*_SOFT, "#3b6ea5", "#a8443a", "#2f7f78")),
        _two("#e8dcc4", "#3b6ea5", "stripes", 0.12),
        _two("#b8494a", "#e8dcc4", "dots", 0.16),
    ),
    "cushion": (*_woven(_BRIGHT), _two("#e8dcc4", "#c8443a", "stripes", 0.1)),
    "clothes": (
        *_woven(_BRIGHT),
        _two("#e8e2d4", "#39495c", "stripes", 0.09),
        _two("#7c2f2b", "#d9a531", "checker", 0.14),
        _two("#2d4a63", "#e8dcc4", "dots", 0.1),
    ),
    "trousers": _woven(("#2f3b52", "#4b4038", "#3d4a3f", "#6f6a60", "#27313f", "#8a7358")),
    "shoes": _plains(("#2a2320", "#6e4a33", "#d8d4cc", "#3a4452"), 0.3),
    "skin": _plains(("#e2b79a", "#c99673", "#a06f4c", "#7a4f36", "#54362a"), 0.1),
    "hair": _plains(("#221a16", "#4b3323", "#8a6238", "#b9a58a", "#5e5e5e"), 0.15),
    "plastic": _plains(_BRIGHT, 0.5),
    "ceramic": (*_plains(_BRIGHT, 0.6), _two("#e8e2d4", "#3b6ea5", "dots", 0.05, 0.6)),
    "metal": _plains(("#8e9499", "#5b6166", "#b4b0a8", "#2e3338"), 0.9),
    "dark metal": _plains(("#2e3338", "#3d4247", "#24352c"), 0.6),
    "car paint": _plains(("#b0312c", "#2c5a8c", "#d8d8d4", "#3a3f45", "#2f6b52", "#d29a2c", "#7d8791"), 0.9),
    "window": _plains(("#1d2a35",), 1.0),
    "pane": _plains(("#9fc0d6", "#b5cfdd"), 0.8),
    "rubber": _plains(("#202022",), 0.1),
    "white": _plains(("#e6e3dc",), 0.2),
    "black": _plains(("#1c1d20",), 0.4),
    "screen": (plain("#141a24", 0.9), plain("#1b2c4d", 0.9)),
    "red": _plains(("#b5261f",), 0.4),
    "blue": _plains(("#1f4f9e",), 0.4),
    "yellow": _plains(("#e0a81c",), 0.4),
    "orange": _plains(("#e2632a",), 0.3),
    "green light": (plain("#2fae6a", 0.4, 0.8),),
    "red light": (plain("#d4352c", 0.4, 0.8),),
    "amber light": (plain("#5a3d10", 0.4),),
    "lamp": (plain("#ffe7bd", 0.0, 1.2),),
    "shade": (_two("#d8c49a", "#efe3c6", "weave", 0.2), _two("#9c5244", "#c77a66", "weave", 0.2)),
    "leaf": (_two("#244a1f", "#5f9440", "leaves", 0.5), _two("#35521d", "#86a543", "leaves", 0.5)),
    "crown": (
        _two("#1c3d1a", "#57893a", "leaves", 1.4),
        _two("#2d4216", "#7f9a3a", "leaves", 1.4),
        _two("#6a3a12", "#c58a2f", "leaves", 1.4),
    ),
    "needles": (_two("#173420", "#3f6b3a", "leaves", 0.9), _two("#1e3b34", "#4d7a63", "leaves", 0.9)),
    "bark": (_two("#3a2a1e", "#6b5240", "timber", 0.5),),
    "soil": (_two("#2b1e15", "#4a3626", "grain", 0.3),),
    "fruit": _plains(("#b8322a", "#d98a1f", "#86a83a"), 0.4),
    "paper": (plain("#e8e3d6"), _two("#dcd5c3", "#f0ece1", "stripes", 0.006)),
    "cardboard": (_two("#9a7446", "#bb9362", "cloudy", 0.4), _two("#8a653c", "#b08853", "stripes", 0.02)),
    "cover": (*_plains(_BRIGHT, 0.3), _two("#e8dcc4", "#8f2f2a", "stripes", 0.05, 0.3)),
    "ball": (
        _two("#e8e4d8", "#26282c", "checker", 0.14, 0.4),
        plain("#cf6a2c", 0.3),
        _two("#e8dcc4", "#c8443a", "stripes", 0.14, 0.5),
        _two("#f0d23c", "#2c5a8c", "dots", 0.1, 0.5),
    ),
    "picture": (
        _two("#3b6ea5", "#e8c98a", "cloudy", 0.7),
        _two("#7a4f8f", "#e8a06a", "cloudy", 0.5),
        _two("#2f7f78", "#e8e2d4", "checker", 0.3),
    ),
    "fur": _plains(("#6b4a30", "#c6a678", "#2c2622", "#d8d2c6"), 0.05),
    "planks": (_two("#4a3524", "#94714c", "planks", 0.7), _two("#6f6a62", "#b5b0a6", "planks", 0.7)),
    # Of surroundings.
    "floorboards": (
        _two("#5e3c22", "#b28150", "wood", 0.6, 0.15),
        _two("#4a3120", "#8a603c", "wood", 0.5, 0.15),
        _two("#9c7b55", "#d8bb91", "wood", 0.7, 0.1),
    ),
    "floor tiles": (_two("#8a8378", "#d3cbbd", "tiles", 1.6, 0.3), _two("#3f444a", "#777f86", "tiles", 1.6, 0.3)),
    "carpet": (_two("#6d6258", "#a3978a", "weave", 0.5), _two("#3f5266", "#6f879c", "weave", 0.5)),
    "wall paint": (
        _two("#d9d2c2", "#e6e0d2", "grain", 0.9),
        _two("#b3c2c0", "#c3d0cd", "grain", 0.9),
        _two("#d8c3a5", "#e3d1b8", "grain", 0.9),
        _two("#a9b6c6", "#bac6d4", "grain", 0.9),
        _two("#c9b0a2", "#d6c0b3", "grain", 0.9),
    ),
    "wallpaper": (_two("#b9a98c", "#e0d6c2", "wallpaper", 0.5), _two("#8ca39b", "#d3dcd4", "wallpaper", 0.6)),
    "brick": (_two("#b5aea3", "#9c4a38", "brick", 1.0), _two("#8d867c", "#b5764e", "brick", 1.0)),
    "plaster": (
        _two("#cfc4ae", "#ded5c2", "grain", 1.2),
        _two("#c9a98f", "#d9bda6", "grain", 1.2),
        _two("#a9b8b2", "#bcc9c4", "grain", 1.2),
        _two("#d6c48f", "#e3d5a8", "grain", 1.2),
    ),
    "roof": (_two("#5e2c22", "#a1533e", "tiles", 1.2), _two("#33373c", "#5c6269", "tiles", 1.2)),
    "ceiling": (plain("#e9e6df"),),
    "asphalt": (_two("#35373a", "#5a5c5f", "grain", 1.5),),
    "pavement": (_two("#77736c", "#aaa59b", "tiles", 1.6), _two("#6f6a66", "#9d958d", "brick", 0.8)),
    "grass": (_two("#2f4a1c", "#6f9440", "blades", 2.0), _two("#45541f", "#8a9a48", "blades", 2.0)),
    "marking": (plain("#d9d7cf"),),
    "backdrop": (
        _two("#b9bcc0", "#c6c9cc", "cloudy", 3.0),
        _two("#a3b3ae", "#b2c0bb", "cloudy", 3.0),
        _two("#c9b9a8", "#d4c6b7", "cloudy", 3.0),
        _two("#8e9bb0", "#9eaabd", "cloudy", 3.0),
    ),
}
"""Choices of each finish, by name."""


def finished(name: str, rng: np.random.Generator) -> Material:
    """One of the materials of a finish, at random."""
    choices = FINISHES[name]
    return choices[int(rng.integers(len(choices)))]
