"""Pictures: JPEG, PNG, WebP, BMP, TIFF, GIF and Netpbm; the first frame of animated ones."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import BaseReader, Format, Media, MediaKind
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.picture_flaws import FLAW, picture_flaw, says_damaged
from cvstudio.media.file_identity import HEAD_BYTES, FileGuard, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.grey import LABELS, PICTURE, count_labels, narrow_bits, page_of, picture_readings
from cvstudio.media.pictures.bmp import masked_levels
from cvstudio.media.pictures.color_profile import fitting_profile, ink_to_srgb, profile_fact, read_profile, to_srgb
from cvstudio.media.pictures.headers import Header, read_header
from cvstudio.media.pictures.jpeg import closed, ends_early
from cvstudio.media.pictures.opencv import imdecode
from cvstudio.media.pictures.pnm import odd_levels, stretched
from cvstudio.media.pictures.tiff import levels_fact, read_tiff, read_tiff_values

# EXIF orientation -> (whether to mirror the columns, then number of counterclockwise turns by 90 degrees).
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


def decode(path: Path, *, shown: bool, lost: Callable[[str], None] | None = None) -> NDArray[Any]:
    """Decode with OpenCV.

    Parameters
    ----------
    shown : True gives BGR at 8 bits with the EXIF orientation applied, as ``cv2.imread`` does;
        False gives the channels, bit depth and values of the file unchanged.
    lost : callable (clause) that is told where part of the picture is wrong

    Returns
    -------
    (H, W) or BGR or BGRA (H, W, C)

    Raises
    ------
    MediaError
        The file is damaged or truncated.
    """
    import cv2

    with decoding(path):
        # Read by Python: on Windows cv2.imread cannot open a name outside the code page.
        data = path.read_bytes()
        if not shown and (odd := odd_levels(path, data)):
            return odd[0][..., ::-1] if odd[0].ndim == 3 else odd[0]
        if not shown and (masked := masked_levels(path, data)) is not None:
            return masked[..., [2, 1, 0, 3][: masked.shape[2]]]
        if re.match(rb"P[123]\s", data):
            data += b"\n"  # OpenCV wants something behind the last number of a plain Netpbm file
        elif data.startswith(b"\xff\xd8"):
            data = closed(data)
        flag = cv2.IMREAD_COLOR if shown else cv2.IMREAD_UNCHANGED
        pixels, messages = imdecode(data, flag)
    if lost is not None and messages.alone and says_damaged(messages):
        lost(FLAW)
    if pixels is None:
        raise damaged(path)
    return np.asarray(pixels)


class ImageReader(BaseReader):
    """Reads one picture.

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        self._path = media.path
        self._guard = FileGuard(media)
        self._reading = media.reading or PICTURE
        self._lost = partial(LOSSES.add_content, media)

    def read(self) -> Image:
        """Decode the picture.

        Returns
        -------
        Image
            RGB, upright, with alpha where there is one. uint8 or uint16 as in the file, scaled so that white is the
            largest value; TIFF floats as linear light. A colour profile is converted to sRGB; without one, a JPEG
            equals ``cv2.imread`` to the pixel. Read as labels, their colours in uint8.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        """
        self._guard.check()
        with decoding(self._path), self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        header = read_header(self._path, head, page_of(self._reading))
        if header is None:
            raise damaged(self._path)
        if self._reading.name == LABELS.name:
            from cvstudio.draw.samples.labels import label_picture

            return Image(label_picture(_read_labels(self._path, header)))
        profile = fitting_profile(header.profile, inks=header.inks, grey=header.channels in (1, 2))
        return to_srgb(self._read(header), profile)

    def _read(self, header: Header) -> Image:
        import cv2

        if bits := narrow_bits(self._reading.part):
            white = (1 << bits) - 1
            numbers = stretched(np.minimum(read_numbers(self._path, header), white), white)
            return Image(cv2.cvtColor(numbers, cv2.COLOR_GRAY2RGB))
        if header.format == "JPEG" and _printed(header):
            return _printed_jpeg(self._path, header)
        if header.format == "JPEG":
            return Image(cv2.cvtColor(decode(self._path, shown=True, lost=self._lost), cv2.COLOR_BGR2RGB))
        if header.format == "TIFF":
            return _upright_image(read_tiff(self._path, header.page), header.orientation)
        if header.format == "GIF":
            return _first_of_gif(self._path)
        raw = decode(self._path, shown=False)
        if header.white:
            raw = stretched(raw, header.white)
        return _to_image(self._path, header, raw)


