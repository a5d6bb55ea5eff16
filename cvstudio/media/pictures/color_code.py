"""Colours told by code or by numbers in place of an ICC profile: H.273 code points, and PNG's gamma and chromaticities.

They are handed on as bytes beside the profiles of other files: `code_points` and `calibration` make them, and
`named_profile` turns them into an ICC profile.
"""

from __future__ import annotations

import functools
import re
import struct

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.srgb import decode_srgb
from cvstudio.media.pictures.high_range import HIGH_RANGES, WHITE_NITS, nits_of

_CODES, _CALIBRATION = b"H.273", b"cHRM"
_NCLX = re.compile(rb"colrnclx(..)(..)..", re.DOTALL)
"""Colour information of HEIF and AVIF (ISO/IEC 23008-12, 6.5.5, and ISO/IEC 14496-12, 12.1.5)."""
_SRGB_CURVE, _LINEAR, _UNSPECIFIED = 13, 8, 2
# ITU-T H.273, table 2: name, then x and y of red, green, blue and white.
_D65 = (0.3127, 0.3290)
BT709 = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
"""x and y of red, green, blue and white, as sRGB has them."""
SRGB_CHROMATICITIES = (*_D65, *BT709[:6])
"""x and y of white, red, green and blue."""
PRIMARIES: dict[int, tuple[str, tuple[float, ...]]] = {
    1: ("BT.709", BT709),
    _UNSPECIFIED: ("BT.709", BT709),
    4: ("NTSC 1953", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316)),
    5: ("BT.601, 625 lines", (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65)),
    6: ("BT.601, 525 lines", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    7: ("SMPTE 240M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)),
    11: ("DCI P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65)),
}
_ACES = (
    ("ACES AP0", (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)),
    ("ACES AP1", (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)),
)
"""SMPTE ST 2065-1, and S-2014-004 of the Academy."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_LEAST_SPAN = 1e-6
# Table 3. The camera curves of BT.709, BT.601 and BT.2020 (1, 6, 14, 15) are shown by that of sRGB, as in browsers.
_POWERS = {4: 2.2, 5: 2.8, _LINEAR: 1.0}
_AS_SRGB = (1, _UNSPECIFIED, 6, 13, 14, 15)
_STEPS = 4096


def code_points(primaries: int, transfer: int) -> bytes:
    """Stand-in for a profile of these code points (ITU-T H.273)."""
    return _CODES + struct.pack(">HH", primaries, transfer)


def calibration(gamma: float, chromaticities: tuple[float, ...] = ()) -> bytes:
    """Stand-in for a profile: level = light ** `gamma`; x and y of white, red, green and blue, or sRGB's."""
    return _CALIBRATION + struct.pack(">9f", gamma, *(chromaticities or SRGB_CHROMATICITIES))


def code_points_of_heif(content: bytes) -> bytes:
    """Stand-in for a profile, from the first code points in a HEIF or AVIF file; b"" where there are none."""
    found = _NCLX.search(content)
    return b"" if found is None else code_points(*(int.from_bytes(code, "big") for code in found.groups()))


@functools.lru_cache(maxsize=32)
def named_profile(data: bytes) -> tuple[bytes, str] | None:
    """ICC profile and name of what `code_points` or `calibration` returned; for HDR the profile is empty.

    None for any other bytes, and for codes that are not known.
    """
    import imagecodecs

    if data.startswith(_CALIBRATION):
        gamma, *xy = struct.unpack_from(">9f", data, len(_CALIBRATION))
        if not 0.1 < gamma < 10 or min(xy) <= 0:
            return None
        profile = imagecodecs.cms_profile(
            "rgb", whitepoint=(*xy[:2], 1.0), primaries=_with_luminance(xy[2:]), gamma=1 / gamma
        )
        of_srgb = np.allclose(xy, SRGB_CHROMATICITIES, atol=5e-4)
        return bytes(profile), f"gamma 1/{1 / gamma:.3g}, primaries of {'sRGB' if of_srgb else 'the file'}"
    if not data.startswith(_CODES):
        return None
    primaries_code, transfer = struct.unpack_from(">HH", data, len(_CODES))
    if primaries_code not in PRIMARIES:
        return None
    name, points = PRIMARIES[primaries_code]
    if transfer in HIGH_RANGES:
        return b"", f"{name}, {HIGH_RANGES[transfer]}"
    white, primaries = (*points[6:], 1.0), _with_luminance(points[:6])
    if transfer in _AS_SRGB:
        curve = (decode_srgb(np.linspace(0, 1, _STEPS)) * 65535 + 0.5).astype(np.uint16)
        profile = imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, transferfunction=curve)
    elif transfer in _POWERS:
        profile = imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=_POWERS[transfer])
        name += f", gamma {_POWERS[transfer]:g}"
    else:
        return None
    return bytes(profile), name


def _with_luminance(xy: tuple[float, ...] | list[float]) -> tuple[float, ...]:
    """x, y, Y of three primaries, as LittleCMS wants them."""
    return (*xy[:2], 1.0, *xy[2:4], 1.0, *xy[4:6], 1.0)


def hdr_light(pixels: NDArray[np.uint8] | NDArray[np.uint16], data: bytes) -> NDArray[np.float32]:
    """Linear light in BT.709's primaries of a picture in PQ or HLG, 1 being white (ITU-R BT.2100, BT.2408).

    Parameters
    ----------
    pixels : uint8 or uint16 (H, W, 3)
    data : code points for which `named_profile` has an empty profile

    Returns
    -------
    float32 (H, W, 3); highlights are above 1, and colours outside BT.709 have negative values
    """
    primaries, transfer = struct.unpack_from(">HH", data, len(_CODES))
    levels = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    light = nits_of(levels, transfer) / np.float32(WHITE_NITS)
    return np.asarray(light @ to_bt709(PRIMARIES[primaries][1]).T, np.float32)


def to_bt709(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """Matrix (3, 3) from linear RGB to linear RGB of BT.709, white becoming white (Bradford, ICC.1:2010, annex E).

    Parameters
    ----------
    xy : x and y of red, green, blue and white

    Raises
    ------
    ValueError
        They span no colours.
    """
    source, target = xyz_of(xy), xyz_of(BT709)
    cones = np.diag((_BRADFORD @ target.sum(axis=1)) / (_BRADFORD @ source.sum(axis=1)))
    return np.asarray(np.linalg.solve(_BRADFORD @ target, cones @ _BRADFORD @ source))


def primaries_name(xy: tuple[float, ...]) -> str:
    """Name of these primaries and this white, as in `to_bt709`, for users."""
    known = (*PRIMARIES.values(), *_ACES)
    return next((name for name, points in known if np.allclose(points, xy, atol=5e-4)), "its own")


def xyz_of(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """Matrix (3, 3) from linear RGB to XYZ: the columns are the primaries, scaled so that they add up to white.

    Parameters
    ----------
    xy : x and y of red, green, blue and white

    Raises
    ------
    ValueError
        They span no colours.
    """
    points = np.array(xy, np.float64).reshape(4, 2)
    columns = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)])
    if not np.isfinite(columns).all() or points[3, 1] <= 0 or abs(np.linalg.det(columns[:, :3])) < _LEAST_SPAN:
        raise ValueError(f"expected primaries and white that span colours, found {xy}")
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3] / points[3, 1]))
