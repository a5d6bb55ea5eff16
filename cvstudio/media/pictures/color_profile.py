"""Colour profiles: the colours that the numbers of a file stand for, converted to sRGB by LittleCMS.

They are ICC profiles, or the code points and numbers of `cvstudio.media.pictures.color_code` in their place.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.media.pictures.color_code import hdr_light, named_profile

_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space in a profile's header -> Pillow's mode."""
_EXACT = 0x100
"""cmsFLAGS_NOOPTIMIZE: without it, 16 bits go through a table of 33 steps, wrong where colours leave the gamut."""
# ITU-R BT.709, whose primaries and white sRGB has: x, y, Y of white, then of red, green and blue.
_WHITE, _PRIMARIES = (0.3127, 0.3290, 1.0), (0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0)


@dataclass(frozen=True)
class ColorProfile:
    """A readable profile.

    Parameters
    ----------
    data : ICC profile, or where `hdr` the code points
    name : its description, for users
    space : "RGB", "GRAY" or "CMYK"
    is_srgb : whether converting it to sRGB would change no 8-bit level by more than rounding does
    coded : whether it is made of code points or numbers
    hdr : whether levels stand for light beyond white
    """

    data: bytes
    name: str
    space: str
    is_srgb: bool
    coded: bool = False
    hdr: bool = False


@functools.lru_cache(maxsize=32)
def read_profile(data: bytes) -> ColorProfile | None:
    """The profile in `data`; None where it is damaged, or of a colour space that no picture here has."""
    from PIL import ImageCms

    named = named_profile(data)
    if named is not None and not named[0]:
        return ColorProfile(data, named[1], "RGB", False, True, True)
    if named is not None:
        data = named[0]
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        if space not in _SPACES:
            return None
        described = " ".join((profile.profile.profile_description or "").split()) or "unnamed"
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        axes = {"RGB": 3, "GRAY": 1, "CMYK": 4}[space]
        colors = np.stack(np.meshgrid(*[steps] * axes, indexing="ij"), -1).reshape(1, -1, axes)
        converted = _convert8(colors, data, space).astype(int)
        is_srgb = space != "CMYK" and int(np.abs(converted - colors).max()) <= 1
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    return ColorProfile(data, named[1] if named else described, space, is_srgb, named is not None)


def profile_fact(data: bytes, *, inks: bool, grey: bool) -> str:
    """What is told of the profile of a file whose channels are `inks`, `grey` or neither; "" where it has none."""
    if not data:
        return ""
    profile = read_profile(data)
    if profile is None:
        return "not readable, so ignored"
    if not _fits(profile, inks=inks, grey=grey):
        return f"{profile.name}, which is for other channels ({profile.space}), so ignored"
    if profile.hdr:
        return f"{profile.name} (HDR), converted to linear light in which white is 1"
    if profile.coded and profile.is_srgb:
        return ""
    return profile.name if profile.is_srgb else f"{profile.name}, converted to sRGB"


def fitting_profile(data: bytes, *, inks: bool, grey: bool) -> bytes:
    """The profile `data` where it is for channels that are `inks`, `grey` or neither; else, and for none, b""."""
    profile = read_profile(data) if data else None
    return data if profile is not None and _fits(profile, inks=inks, grey=grey) else b""


def _fits(profile: ColorProfile, *, inks: bool, grey: bool) -> bool:
    return (profile.space == "CMYK") == inks and (grey or profile.space != "GRAY")


def to_srgb(image: Image, data: bytes) -> Image:
    """`image` in sRGB, or in linear light with sRGB's primaries where it is linear or HDR.

    Parameters
    ----------
    image : as decoded, its numbers being those of the profile
    data : profile for RGB or grey; one that cannot be read, or is for other channels, changes nothing
    """
    profile = read_profile(data) if data else None
    linear = image.transfer == "linear"
    if profile is None or profile.space == "CMYK" or (profile.is_srgb and not linear):
        return image
    pixels = image.pixels
    if profile.hdr:
        alpha = image.alpha
        if alpha is not None:
            alpha = (alpha / np.float32(np.iinfo(alpha.dtype).max)).astype(np.float32)
        return image if linear else Image(hdr_light(pixels, profile.data), alpha, "linear")
    if profile.space == "GRAY":
        if np.any(pixels != pixels[..., :1]):
            return image
        pixels = np.ascontiguousarray(pixels[..., :1])
    return Image(_convert(pixels, profile, linear=linear), image.alpha, image.transfer)


def ink_to_srgb(ink: NDArray[Any], data: bytes) -> NDArray[Any]:
    """CMYK as sRGB.

    Parameters
    ----------
    ink : uint8 or uint16 (H, W, 4); the largest value is full ink
    data : ICC profile for CMYK; without one that can be read, each ink takes away its part of the light

    Returns
    -------
    RGB (H, W, 3) of the same dtype
    """
    profile = read_profile(data) if data else None
    if profile is not None and profile.space == "CMYK":
        return _convert(ink, profile, linear=False)
    top = np.iinfo(ink.dtype).max
    light = (top - ink).astype(np.uint32)
    return ((light[..., :3] * light[..., 3:] + top // 2) // top).astype(ink.dtype)


def _convert(pixels: NDArray[Any], profile: ColorProfile, *, linear: bool) -> NDArray[Any]:
    if pixels.dtype == np.uint8:
        return _convert8(pixels, profile.data, profile.space)
    import imagecodecs

    target = _linear_srgb() if linear else _srgb()
    # LittleCMS wants grey without an axis of channels.
    values = pixels[..., 0] if profile.space == "GRAY" else pixels
    converted = imagecodecs.cms_transform(
        np.ascontiguousarray(values),
        profile.data,
        target,
        colorspace=profile.space.lower(),
        outcolorspace="rgb",
        outdtype=pixels.dtype.name,
        intent=0,
        flags=_EXACT,
    )
    return np.asarray(converted)


def _convert8(pixels: NDArray[np.uint8], data: bytes, space: str) -> NDArray[Any]:
    """uint8 (H, W, channels of `space`) -> sRGB (H, W, 3)."""
    import PIL.Image
    from PIL import ImageCms

    mode = _SPACES[space]
    shape = pixels.shape[:2]
    picture = PIL.Image.frombytes(mode, (shape[1], shape[0]), np.ascontiguousarray(pixels).tobytes())
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(data)), ImageCms.ImageCmsProfile(io.BytesIO(_srgb()))
    transform = ImageCms.buildTransform(source, target, mode, "RGB")
    return np.asarray(transform.apply(picture))


@functools.cache
def _srgb() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.cache
def _linear_srgb() -> bytes:
    import imagecodecs

    return bytes(imagecodecs.cms_profile("rgb", whitepoint=_WHITE, primaries=_PRIMARIES, gamma=1.0))