def _first_of_gif(path: Path) -> Image:
    """The first picture through OpenCV; through Pillow where it is larger than the screen, which OpenCV refuses."""
    from PIL.GifImagePlugin import GifImageFile

    try:
        raw = decode(path, shown=False)
    except MediaError:
        with decoding(path), GifImageFile(io.BytesIO(path.read_bytes())) as file:
            pixels = np.asarray(file.convert("RGBA"))
            return Image(pixels[..., :3], pixels[..., 3] if file.has_transparency_data else None)
    header = Header("GIF", Size(raw.shape[1], raw.shape[0]), 3)
    return _to_image(path, header, raw)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`pixels` (H, W, …) rotated and mirrored according to an EXIF orientation 1..8."""
    if orientation not in _TURNS:
        return pixels
    mirror, turns = _TURNS[orientation]
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if mirror else pixels, turns))


def _read_labels(path: Path, header: Header) -> NDArray[Any]:
    """The labels in a file, upright (H, W): its numbers, or the indices of its palette. Raises MediaError."""
    if not header.indexed:
        return read_numbers(path, header)
    from PIL.PngImagePlugin import PngImageFile

    with decoding(path), PngImageFile(path) as file:
        return upright(np.asarray(file), header.orientation)


def read_numbers(path: Path, header: Header) -> NDArray[Any]:
    """The numbers as they stand in the file, upright: (H, W) or (H, W, C). Raises MediaError."""
    if header.format == "TIFF":
        return upright(read_tiff_values(path, header.page), header.orientation)
    numbers = upright(decode(path, shown=False), header.orientation)
    if header.format == "PNG" and header.bits < 8 and header.channels == 1:
        numbers //= 255 // ((1 << header.bits) - 1)  # stretched by the decoder
    return numbers


def _printed(header: Header) -> bool:
    """Whether the channels are inks whose profile is known."""
    profile = read_profile(header.profile) if header.profile and header.inks else None
    return profile is not None and profile.space == "CMYK"


def _printed_jpeg(path: Path, header: Header) -> Image:
    """Read a CMYK JPEG through Pillow, as OpenCV gives no inks."""
    from PIL.JpegImagePlugin import JpegImageFile

    with decoding(path), JpegImageFile(io.BytesIO(closed(path.read_bytes()))) as file:
        ink = np.asarray(file)
        return Image(upright(ink_to_srgb(ink, header.profile), header.orientation))


def _upright_image(image: Image, orientation: int) -> Image:
    alpha = None if image.alpha is None else upright(image.alpha, orientation)
    return Image(upright(image.pixels, orientation), alpha, image.transfer)


def _to_image(path: Path, header: Header, raw: NDArray[Any]) -> Image:
    import cv2

    channels = raw.shape[2] if raw.ndim == 3 else 1
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    if raw.dtype not in (np.uint8, np.uint16, np.float32) or channels not in codes:
        raise MediaError(
            f"{quoted(path)} has {channels} channels of {raw.dtype}; a picture has 1, 3 or 4 of 8 or 16 bits or "
            "floats, so convert it first."
        )
    raw = upright(raw, header.orientation)
    alpha = raw[:, :, 3] if channels == 4 else None
    if header.clear is not None and channels == 1:
        # OpenCV applies the transparent colour of a PNG (tRNS), but not its transparent grey.
        top = np.iinfo(raw.dtype).max
        clear = header.clear * top // ((1 << header.bits) - 1)
        alpha = np.where(raw == clear, 0, top).astype(raw.dtype)
    return Image(cv2.cvtColor(raw, codes[channels]), alpha, "linear" if raw.dtype == np.float32 else "srgb")


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    header = read_header(path, head)
    if header is None or (header.animated and not forced):
        return None
    if header.format == "JPEG" and header.ended and ends_early(path, progressive=header.progressive):
        raise damaged(path)
    readings = picture_readings(path, header, lambda: read_numbers(path, header))
    return Media(identity, path, MediaKind.IMAGE, header.size, details=_details(header), readings=readings)


def _details(header: Header) -> dict[str, str]:
    bits = f"{header.bits} (float)" if header.floating else str(header.bits)
    if header.white:
        bits = f"{header.used_bits}, white is {header.white:,}"
    details = {"format": header.format, "bits": bits}
    names = header.colors or {1: "grey", 2: "grey, alpha", 3: "RGB", 4: "RGBA"}.get(header.channels)
    if names:
        details["channels"] = names
    if header.floating:
        details["light"] = "linear"
    if header.pages:
        details["pages"] = header.pages
    if header.behind:
        details["left"] = header.behind
    if not header.ended:
        details["end"] = "its mark is missing; the picture is whole"
    if profile := profile_fact(header.profile, inks=header.inks, grey=header.channels in (1, 2)):
        details["profile"] = profile
    return details


def _header_of(media: Media) -> Header:
    """The header of the page that is read. Raises MediaError."""
    with decoding(media.path), media.path.open("rb") as file:
        header = read_header(media.path, file.read(HEAD_BYTES), page_of(media.reading))
    if header is None:
        raise damaged(media.path)
    return header


def _read_as(media: Media) -> Media:
    if page_of(media.reading):
        header = _header_of(media)
        return dataclasses.replace(media, size=header.size, details=_details(header))
    bits = narrow_bits(media.reading.part) if media.reading is not None else 0
    details = {**media.details, "bits": f"{bits} of {media.details['bits']}"}
    return dataclasses.replace(media, details=details) if bits else media


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """The levels of labels and measurements, and damage that is passed over. Raises MediaError."""
    form = media.details.get("format", "")
    if flaw := picture_flaw(media.path, form, page_of(media.reading)) or LOSSES.text(media):
        yield "Damage", flaw
    if media.reading is not None and media.reading.name == LABELS.name:
        yield "Labels", count_labels(_read_labels(media.path, _header_of(media)))
    elif form == "TIFF" and (text := levels_fact(media.path, page_of(media.reading))):
        yield "Levels", text


FORMATS.register(
    Format(
        key="image",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
        probe=_probe,
        reader=ImageReader,
        facts=_facts,
        read_as=_read_as,
        offers=(PICTURE.name, LABELS.name),
        order=20,
    )
)
