"""Colours of classes: told apart by colour-blind eyes, and the same in every session and every export."""

from __future__ import annotations

import functools

import xxhash

RGB = tuple[int, int, int]

# Okabe and Ito's colours (2008) without black, then lighter and darker steps of them for more classes.
COLOURS: tuple[RGB, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
    (148, 203, 236),
    (255, 194, 87),
    (94, 205, 172),
    (255, 150, 92),
    (230, 170, 203),
)


@functools.cache
def class_colour(name: str) -> RGB:
    """The colour of a class by its name."""
    return COLOURS[xxhash.xxh32_intdigest(name.encode()) % len(COLOURS)]


def luminance(colour: RGB) -> float:
    """Relative luminance, WCAG 2.1."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: RGB, other: RGB) -> float:
    """Contrast ratio, WCAG 2.1: 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_on(colour: RGB) -> RGB:
    """Black or white, whichever is easier to read on `colour`."""
    return max(((16, 18, 22), (255, 255, 255)), key=lambda text: contrast(text, colour))
