"""Decoded frames as sRGB of the size at which they are shown: pixel aspect, matrix, primaries, high dynamic range."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.srgb import encode_srgb

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Codes of ISO/IEC 23091-2.
_UNSPECIFIED = 2
_BT2020, _P3_D65 = 9, 12
_PQ, _HLG = 16, 18
# As swscale and PyAV number matrices.
_MATRIX_BT709, _MATRIX_BT2020 = 1, 9

WHITE_NITS = 203.0
"""Luminance in cd/m² that is shown as white: the reference white of HDR television (ITU-R BT.2408)."""
PEAK_NITS = 1000.0
"""Luminance from which on high dynamic range is clipped: the nominal peak of HLG (ITU-R BT.2100)."""

_STEPS = 49
"""Entries of a colour table along each axis."""
_RGB = (2, 0, 1)
"""Planes of FFmpeg's planar RGB, which are green, blue, red."""
_WHITE_XY = (0.3127, 0.3290)
_PRIMARIES_XY = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    _P3_D65: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_HIGH = {_PQ: "PQ", _HLG: "HLG"}
_WIDE = {_BT2020: "BT.2020", _P3_D65: "P3"}


def shown_size(stream: VideoStream, frame: VideoFrame) -> Size:
    """Size of a decoded frame with square pixels, before its rotation. The height stays: 1440 x 1080 becomes 16:9."""
    aspect = stream.sample_aspect_ratio or 1
    return Size(max(1, round(frame.width * aspect)), frame.height)


def light_text(frame: VideoFrame) -> str:
    """What is done to the colours of high dynamic range or of a wide gamut; "" where nothing is."""
    high, wide = _HIGH.get(frame.color_trc), _WIDE.get(frame.color_primaries)
    if high:
        return f"HDR ({high}), tone mapped from {PEAK_NITS:.0f} to {WHITE_NITS:.0f} cd/m² (ITU-R BT.2390) for sRGB"
    return f"wide gamut ({wide}), converted to sRGB" if wide else ""


