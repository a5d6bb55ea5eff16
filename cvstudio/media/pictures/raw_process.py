"""A process that develops RAW photographs with LibRaw.

The decoders of LibRaw are many and native: a damaged file may end their process, and ends only this one. Each line of
its standard input is a request in JSON; it answers with a line of JSON and as many bytes behind it as that says. It
runs as a program, without the package around it, and so starts in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import rawpy
    from numpy.typing import NDArray

DESCRIBE, LEVELS, DEVELOP = "describe", "levels", "develop"
"""Tasks: sizes and the preview; those and what the numbers of the sensor tell; those and the picture."""
MEMORY_BYTES = 8 << 30
"""Address space of the process: about twice what the largest picture that is opened takes."""
_PIXELS_PER_BYTE = 100
"""No packing of a sensor's numbers needs fewer bytes than this: a smooth JPEG has 0.1 bits per pixel."""
_MOST_PIXELS = 200_000_000

_SRGB = (2.4, 12.92)
"""Power and slope of the transfer curve of sRGB (IEC 61966-2-1)."""


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _described(raw: rawpy.RawPy) -> tuple[dict[str, Any], bytes]:
    """Sizes and levels of an opened file, and its preview: a JPEG, or the numbers of a picture."""
    import rawpy

    sizes = raw.sizes
    facts: dict[str, Any] = {
        "flip": int(sizes.flip),
        "size": [int(sizes.width), int(sizes.height)],
        "margin": [int(sizes.left_margin), int(sizes.top_margin)],
        "crop": [
            *(int(sizes.crop_left_margin), int(sizes.crop_top_margin)),
            *(int(sizes.crop_width), int(sizes.crop_height)),
        ],
        "aspect": float(sizes.pixel_aspect),
        "colors": int(raw.num_colors),
        "libraw": ".".join(map(str, rawpy.libraw_version)),
    }
    with contextlib.suppress(Exception):  # there may be none, or one in a form that is not read
        preview = raw.extract_thumb().data
        if isinstance(preview, bytes):
            return facts | {"preview": "JPEG"}, preview
        shallow = preview if preview.dtype.itemsize == 1 else (preview >> 8).astype("u1")
        return facts | {"preview": list(shallow.shape)}, shallow.tobytes()
    return facts, b""


def _levels(raw: rawpy.RawPy) -> dict[str, Any]:
    """What is known only once the numbers of the sensor are unpacked."""
    balance = raw.camera_whitebalance[: 3 if raw.num_colors > 1 else 1]
    mosaic = ""
    with contextlib.suppress(Exception):  # of a sensor with layers in place of a mosaic
        names, pattern = raw.color_desc.decode("ascii"), raw.raw_pattern
        mosaic = "" if pattern is None else "".join(names[place] for place in pattern.ravel())
    white, balanced = int(raw.white_level), all(number > 0 for number in balance)
    return {"white": white, "balanced": balanced, "mosaic": mosaic}


def _developed(raw: rawpy.RawPy, request: dict[str, Any]) -> NDArray[np.uint8]:
    """The picture in sRGB with the white balance of the camera, not yet upright nor cropped."""
    return raw.postprocess(
        use_camera_wb=True,
        half_size=bool(request["half"]),
        no_auto_bright=not request["bright"],
        # A DNG states its white; elsewhere it is that of LibRaw's table of cameras, which a file may not reach.
        adjust_maximum_thr=0.0 if request["white_is_stated"] else 0.75,
        gamma=_SRGB,
        user_flip=0,
        output_bps=8,
    )


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes | memoryview]:
    import numpy as np
    import rawpy

    with open(request["path"], "rb") as file:
        content = file.read()
    with rawpy.RawPy() as raw:
        try:
            raw.open_buffer(io.BytesIO(content))
        except rawpy.LibRawFileUnsupportedError:
            return {"error": "unsupported"}, b""
        sizes = raw.sizes
        pixels = sizes.raw_width * sizes.raw_height
        if pixels > len(content) * _PIXELS_PER_BYTE:
            return {"error": "damaged"}, b""
        facts, preview = _described(raw)
        if request["task"] == DESCRIBE or pixels > _MOST_PIXELS:
            return facts, preview
        raw.unpack()
        facts |= _levels(raw)
        if request["task"] == LEVELS:
            return facts, preview
        picture = np.ascontiguousarray(_developed(raw, request))
        return facts | {"shape": list(picture.shape)}, picture.data.cast("B")


def _is_about_memory(error: Exception) -> bool:
    import rawpy

    return isinstance(error, rawpy.LibRawUnsufficientMemoryError | rawpy.LibRawTooBigError)


def main() -> int:
    """Answer requests until there are no more."""
    _limit_memory()
    answers = os.fdopen(os.dup(1), "wb")
    # LibRaw prints, too.
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        try:
            facts, payload = _answer(json.loads(line))
        except OSError:
            facts, payload = {"error": "unreadable"}, b""
        except MemoryError:
            facts, payload = {"error": "memory"}, b""
        except Exception as error:  # whatever the library raises
            facts, payload = {"error": "memory" if _is_about_memory(error) else "damaged"}, b""
        answers.write(json.dumps(facts | {"bytes": len(payload)}).encode() + b"\n")
        answers.write(payload)
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
