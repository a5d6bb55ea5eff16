"""HEIC and HEIF through libheif, AVIF through Pillow, or through OpenCV where it has more than 8 bits."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.container import appended_to, check_whole
from cvstudio.media.file_identity import HEAD_BYTES, check_size, decoding
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.formats.image import decode, upright
from cvstudio.media.pictures.alpha import straight
from cvstudio.media.pictures.color_code import code_points_of_heif
from cvstudio.media.pictures.color_profile import profile_fact, to_srgb
from cvstudio.media.pictures.headers import is_heif

# The brands, major and compatible, are the first box (ISO/IEC 14496-12, 4.3).
_AV1_BOX = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_HIGH_DEPTH, _TWELVE_BITS, _ORIENTATION = 0x40, 0x20, 274
_MOTION = re.compile(rb"mpvd.{4}ftyp", re.DOTALL)
"""The box of the video in a motion photo (Android's format 1.0)."""

_AV1 = re.compile(rb".{4}ftyp(?:.{4}){0,16}?avi[fs]", re.DOTALL)


def _open(path: Path, head: bytes) -> tuple[Any, bytes]:
    """The file, opened and its size checked, and its content; nothing is decoded yet. Raises MediaError."""
    check_whole(path, head)
    with decoding(path):
        content = path.read_bytes()
        if _AV1.match(head):
            from PIL.AvifImagePlugin import AvifImageFile

            file: Any = AvifImageFile(io.BytesIO(content))
        else:
            import pi_heif

            file = pi_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False, hdr_to_16bit=False)
        check_size(path, Size(*file.size))
    return file, content


def _head(path: Path) -> bytes:
    with decoding(path), path.open("rb") as file:
        return file.read(HEAD_BYTES)


def read_heif(path: Path) -> Image:
    """Decode the main picture.

    Returns
    -------
    Image
        sRGB, upright: profile, rotation and mirroring of the file are applied. uint8, or uint16 where it holds 10 or
        12 bits; float32 in linear light where it is HDR. Alpha where there is one.

    Raises
    ------
    MediaError
        The file is damaged or was removed.
    """
    head = _head(path)
    file, content = _open(path, head)
    profile = _profile(path, file, content)
    return to_srgb(_decoded(path, head, file, content), profile)


def _profile(path: Path, file: Any, content: bytes) -> bytes:
    """ICC profile, or code points where there is none."""
    with decoding(path):
        return bytes(file.info.get("icc_profile") or b"") or code_points_of_heif(content)


def _decoded(path: Path, head: bytes, file: Any, content: bytes) -> Image:
    with decoding(path):
        if not _AV1.match(head):
            # libheif rotates the picture itself; HEIF ignores the EXIF orientation (ISO/IEC 23008-12, annex A).
            # A copy: the library's own memory is freed with `file`.
            return _from_planes(np.array(file), int(file.info.get("bit_depth", 8)), file.premultiplied_alpha)
        from PIL.ImageOps import exif_transpose

        with file:
            bits = _av1_bits(content)
            deep = _read_high_depth(path, file.getexif().get(_ORIENTATION, 1)) if bits > 8 else None
            if deep is not None:
                return _from_planes(deep, bits, False)
            upright_picture = exif_transpose(file)
            alpha = upright_picture.has_transparency_data
            return _from_planes(np.asarray(upright_picture.convert("RGBA" if alpha else "RGB")), 8, False)


def _av1_bits(content: bytes) -> int:
    """Bits per channel, from the codec configuration of the main picture (AV1 in ISOBMFF, 2.3)."""
    box = _AV1_BOX.search(content)
    if box is None or not box[1][0] & _HIGH_DEPTH:
        return 8
    return 12 if box[1][0] & _TWELVE_BITS else 10


def _read_high_depth(path: Path, orientation: int) -> NDArray[np.uint16] | None:
    """An AVIF of more than 8 bits at full depth, upright, which Pillow reduces; None where OpenCV cannot read it."""
    try:
        pixels = decode(path, shown=False)
    except MediaError:
        return None
    if pixels.dtype != np.uint16:
        return None
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return upright(pixels, orientation)


def _from_planes(planes: NDArray[Any], bits: int, premultiplied: bool) -> Image:
    if planes.dtype == np.uint16:
        top = (1 << min(bits, 16)) - 1
        planes = ((planes.astype(np.uint32) * 65535 + top // 2) // top).clip(0, 65535).astype(np.uint16)
    if planes.ndim == 2:
        return Image(np.dstack([planes] * 3))
    colour, alpha = planes[..., :3], planes[..., 3] if planes.shape[2] == 4 else None
    if alpha is not None and premultiplied:
        colour = straight(colour, alpha, np.iinfo(planes.dtype).max)
    return Image(colour, alpha)


_AUXILIARY = {"hdrgainmap": "HDR gain map", "portraiteffectsmatte": "portrait matte", "disparity": "disparity map"}
"""What phones store beside a picture, by the end of its name."""


def _auxiliary(file: Any) -> str:
    """What belongs to the main picture and is not shown, as text (ISO/IEC 23008-12, 6.6.2); opacity is shown."""
    maps = [f"depth map of {depth.size[0]} × {depth.size[1]}" for depth in file.info.get("depth_images", ())]
    names = (str(name).rpartition(":")[2] for name in file.info.get("aux", {}))
    return ", ".join([*maps, *(_AUXILIARY.get(name, f"auxiliary picture ({name:.40})") for name in names)])


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not is_heif(head):
        return None
    file, content = _open(path, head)
    av1 = _AV1.match(head) is not None
    bits = _av1_bits(content) if av1 else int(file.info.get("bit_depth", 8))
    alpha = file.has_transparency_data if av1 else file.has_alpha
    details = {"format": "AVIF" if av1 else "HEIC", "bits": str(bits), "channels": "RGBA" if alpha else "RGB"}
    if (count := file.n_frames if av1 else len(file)) > 1:
        details["pages"] = f"{count}; the {'first' if av1 else 'main one'} is shown"
    elif _MOTION.search(content):
        details["pages"] = "1, and a video within it, which is not read (motion photo)"
    left = "" if av1 else _auxiliary(file)
    if left := ", ".join(filter(None, (left, appended_to(path, "picture")))):
        details["left"] = left
    if profile := profile_fact(_profile(path, file, content), inks=False, grey=True):
        details["profile"] = profile
    return Media(identity, path, MediaKind.IMAGE, read_heif(path).size if av1 else Size(*file.size), details=details)


FORMATS.register(
    Format(
        key="heif",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".heic", ".heif", ".avif"),
        probe=_probe,
        reader=lambda media: WholeReader(media, read_heif),
        order=21,
    )
)
