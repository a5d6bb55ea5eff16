"""RAW photographs (DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2, PEF …) through LibRaw: developed, or their preview."""

from __future__ import annotations

import io
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import check_size, damaged, decoding, quoted
from cvstudio.media.pictures.color_profile import fitting_profile, to_srgb
from cvstudio.media.pictures.opencv import imdecode
from cvstudio.media.pictures.raw_process import DESCRIBE, DEVELOP, LEVELS
from cvstudio.media.pictures.raw_workers import ask
from cvstudio.media.pictures.tiff import SENSOR, opened

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_CR3, _RAF = b"ftypcrx", b"FUJIFILMCCD-RAW"
_OWN = re.compile(rb".{4}" + _CR3 + rb"|" + _RAF + rb"|II(?:RO|RS|U\0)|MMOR|\0MRM|FOVb|II\x1a\0\0\0HEAPCCDR", re.DOTALL)
"""Beginnings of RAW photographs that no other program takes for another file."""
_CR2 = re.compile(rb"(?:II\*\0|MM\0\*).{4}CR", re.DOTALL)
_TIFF = re.compile(rb"II\*\0|MM\0\*")
_DNG_VERSION, _ACTIVE_AREA, _CROP_ORIGIN, _CROP_SIZE = 50706, 50829, 50719, 50720
_MOST_SUB_DIRECTORIES = 32
_NAMES = {b"II*\0": "", b"MM\0*": "", b"IIU\0": "RW2", b"FOVb": "X3F", b"\0MRM": "MRW", b"FUJI": "RAF"}
_MIRROR_COLUMNS, _MIRROR_ROWS, _TRANSPOSE = 1, 2, 4
"""Bits of LibRaw's flip: mirrored first, then transposed."""
_ORIENTATION = 274


@dataclass(frozen=True)
class RawPhoto:
    """What a RAW photograph says of itself, before its sensor's numbers are read.

    Parameters
    ----------
    form : its format for users, e.g. "DNG"
    size : of the developed picture, upright and cropped
    preview : size of the embedded preview, upright; None where there is none
    """

    form: str
    size: Size
    preview: Size | None


@dataclass(frozen=True)
class RawLevels:
    """What the sensor's numbers tell.

    Parameters
    ----------
    white : largest number of the sensor
    mosaic : colours of the smallest part of the sensor that repeats, row by row, e.g. "RGGB"; "" where there is none
    balanced : whether the camera states its white balance
    libraw : version of LibRaw
    """

    white: int
    mosaic: str
    balanced: bool
    libraw: str


def raw_form(path: Path, head: bytes) -> str:
    """The format of a RAW photograph for users, "RAW" for a rare one; "" where `head` does not begin one."""
    if _OWN.match(head):
        if head[4:11] == _CR3:
            return "CR3"
        return _NAMES.get(head[:4], "ORF" if head[2:3] in (b"R", b"O") else "RAW")
    if not _TIFF.match(head):
        return ""
    if _CR2.match(head):
        return "CR2"
    # What is wrong with a TIFF is told by the format of pictures.
    with suppress(MediaError), decoding(path), path.open("rb") as file, opened(file) as tiff:
        if _sensor_page(tiff) is not None:
            return "DNG" if _DNG_VERSION in tiff.pages[0].aspage().tags else _by_suffix(path)
    return ""


def _by_suffix(path: Path) -> str:
    """The format of a RAW photograph that is a TIFF: only the names of cameras tell it."""
    suffix = path.suffix[1:].upper()
    return suffix if suffix.isalnum() and suffix not in ("TIF", "TIFF") else "RAW"


def begins_own(head: bytes) -> bool:
    """Whether a file that begins with `head` is RAW and nothing else, not even a TIFF whose preview can be shown."""
    return _OWN.match(head) is not None


def _sensor_page(tiff: TiffFile) -> TiffPage | None:
    """The largest directory that holds the numbers of a sensor: the first one, or one that hangs on it."""
    first = tiff.pages[0].aspage()
    pages = [first]
    if first.subifds and first.pages is not None:
        pages += [page.aspage() for page in islice(first.pages, _MOST_SUB_DIRECTORIES)]
    sensor = [page for page in pages if int(page.photometric) in SENSOR]
    return max(sensor, key=lambda page: page.imagewidth * page.imagelength, default=None)


def _numbers(page: TiffPage, code: int, count: int) -> list[float] | None:
    """The numbers of a tag, whole or rational; None where there are not `count` of them."""
    value = page.tags.valueof(code, ())
    numbers = [float(number) for number in value] if isinstance(value, tuple) else []
    if len(numbers) == 2 * count:
        numbers = [
            above / below if below else math.nan for above, below in zip(numbers[::2], numbers[1::2], strict=True)
        ]
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _stated_crop(path: Path) -> tuple[int, int, int, int] | None:
    """Left, top, width and height on the sensor of what a DNG says is to be shown; None where it says nothing.

    LibRaw moves odd places to even ones and cuts what is behind.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _sensor_page(tiff)
        size = _numbers(page, _CROP_SIZE, 2) if page is not None else None
        if page is None or size is None:
            return None
        left, top = _numbers(page, _CROP_ORIGIN, 2) or (0.0, 0.0)
        area = _numbers(page, _ACTIVE_AREA, 4) or (0.0, 0.0, 0.0, 0.0)
        return round(area[1] + left), round(area[0] + top), round(size[0]), round(size[1])


def _ask(path: Path, task: str, **options: Any) -> tuple[dict[str, Any], bytearray] | None:
    """As `raw_workers.ask`; None where LibRaw does not know such a file. Raises MediaError."""
    facts, payload = ask(path, task, **options)
    error = facts.get("error")
    if error == "unsupported":
        return None
    if error == "memory":
        with decoding(path):
            raise MemoryError
    if error is not None:
        with decoding(path), path.open("rb"):
            raise damaged(path)
    check_size(path, Size(*facts["size"]))
    return facts, payload


def _crop(path: Path, facts: dict[str, Any], form: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in the picture as LibRaw develops it, of what is shown; not yet upright."""
    width, height = facts["size"]
    whole = (0, 0, width, height)
    crop = _stated_crop(path) if form == "DNG" else tuple(facts["crop"])
    if crop is None or facts["aspect"] != 1:
        return whole
    left, top = crop[0] - facts["margin"][0], crop[1] - facts["margin"][1]
    right, bottom = min(left + crop[2], width), min(top + crop[3], height)
    left, top = max(left, 0), max(top, 0)
    # Of cameras that LibRaw does not know well it is now and then only a corner.
    return (left, top, right, bottom) if 2 * (right - left) > width and 2 * (bottom - top) > height else whole


