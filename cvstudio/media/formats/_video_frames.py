"""Decoded frames as they are shown: upright, with square pixels, in one size, in sRGB."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.media.pictures.hdr import BT2020, WIDE_GAMUTS, color_table
from cvstudio.media.pictures.high_range import HIGH_RANGES, PEAK_NITS, WHITE_NITS

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# As swscale and PyAV number the matrices of YUV; swscale knows these.
_MATRICES = (1, 4, 5, 6, 7, 9)
_MATRIX_BT709, _MATRIX_BT601, _MATRIX_BT2020 = 1, 5, 9
_MATRIX_NAMES = {_MATRIX_BT709: "BT.709", _MATRIX_BT601: "BT.601", _MATRIX_BT2020: "BT.2020"}
_STRANGE_MATRICES = {8: "YCgCo", 10: "BT.2020 with constant luminance", 14: "ICtCp", 15: "IPT of Dolby Vision"}
_UNSPECIFIED = 2
_STANDARD_RANGE = 0
_RGB = (2, 0, 1)
"""Planes of FFmpeg's planar RGB, which are green, blue, red."""

_PROFILED = ("png", "apng")
"""Codecs whose frames carry a named colour profile. PyAV frees the name twice once `side_data` was looked at, and the
next garbage collection crashes: `SideData.metadata` owns what belongs to the frame."""

Orientation = tuple[int, bool]
"""Counterclockwise turns by 90 degrees that make a frame upright, and whether left and right are swapped after them."""


class ColorTags(NamedTuple):
    """Codes of ISO/IEC 23091-2 that a container states for its frames; they count where a frame states none."""

    matrix: int
    transfer: int
    primaries: int
    value_range: int

    @classmethod
    def of(cls, stream: VideoStream) -> ColorTags:
        """The tags of a stream that has not been decoded yet: a decoder replaces them by those of its frames."""
        return cls(stream.colorspace, stream.color_trc, stream.color_primaries, stream.color_range)

    def complete(self, frame: VideoFrame) -> None:
        """Give `frame` the tags that it does not state."""
        if frame.colorspace == _UNSPECIFIED:
            frame.colorspace = self.matrix
        if frame.color_trc == _UNSPECIFIED:
            frame.color_trc = self.transfer
        if frame.color_primaries == _UNSPECIFIED:
            frame.color_primaries = self.primaries
        frame.color_range = frame.color_range or self.value_range


def orientation(codec: str, frame: VideoFrame) -> Orientation:
    """The orientation that the display matrix of `frame` states, which was decoded from `codec` (FFmpeg's name)."""
    if codec in _PROFILED:
        return round(frame.rotation / 90) % 4, False
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    mirrored = a * d - b * c < 0
    return round(-math.atan2(b, -a if mirrored else a) * 2 / math.pi) % 4, mirrored


def square_size(stream: VideoStream, frame: VideoFrame) -> Size:
    """Size of a decoded frame with square pixels, before it is turned upright: the width follows the aspect."""
    aspect = stream.sample_aspect_ratio or 1
    return Size(max(1, round(frame.width * aspect)), frame.height)


def shown_size(stream: VideoStream, frame: VideoFrame) -> Size:
    """Size at which a decoded frame is shown."""
    width, height = square_size(stream, frame)
    return Size(height, width) if orientation(stream.codec_context.name, frame)[0] % 2 else Size(width, height)


def light_text(frame: VideoFrame) -> str:
    """What is done to the light of high dynamic range, a wide gamut or an unknown matrix; "" where nothing is."""
    high, wide = HIGH_RANGES.get(frame.color_trc), WIDE_GAMUTS.get(frame.color_primaries)
    texts = []
    if high:
        texts.append(
            f"HDR ({high}), tone mapped from {PEAK_NITS:.0f} to {WHITE_NITS:.0f} cd/m² (ITU-R BT.2390) for sRGB"
        )
    elif wide:
        texts.append(f"wide gamut ({wide}), converted to sRGB")
    if strange := _STRANGE_MATRICES.get(frame.colorspace):
        texts.append(f"colours approximate, as the matrix {strange} is not read")
    return "; ".join(texts)


def matrix_text(frame: VideoFrame) -> str:
    """The matrix that is guessed for YUV that states none; "" where nothing is guessed."""
    guessed = _guessed_matrix(frame) if frame.colorspace == _UNSPECIFIED else None
    return f"{_MATRIX_NAMES[guessed]} (none is stated; guessed from the size)" if guessed else ""


class FrameConverter:
    """Converts the decoded frames of one video to sRGB. Used by one thread.

    Parameters
    ----------
    size : of the results before they are turned upright; frames of another size are scaled to it
    tags : of the container
    codec : FFmpeg's name
    """

    def __init__(self, size: Size, tags: ColorTags, codec: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._size = size
        self._tags = tags
        self._codec = codec
        # Kept, as swscale's set-up takes longer than the conversion of a frame.
        self._reformatter = VideoReformatter()
        self._mapping: tuple[tuple[int, int, int, int], Graph] | None = None

    def convert(self, frame: VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """The upright pixels of `frame` as sRGB, uint8 (h, w, 3), and its opacity, uint8 (h, w), where it has one."""
        self._tags.complete(frame)
        if frame.color_trc in HIGH_RANGES or frame.color_primaries in WIDE_GAMUTS:
            pixels = self._mapped(frame)
        elif any(component.is_alpha for component in frame.format.components):
            pixels = self._reformatted(frame, "rgba").to_ndarray()
        else:
            pixels = self._reformatted(frame, "rgb24").to_ndarray()
        if (frame.width, frame.height) != self._size:
            pixels = _scaled(pixels, self._size)
        turns, mirrored = orientation(self._codec, frame)
        pixels = np.rot90(pixels, turns)
        if mirrored:
            pixels = pixels[:, ::-1]
        alpha = pixels[:, :, 3] if pixels.shape[2] == 4 else None
        # Most animations are opaque throughout, and drawing is faster where nothing is blended.
        return pixels[:, :, :3], None if alpha is None or alpha.min() == 255 else alpha

    def _reformatted(self, frame: VideoFrame, pixel_format: str) -> Any:
        matrix = None if frame.colorspace in _MATRICES else _guessed_matrix(frame)
        return self._reformatter.reformat(frame, format=pixel_format, src_colorspace=matrix, dst_colorspace=matrix)

    def _mapped(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """`frame` through the colour table of its transfer function and primaries."""
        import cv2

        planar = self._reformatted(frame, "gbrpf32le")
        transfer = frame.color_trc if frame.color_trc in HIGH_RANGES else _STANDARD_RANGE
        key = (transfer, frame.color_primaries, frame.width, frame.height)
        if self._mapping is None or self._mapping[0] != key:
            self._mapping = key, _table_filter(planar, color_table(transfer, frame.color_primaries))
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
    """The matrix of YUV that states none that is known, as players guess it; None where there is none to apply."""
    if frame.format.is_rgb or len(frame.format.components) < 3:
        return None
    if frame.color_trc in HIGH_RANGES or frame.color_primaries == BT2020:
        return _MATRIX_BT2020
    return _MATRIX_BT709 if frame.width >= 1280 or frame.height > 576 else _MATRIX_BT601


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