class FrameConverter:
    """Converts the decoded frames of one video to sRGB. Used by one thread.

    Parameters
    ----------
    size : of the results; frames of another size are scaled to it
    """

    def __init__(self, size: Size) -> None:
        from av.video.reformatter import VideoReformatter

        self._size = size
        # Kept, as swscale's set-up takes longer than the conversion of a frame.
        self._reformatter = VideoReformatter()
        self._mapping: tuple[tuple[int, int, int, int], Graph] | None = None

    def convert(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The pixels of `frame` as sRGB, uint8 (height, width, 3)."""
        transfer, primaries = frame.color_trc, frame.color_primaries
        if transfer in _HIGH or primaries in _WIDE:
            pixels = self._mapped(frame, transfer if transfer in _HIGH else _UNSPECIFIED, primaries)
        else:
            pixels = np.asarray(self._reformatted(frame, "rgb24").to_ndarray(), np.uint8)
        return pixels if (frame.width, frame.height) == self._size else _scaled(pixels, self._size)

    def _reformatted(self, frame: VideoFrame, pixel_format: str) -> VideoFrame:
        matrix = _guessed_matrix(frame) if frame.colorspace == _UNSPECIFIED else None
        return self._reformatter.reformat(frame, format=pixel_format, src_colorspace=matrix)

    def _mapped(self, frame: VideoFrame, transfer: int, primaries: int) -> NDArray[np.uint8]:
        """`frame` through the colour table of its transfer function and primaries."""
        import cv2

        planar = self._reformatted(frame, "gbrpf32le")
        key = (transfer, primaries if primaries in _WIDE else _BT2020, frame.width, frame.height)
        if self._mapping is None or self._mapping[0] != key:
            self._mapping = key, _table_filter(planar, _table_text(*key[:2]))
        graph = self._mapping[1]
        graph.push(planar)
        mapped: Any = graph.pull()
        # OpenCV's stubs know no scalars; the result is rounded and clipped.
        white: Any = 255.0
        planes = []
        for number in _RGB:
            plane = mapped.planes[number]
            values: Any = np.frombuffer(plane, np.float32).reshape(frame.height, plane.line_size // 4)
            planes.append(cv2.multiply(values[:, : frame.width], white, dtype=cv2.CV_8U))
        return np.asarray(cv2.merge(planes), np.uint8)


def _scaled(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    import cv2

    shrinks = pixels.shape[1] >= size.width and pixels.shape[0] >= size.height
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def _guessed_matrix(frame: VideoFrame) -> int | None:
    """The matrix of YUV that states none, as players guess it; None leaves it to swscale, which takes BT.601."""
    if frame.format.is_rgb or len(frame.format.components) < 3:
        return None
    if frame.color_trc in _HIGH or frame.color_primaries == _BT2020:
        return _MATRIX_BT2020
    return _MATRIX_BT709 if frame.width >= 1280 or frame.height > 576 else None


def _table_filter(frame: VideoFrame, table: str) -> Graph:
    """A filter that maps frames like `frame`, planar float RGB, through `table`, the text of a .cube file."""
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    with tempfile.TemporaryDirectory(prefix="cvstudio-") as folder:
        path = Path(folder) / "table.cube"
        path.write_text(table, encoding="ascii")
        mapping = graph.add("lut3d", file=str(path), interp="tetrahedral")
    sink = graph.add("buffersink")
    source.link_to(mapping)
    mapping.link_to(sink)
    graph.configure()
    return graph


@functools.lru_cache(maxsize=4)
def _table_text(transfer: int, primaries: int) -> str:
    """Text of the .cube file with the sRGB values of `_STEPS` values of each channel; red varies fastest."""
    steps = np.linspace(0.0, 1.0, _STEPS)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colors = to_srgb(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, primaries)
    rows = "%.5f %.5f %.5f\n" * len(colors) % tuple(colors.ravel().tolist())
    return f"LUT_3D_SIZE {_STEPS}\n{rows}"


def to_srgb(signal: NDArray[np.float64], transfer: int, primaries: int) -> NDArray[np.float64]:
    """The sRGB values of an R'G'B' signal of high dynamic range or of a wide gamut; colours that sRGB does not have are
    below 0 or above 1, as interpolation needs it.

    Parameters
    ----------
    signal : float (n, 3), 0..1
    transfer : 16 (PQ) or 18 (HLG); otherwise standard dynamic range, whose greys stay
    primaries : 9 (BT.2020) or 12 (P3 with the white D65)
    """
    if transfer in _HIGH:
        nits = _pq_nits(signal) if transfer == _PQ else _hlg_nits(signal)
        light = _tone_mapped(nits) / WHITE_NITS
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    linear = light @ _to_bt709(primaries).T
    return np.asarray(np.sign(linear) * encode_srgb(np.abs(linear)))


def _to_bt709(primaries: int) -> NDArray[np.float64]:
    """Matrix from linear light with `primaries` to linear light with those of BT.709 and sRGB."""

    def to_xyz(code: int) -> NDArray[np.float64]:
        columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in _PRIMARIES_XY[code]]).T
        x, y = _WHITE_XY
        return columns * np.linalg.solve(columns, np.array([x / y, 1.0, (1 - x - y) / y]))

    return np.asarray(np.linalg.solve(to_xyz(1), to_xyz(primaries)))


def _pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in cd/m² of the perceptual quantiser (SMPTE ST 2084)."""
    power = signal ** (32 / 2523)
    ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(10_000 * ratio ** (16_384 / 2610))


def _pq_signal(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `_pq_nits`."""
    power = (nits / 10_000) ** (2610 / 16_384)
    return np.asarray(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def _hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in cd/m² of hybrid log-gamma on a display of `PEAK_NITS` (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(PEAK_NITS * luminance[:, None] ** 0.2 * scene)


def _tone_mapped(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB in cd/m² up to `PEAK_NITS` mapped to at most `WHITE_NITS` (ITU-R BT.2390, 5.4.1), without a shift of hue.

    The curve leaves everything below its knee at 88 cd/m² as it is. The largest channel decides about all three.
    """
    peak, white = _pq_signal(np.array(PEAK_NITS)), _pq_signal(np.array(WHITE_NITS))
    largest = np.minimum(nits.max(axis=1), PEAK_NITS)
    relative, limit = _pq_signal(largest) / peak, white / peak
    knee = 1.5 * limit - 0.5
    t = np.clip((relative - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    mapped = _pq_nits(np.where(relative < knee, relative, spline) * peak)
    gain = np.divide(mapped, nits.max(axis=1), out=np.zeros_like(mapped), where=largest > 0)
    return np.asarray(nits * gain[:, None])