def _turned(pixels: NDArray[np.uint8], flip: int) -> NDArray[np.uint8]:
    """`pixels` (H, W, 3) upright."""
    pixels = pixels[::-1] if flip & _MIRROR_ROWS else pixels
    pixels = pixels[:, ::-1] if flip & _MIRROR_COLUMNS else pixels
    return np.ascontiguousarray(pixels.transpose(1, 0, 2) if flip & _TRANSPOSE else pixels)


def describe_raw(path: Path, form: str) -> RawPhoto | None:
    """Describe a RAW photograph; None where LibRaw does not know such a file.

    Raises
    ------
    MediaError
        It is damaged, or of absurd size.
    """
    answer = _ask(path, DESCRIBE)
    if answer is None:
        return None
    facts, payload = answer
    left, top, right, bottom = _crop(path, facts, form)
    width, height = right - left, bottom - top
    aspect = facts["aspect"]
    if aspect < 1:
        height = int(height / aspect + 0.5)
    elif aspect > 1:
        width = int(width * aspect + 0.5)
    size = Size(height, width) if facts["flip"] & _TRANSPOSE else Size(width, height)
    check_size(path, size)
    return RawPhoto(form, size, _preview_size(facts, payload))


def read_levels(path: Path) -> RawLevels:
    """Read what the sensor's numbers tell. Raises MediaError where the file is damaged."""
    answer = _ask(path, LEVELS)
    if answer is None:
        raise damaged(path)
    facts = answer[0]
    return RawLevels(facts["white"], facts["mosaic"], facts["balanced"], facts["libraw"])


def develop(path: Path, form: str, *, bright: bool = False, half: bool = False) -> Image:
    """Develop a RAW photograph: white balance of the camera, or of daylight where it states none; cropped, upright.

    Parameters
    ----------
    form : its format, by `raw_form`
    bright : brighten it until a hundredth of it is white
    half : make one pixel of each four of the sensor, at half the size

    Returns
    -------
    Image
        uint8, sRGB

    Raises
    ------
    MediaError
        It is damaged.
    """
    answer = _ask(path, DEVELOP, half=half, bright=bright, white_is_stated=form == "DNG")
    if answer is None:
        raise damaged(path)
    facts, payload = answer
    pixels = np.frombuffer(payload, np.uint8).reshape(facts["shape"])
    left, top, right, bottom = _crop(path, facts, form)
    if half:
        left, top, right, bottom = left // 2, top // 2, max(right // 2, 1), max(bottom // 2, 1)
    pixels = pixels[top:bottom, left:right] if facts["aspect"] == 1 else pixels
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return Image(_turned(pixels, facts["flip"]))


def _jpeg_preview(payload: bytearray) -> tuple[Size, int, bytes]:
    """Size as stored, orientation and profile of a preview."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(payload)) as file:
        return Size(*file.size), int(file.getexif().get(_ORIENTATION, 1)), bytes(file.info.get("icc_profile") or b"")


def _preview_size(facts: dict[str, Any], payload: bytearray) -> Size | None:
    """Size of the preview, upright; None where there is none that can be read."""
    preview = facts.get("preview")
    if preview is None:
        return None
    if preview != "JPEG":
        height, width = preview[:2]
        return Size(height, width) if facts["flip"] & _TRANSPOSE else Size(width, height)
    try:
        size, orientation, _ = _jpeg_preview(payload)
    except Exception:  # Pillow's errors share no base class; the photograph itself may be whole
        return None
    return Size(size.height, size.width) if orientation >= 5 else size


def read_preview(path: Path) -> Image:
    """The picture that the camera has put into a RAW photograph, upright and in sRGB: uint8.

    Raises
    ------
    MediaError
        It is damaged, or there is none.
    """
    import cv2

    answer = _ask(path, DESCRIBE)
    preview = answer[0].get("preview") if answer is not None else None
    if answer is None or preview is None:
        raise MediaError(f"{quoted(path)} has no preview that can be read; read it as the developed picture.")
    facts, payload = answer
    if preview != "JPEG":
        check_size(path, Size(preview[1], preview[0]))
        pixels = np.frombuffer(payload, np.uint8).reshape(preview)
        return Image(_turned(np.repeat(pixels, 3, axis=2) if preview[2] == 1 else pixels, facts["flip"]))
    with decoding(path):
        size, _, profile = _jpeg_preview(payload)
        check_size(path, size)
        # With the EXIF orientation; LibRaw adds that of the photograph where the preview states none.
        bgr, _ = imdecode(bytes(payload), cv2.IMREAD_COLOR)
    if bgr is None:
        raise damaged(path)
    return to_srgb(Image(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), fitting_profile(profile, inks=False, grey=False))
