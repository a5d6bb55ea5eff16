"""Rendering of the visible part of a picture with results on top."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import View
from cvstudio.data.samples import Frame, Image
from cvstudio.draw._base_picture import BasePicture, Colour, plain
from cvstudio.draw.base import Emphasis, Look, draw, painter_of
from cvstudio.draw.palette import shared_labels
from cvstudio.results.detections import Detections

BACKGROUND = (22, 24, 28)


def render(
    base: Image | None,
    layers: Sequence[tuple[Any, Look]],
    view: View,
    *,
    background: Colour = BACKGROUND,
    emphasis: Emphasis | None = None,
    exposure_ev: float = 0.0,
) -> NDArray[np.uint8]:
    """Render the part of a picture within `view`, with results on it.

    Parameters
    ----------
    base : the picture; None renders the layers alone
    layers : results with their looks, the lowest first
    view : its rectangle may extend beyond the picture or lie outside of it
    background : RGB outside the picture
    emphasis : selected and hovered parts
    exposure_ev : exposure in stops of a picture in linear light (`Look.exposure`); ignored for others

    Returns
    -------
    uint8 RGB (h, w, 3) of `view.size`, a new array. It is a crop of the whole picture rendered at the same scale: exact
    for boxes and labels at every scale and for pixels at scale 1; otherwise pixels agree to the precision of OpenCV's
    interpolation, 1/32 pixel.

    Raises
    ------
    TypeError
        The type of a layer has no painter.
    """
    canvas = BasePicture(base).sample(view, background, exposure_ev) if base else plain(view, background)
    _draw_layers(canvas, layers, view, emphasis)
    return canvas


def render_alone(result: Any, look: Look, widest: int) -> NDArray[np.uint8]:
    """Render a result with a view of its own, such as a spectrogram: uint8 RGB (h, w, 3), at most `widest` pixels wide
    where its painter supports it (`Painter.whole`). Raises TypeError, as `render`."""
    painter = painter_of(type(result))
    if painter is not None and painter.whole is not None:
        return painter.whole(result, look, widest)
    return render(None, [(result, look)], View.whole(result.size), exposure_ev=look.exposure)


class Renderer:
    """Renders repeatedly: caches the picture's image pyramid and, while only results change, its pixels at the view.

    The pixels of a frame are kept from its second rendering on: while a video plays none is wanted again.
    """

    def __init__(self) -> None:
        self._base: Image | None = None
        self._picture: BasePicture | None = None
        self._toned = False
        self._rendered = False
        self._sampled: NDArray[np.uint8] | None = None
        self._sampled_for: tuple[View, Colour, float, Adjustments | None] | None = None

    def render(
        self,
        base: Image | None,
        layers: Sequence[tuple[Any, Look]],
        view: View,
        *,
        background: Colour = BACKGROUND,
        emphasis: Emphasis | None = None,
        exposure_ev: float = 0.0,
        tone: Adjustments | None = None,
    ) -> NDArray[np.uint8]:
        """Same as the function `render`, the picture with the levels and the channel of `tone`."""
        tone = tone.tone if tone is not None and tone.tonal else None
        if base is not self._base or (base is not None and (tone is not None) != self._toned):
            self._base, self._toned = base, tone is not None
            self._picture = BasePicture(base, deep=self._toned) if base else None
            self._sampled, self._rendered = None, False
        exposure_ev = exposure_ev if self._picture is not None and self._picture.linear else 0.0
        sampled_for = (view, background, exposure_ev, tone)
        if self._sampled is None or self._sampled_for != sampled_for:
            picture = self._picture
            canvas = plain(view, background) if picture is None else picture.sample(view, background, exposure_ev, tone)
            self._sampled = canvas.copy() if self._rendered or not isinstance(base, Frame) else None
            self._sampled_for = sampled_for
        else:
            canvas = self._sampled.copy()
        self._rendered = True
        _draw_layers(canvas, layers, view, emphasis)
        return canvas


def in_shared_colours(layers: Sequence[tuple[Any, Look]]) -> Sequence[tuple[Any, Look]]:
    """Layers with labels in the colours of the topmost predictions, so that one class has one colour."""
    results = [result for result, _ in layers if isinstance(result, Detections)]
    predicted = next((result for result in reversed(results) if not result.certain), None)
    if predicted is None or all(not result.certain for result in results):
        return layers
    return [
        (_recoloured(result, predicted.labels) if isinstance(result, Detections) and result.certain else result, look)
        for result, look in layers
    ]


def _recoloured(labelled: Detections, predicted: tuple[str, ...]) -> Detections:
    shared = shared_labels(predicted, labelled.labels)
    # The first of equal names counts, as everywhere.
    places = {name: place for place, name in reversed([*enumerate(shared)])}
    numbers = np.array([places[name] for name in labelled.labels], np.int64)
    classes = numbers[labelled.classes] if len(labelled.classes) else labelled.classes
    return dataclasses.replace(labelled, labels=shared, classes=classes)


def _draw_layers(
    canvas: NDArray[np.uint8], layers: Sequence[tuple[Any, Look]], view: View, emphasis: Emphasis | None
) -> None:
    for index, (result, look) in enumerate(in_shared_colours(layers)):
        emphasised = emphasis is not None and emphasis.layer in (None, index)
        draw(result, canvas, view, look, emphasis if emphasised and emphasis else Emphasis())
