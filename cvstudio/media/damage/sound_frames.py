"""Frames of sounds whose decoders pass over what is missing: AC-3 that was cut short, True Audio that goes on."""

from __future__ import annotations

import struct
from pathlib import Path

from cvstudio.foundation.names import counted
from cvstudio.media.file_identity import decoding

# ETSI TS 102 366, tables 4.13 and E.2: 0x0B77, then a checksum, or the length of the frame in E-AC-3.
_SYNC = b"\x0b\x77"
_KBIT = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_RATES_HZ = (48_000, 44_100, 32_000)
_SAMPLES, _ENHANCED = 1536, 11
"""Samples of a frame of AC-3, and the bsid from which it is E-AC-3."""
_TTA_HEADER = struct.Struct("<4sHHHIII")
_TTA_FRAME_SECS = 256 / 245
_TAG_MAGICS = (b"APETAGEX", b"TAG", b"ID3")

_CUT = "its last frame was cut off, so that some of the sound may be missing"


def _dolby_length(data: bytes, start: int) -> int:
    """Bytes of the frame of AC-3 or E-AC-3 at `start`; 0 where none begins there."""
    head = data[start : start + 6]
    if len(head) < 6 or not head.startswith(_SYNC):
        return 0
    if head[5] >> 3 >= _ENHANCED:
        return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    rate, code = head[4] >> 6, head[4] & 63
    if rate >= len(_RATES_HZ) or code >> 1 >= len(_KBIT):
        return 0
    words = _KBIT[code >> 1] * 1000 * _SAMPLES // (_RATES_HZ[rate] * 16)
    return 2 * (words + (code & 1 if _RATES_HZ[rate] == 44_100 else 0))


def dolby_flaw(path: Path) -> str:
    """What is wrong with the frames of an AC-3 or E-AC-3 file, as a clause; "" for nothing. Raises MediaError."""
    with decoding(path):
        data = path.read_bytes()
    position, strange = 0, 0
    while position < len(data):
        length = _dolby_length(data, position)
        if not length:
            rest = data[position : position + 8]
            if len(rest) < 6 and _SYNC.startswith(rest[:2]):
                return _CUT
            following = data.find(_SYNC, position + 1)
            if following < 0:
                strange += not rest.startswith(_TAG_MAGICS)
                break
            position, strange = following, strange + 1
        elif position + length > len(data):
            return _CUT
        else:
            position += length
    return f"other bytes are amid its frames, in {counted(strange, 'place')}, so that some are lost" if strange else ""


def true_audio_flaw(path: Path) -> str:
    """What a True Audio file holds behind the end that its header states, as a clause; "" for nothing.

    Raises MediaError.
    """
    with decoding(path), path.open("rb") as file:
        magic, _, _, _, rate, samples, _ = _TTA_HEADER.unpack(file.read(_TTA_HEADER.size))
        if magic != b"TTA1" or not rate:
            return ""
        frames = -(-samples // int(rate * _TTA_FRAME_SECS))
        sizes = struct.unpack(f"<{frames}I", file.read(4 * frames))
        file.seek(_TTA_HEADER.size + 4 * frames + 4 + sum(sizes))
        behind = file.read()
    if not behind or behind.startswith(_TAG_MAGICS):
        return ""
    return f"its header states {samples / rate:.3f} s, and {len(behind):,} bytes are behind that end"
