"""Headers of picture files, read without decoding the pixels and without trusting the file."""

from __future__ import annotations

import dataclasses
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError
from cvstudio.media.appended import VIDEO, appended_fact
from cvstudio.media.file_identity import check_size, damaged, decoding, quoted
from cvstudio.media.pictures.color_code import SRGB_CHROMATICITIES, calibration, code_points
from cvstudio.media.pictures.jpeg import is_complete, picture_end
from cvstudio.media.pictures.pnm import FULL
from cvstudio.media.pictures.tiff import BLACK_IS_ZERO, INKS, OtherPage, describe

_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_ORIENTATION, _N_PICTURES = 274, 0xB001
_LOSSLESS, _HIERARCHICAL, _JPEG_LS = (0xC3, 0xC7, 0xCB, 0xCF), (0xC5, 0xC6, 0xCD, 0xCE), 0xF7
"""Frames that OpenCV does not decode (ITU T.81, table B.1, and T.87)."""
_MAX_PROFILE = 16 << 20
_MAX_COMMENTS = 1 << 16
"""Bytes of a Netpbm file in which its size stands: programs write whole histories in front of it."""
_GIF_PROFILE = b"ICCRGBG1012"
"""Name of the extension of a GIF that holds a profile (ICC.1:2010, B.6)."""
_EMBEDDED, _LINKED = 0x4D424544, 0x4C494E4B
_HEIF = re.compile(rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1|avi[fs])", re.DOTALL)


@dataclass(frozen=True)
class Header:
    """Header of a picture file.

    Parameters
    ----------
    format : name for users
    stored : size in pixels as stored, before the orientation is applied
    channels : 0 where the format leaves them to the content
    bits : per channel
    floating : whether the values are floats
    orientation : EXIF's 1..8
    whole : False where the file ends before the picture does
    animated : whether it holds several pictures that are shown in turn
    white : value of white where the file states one other than the largest of its bits, else 0
    clear : grey value that is transparent; None where there is none
    profile : ICC profile, or what stands for one (`cvstudio.media.pictures.color_code`); empty where there is none
    inks : whether the channels are CMYK
    photograph : whether a single channel is certainly brightness and no depth
    colors : name of the channels for users, where their number does not tell it
    pages : what is told of further pictures in the file; "" where there are none
    progressive : whether a JPEG refines its blocks in several scans
    indexed : whether a PNG stores indices of its palette, which may be labels
    page : number of the page that it is of; 0 for the usual one
    others : the other pages of the file that can be read
    ended : False where a picture is whole, but lacks the mark of its end
    behind : what is told of other bytes behind the picture; "" where there are none
    no_data : the number that stands for what was not measured; None where none is stated
    """

    format: str
    stored: Size
    channels: int = 0
    bits: int = 8
    floating: bool = False
    orientation: int = 1
    whole: bool = True
    animated: bool = False
    white: int = 0
    clear: int | None = None
    profile: bytes = b""
    inks: bool = False
    photograph: bool = False
    colors: str = ""
    pages: str = ""
    progressive: bool = False
    indexed: bool = False
    page: int = 0
    others: tuple[OtherPage, ...] = ()
    ended: bool = True
    behind: str = ""
    no_data: float | None = None

    @property
    def size(self) -> Size:
        """Size in pixels, upright."""
        return Size(self.stored.height, self.stored.width) if self.orientation >= 5 else self.stored

    @property
    def used_bits(self) -> int:
        """Bits of a number, those beyond the white of a Netpbm file not counted."""
        return self.white.bit_length() or self.bits

    @property
    def holds_depth(self) -> bool:
        """A single channel of 16 bits or of floats: what depth cameras and stereo programs write."""
        return self.channels == 1 and not self.photograph and (self.floating or self.bits == 16)


def is_heif(head: bytes) -> bool:
    """Whether a file that begins with `head` is HEIF (HEIC or AVIF): an ISO container of pictures."""
    return _HEIF.match(head) is not None


def read_header(path: Path, head: bytes, page: int = 0) -> Header | None:
    """The header of a picture file, or None where `head` is not the beginning of one.

    Of a TIFF that of a page, or for 0 of the usual one.

    Raises
    ------
    MediaError
        The picture is damaged, truncated or of absurd size.
    """
    parse = next((parse for magic, parse in _PARSERS if re.match(magic, head, re.DOTALL)), None)
    if parse is None:
        return None
    with decoding(path), path.open("rb") as file:
        header = _tiff(file, path.stat().st_size, page) if parse is _tiff else parse(file, path.stat().st_size)
    check_size(path, header.size)
    if not header.whole:
        raise damaged(path)
    return header


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _jpeg(file: BinaryIO, length: int) -> Header:
    """Segments up to the first scan (ITU T.81 annex B), and whether the picture is whole.

    A profile is spread over numbered segments (ICC.1, B.4).
    """
    size, channels, bits, orientation, progressive, pages = Size(0, 0), 0, 8, 1, False, 1
    profile: dict[int, bytes] = {}
    for code, body in jpeg_segments(file):
        _check_jpeg_frame(Path(file.name), code, body)
        if _is_frame(code):
            bits, height, width, channels = struct.unpack(">BHHB", body[:6])
            size, progressive = Size(width, height), code in (0xC2, 0xC6, 0xCA, 0xCE)
        elif code == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(body[6:])
        elif code == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            # One that is cut short is a profile that cannot be read.
            profile[int.from_bytes(body[12:13])] = body[14:] or b"\0"
        elif code == 0xE2 and body.startswith(b"MPF\0"):
            pages = _multi_picture_count(body[4:])
        elif code == 0xDA:
            icc = b"".join(profile[number] for number in sorted(profile))
            file.seek(0)
            data = file.read()
            end = picture_end(data)
            other = _behind_jpeg(data[end.position :], pages)
            header = Header(
                *("JPEG", size, channels, bits, False, orientation),
                whole=end.marked or is_complete(data[: end.position]),
                ended=end.marked,
                profile=icc,
                progressive=progressive,
                pages=other,
                behind="" if other else appended_fact(data[end.position :], "picture"),
            )
            return dataclasses.replace(header, inks=True, colors="CMYK") if channels == 4 else header
    raise AssertionError("the segments end with an error")


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments of a JPEG; behind that of a scan there are none. Raises ValueError."""
    file.seek(2)
    while True:
        marker = file.read(1)
        if marker != b"\xff":
            raise ValueError("no marker where one must be")
        while marker == b"\xff":
            marker = file.read(1)
        (count,) = _unpack(file, ">H")
        yield marker[0], file.read(count - 2)


def jpeg_size(head: bytes) -> Size | None:
    """The size of a JPEG, upright, from the first bytes of its file; None where `head` does not tell it."""
    orientation = 1
    if not head.startswith(b"\xff\xd8"):
        return None
    with suppress(ValueError, IndexError, KeyError, struct.error):
        for code, body in jpeg_segments(io.BytesIO(head)):
            if code == 0xE1 and body.startswith(b"Exif\0\0"):
                orientation = _exif_orientation(body[6:])
            elif _is_frame(code):
                height, width = struct.unpack(">HH", body[1:5])
                size = Size(height, width) if orientation >= 5 else Size(width, height)
                return size if min(size) > 0 else None
    return None


def _is_frame(code: int) -> bool:
    """Whether a marker of a JPEG begins a frame."""
    return 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)


def _check_jpeg_frame(path: Path, code: int, body: bytes) -> None:
    """Raise MediaError where the marker `code` begins a frame of a kind that OpenCV does not decode."""
    if code in _LOSSLESS or code == _JPEG_LS:
        kind = "lossless JPEG" if code in _LOSSLESS else "JPEG-LS picture"
    elif code in _HIERARCHICAL:
        kind = "hierarchical JPEG"
    elif code in (0xC1, 0xC2, 0xC9, 0xCA) and body[:1] == b"\x0c":
        kind = "JPEG of 12 bits"
    else:
        return
    raise MediaError(f"{quoted(path)} is a {kind}, which is not read here; save it as PNG or TIFF.")


def _multi_picture_count(data: bytes) -> int:
    """Number of pictures that the index of a multi-picture file states (CIPA DC-007, 5.2.3); 1 where it is damaged."""
    try:
        return max(1, _tags(io.BytesIO(data)).get(_N_PICTURES, 1))
    except (struct.error, KeyError):
        return 1


def _behind_jpeg(data: bytes, pages: int) -> str:
    """What is told of pictures and of a video behind the one that is read."""
    if pages > 1:
        return f"{pages}; the first is shown"
    motion = VIDEO.search(data) is not None
    return "1, and a video behind it, which is not read (motion photo)" if motion else ""


def _png(file: BinaryIO, length: int) -> Header:
    """Chunks up to IEND (PNG, third edition, section 5)."""
    file.seek(12)
    if file.read(4) == b"CgBI":
        raise MediaError(
            f"{quoted(Path(file.name))} is a PNG of an iOS app, which only Apple's programs read; open it "
            "there and save it again."
        )
    width, height, bits, colour = _unpack(file, ">IIBB")
    orientation, position, whole, frames, clear = 1, 8, False, 1, None
    told: dict[bytes, bytes] = {}
    while position + 12 <= length and not whole:
        file.seek(position)
        count, name = struct.unpack(">I4s", file.read(8))
        if name == b"eXIf" and position + 12 + count <= length:
            orientation = _exif_orientation(file.read(count))
        elif name == b"acTL":
            (frames,) = _unpack(file, ">I")
        elif name == b"tRNS" and colour == 0:
            (clear,) = _unpack(file, ">H")
        elif (name == b"iCCP" and position + 12 + count <= length) or (
            name in (b"cICP", b"sRGB", b"gAMA", b"cHRM") and count <= 32
        ):
            told[name] = file.read(count)
        position += 12 + count
        whole = name == b"IEND"
    file.seek(position)
    behind = appended_fact(file.read(), "picture")
    # An alpha channel does not make a grey picture a depth map.
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[colour]
    return Header(
        *("PNG", Size(width, height), channels, bits, False, orientation, whole, frames > 1),
        clear=clear,
        profile=_png_profile(told, grey=channels <= 2),
        indexed=colour == 3,
        colors="palette" if colour == 3 else "",
        behind=behind,
    )


def _png_profile(told: dict[bytes, bytes], *, grey: bool) -> bytes:
    """The profile that counts among what the chunks tell (PNG, third edition, 4.3): code points, ICC, sRGB, numbers.

    Numbers count for colours only: many programs write a gamma of 1 into masks and maps of grey levels.
    """
    if len(told.get(b"cICP", b"")) == 4:
        return code_points(*told[b"cICP"][:2])
    if b"iCCP" in told:
        return _unpacked_profile(told[b"iCCP"])
    if grey or b"sRGB" in told or len(told.get(b"gAMA", b"")) != 4:
        return b""
    (gamma,) = struct.unpack(">I", told[b"gAMA"])
    places = told.get(b"cHRM", b"")
    primaries = tuple(number / 100_000 for number in struct.unpack(">8I", places)) if len(places) == 32 else ()
    srgb = not primaries or max(abs(a - b) for a, b in zip(primaries, SRGB_CHROMATICITIES, strict=True)) < 0.002
    # 1/2.2 stands for sRGB's own curve.
    if srgb and abs(gamma - 45_455) < 2000:
        return b""
    return calibration(gamma / 100_000, primaries)


def _unpacked_profile(chunk: bytes) -> bytes:
    """The profile of an iCCP chunk (PNG, 11.3.2.3). One that cannot be unpacked is kept packed: not readable."""
    packed = chunk.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, _MAX_PROFILE)
    except zlib.error:
        return chunk


def _webp(file: BinaryIO, length: int) -> Header:
    """RIFF container, RFC 9649."""
    file.seek(4)
    riff, _, name, _ = struct.unpack("<I4s4sI", file.read(16))
    body = file.read(10)
    if name == b"VP8X":
        size = Size(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
    elif name == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        size = Size(1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF))
    else:
        width, height = struct.unpack("<HH", body[6:10])
        size = Size(width & 0x3FFF, height & 0x3FFF)
    orientation, pictures, profile = 1, 0, b""
    for name, position, count in webp_chunks(file, length):
        pictures += name == b"ANMF"
        if name == b"EXIF" and position + count <= length:
            file.seek(position)
            orientation = _exif_orientation(file.read(count).removeprefix(b"Exif\0\0"))
        elif name == b"ICCP" and position + count <= length:
            file.seek(position)
            profile = file.read(min(count, _MAX_PROFILE))
    whole, animated = riff + 8 <= length, pictures > 1
    file.seek(riff + 8)
    behind = appended_fact(file.read(), "picture")
    return Header(
        *("WebP", size),
        orientation=orientation,
        whole=whole,
        animated=animated,
        profile=profile,
        behind=behind,
    )


def webp_chunks(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """The outermost chunks of a WebP of `length` bytes (RFC 9649, 2.3): name, where its content begins, its length."""
    position = 12
    while position + 8 <= length:
        file.seek(position)
        name, count = struct.unpack("<4sI", file.read(8))
        yield name, position + 8, count
        position += 8 + count + count % 2


def _gif(file: BinaryIO, length: int) -> Header:
    """Blocks up to the second picture (GIF89a, appendix A); data missing after it are noticed in decoding."""
    file.seek(6)
    width, height, packed, _, _ = _unpack(file, "<HHBBB")
    if packed & 0x80:
        file.seek(3 << (packed & 7) + 1, io.SEEK_CUR)
    pictures, profile, bits = 0, b"", (packed & 7) + 1
    while pictures < 2:
        kind = file.read(1)
        if kind == b"!":
            file.seek(1, io.SEEK_CUR)
        elif kind == b",":
            pictures += 1
            left, top, picture_width, picture_height, packed = _unpack(file, "<HHHHB")
            if pictures == 1:
                bits = (packed & 7) + 1 if packed & 0x80 else bits
                # Browsers enlarge a screen that is too small for its first picture, or of no size.
                width, height = max(width, left + picture_width), max(height, top + picture_height)
            # A local colour table, and the byte with the minimum code size of LZW.
            file.seek((3 << (packed & 7) + 1 if packed & 0x80 else 0) + 1, io.SEEK_CUR)
        else:
            break
        content = _sub_blocks(file)
        if kind == b"!" and content.startswith(_GIF_PROFILE):
            profile = content[len(_GIF_PROFILE) :]
    # The picture ends where there is no second one.
    behind = appended_fact(file.read(), "picture") if pictures == 1 and kind == b";" else ""
    return Header(
        *("GIF", Size(width, height), 3, bits),
        animated=pictures > 1,
        colors="palette",
        profile=profile,
        behind=behind,
    )


def _sub_blocks(file: BinaryIO) -> bytes:
    """The content of a chain of blocks of up to 255 bytes (GIF89a, 15)."""
    blocks = []
    while (count := file.read(1)) not in (b"", b"\0"):
        blocks.append(file.read(count[0]))
    return b"".join(blocks)


def _bmp(file: BinaryIO, length: int) -> Header:
    file.seek(14)
    (header,) = _unpack(file, "<I")
    # OS/2 1.x has 16-bit sizes; later ones a height that is negative where rows run downwards.
    width, height, _, bits, *packing = _unpack(file, "<HHHH") if header == 12 else _unpack(file, "<iiHHI")
    profile = b""
    if header == 124:  # BITMAPV5HEADER ends with where the profile is: behind the pixels, or in another file.
        file.seek(70)
        space, start, count = _unpack(file, "<I52xII")
        if space == _EMBEDDED:
            file.seek(14 + start)
            profile = file.read(min(count, _MAX_PROFILE))
        elif space == _LINKED:
            profile = b"in another file"
    size = Size(width, abs(height))
    if bits <= 8:
        return Header("BMP", size, 3, max(1, bits), colors="palette", profile=profile)
    bits = 5 if bits == 16 else 8
    if packing in ([3], [6]):  # masks of the channels
        file.seek(54)
        bits = max(mask.bit_count() for mask in _unpack(file, "<3I"))
    return Header("BMP", size, 3, bits, profile=profile)


def _pnm(file: BinaryIO, length: int) -> Header:
    """Netpbm: numbers in plain text, comments between them."""
    text = re.sub(rb"#[^\n]*", b"", file.read(_MAX_COMMENTS))
    kind, *numbers = text.split()[:4]
    digit = int(kind[1:2])
    width, height = int(numbers[0]), int(numbers[1])
    highest = int(numbers[2]) if digit not in (1, 4) else 255
    if not 0 < highest < 1 << 16:
        raise ValueError("no number that white could be")
    white = highest if highest not in FULL else 0
    bits = 1 if digit in (1, 4) else 16 if highest > 255 else 8
    return Header("PNM", Size(width, height), 3 if digit in (3, 6) else 1, bits, white=white)


def _tiff(file: BinaryIO, length: int, page: int = 0) -> Header:
    picture = describe(file, page)
    return Header(
        *("TIFF", Size(picture.width, picture.height), picture.channels, picture.bits),
        *(picture.floating, picture.orientation),
        profile=picture.profile,
        inks=picture.photometric == INKS,
        # A camera or a stereo program writes the first directory, and black as zero.
        photograph=not picture.main or picture.photometric != BLACK_IS_ZERO,
        colors=picture.colors,
        pages=picture.pages,
        page=page,
        others=picture.others,
        no_data=picture.no_data,
    )


def _exif_orientation(data: bytes) -> int:
    """EXIF orientation 1..8; 1 where it is missing or invalid, as bad EXIF must not make a picture unreadable."""
    try:
        orientation = _tags(io.BytesIO(data)).get(_ORIENTATION, 1)
    except (struct.error, KeyError):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _tags(file: BinaryIO) -> dict[int, int]:
    """Orientation and number of pictures by their tags, from the first directory of a TIFF or BigTIFF stream."""
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}[file.read(2)]
    (version,) = _unpack(file, f"{order}H")
    entry, inline = (f"{order}HHQ8s", 8) if version == 43 else (f"{order}HHI4s", 4)
    if version == 43:
        _unpack(file, f"{order}HH")
    (start,) = _unpack(file, f"{order}{'Q' if version == 43 else 'I'}")
    file.seek(start)
    (count,) = _unpack(file, f"{order}{'Q' if version == 43 else 'H'}")
    tags = {}
    for number in range(min(count, 4096)):
        file.seek(start + (8 if version == 43 else 2) + number * struct.calcsize(entry))
        tag, kind, values, body = struct.unpack(entry, file.read(struct.calcsize(entry)))
        if tag in (_ORIENTATION, _N_PICTURES) and kind in _TIFF_TYPES:
            layout = order + _TIFF_TYPES[kind]
            if values * struct.calcsize(layout) > inline:
                file.seek(struct.unpack(f"{order}{'Q' if version == 43 else 'I'}", body)[0])
                body = file.read(struct.calcsize(layout))
            tags[tag] = int(struct.unpack(layout, body[: struct.calcsize(layout)])[0])
    return tags


_PARSERS: tuple[tuple[bytes, Callable[[BinaryIO, int], Header]], ...] = (
    (rb"\xff\xd8\xff", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"RIFF....WEBP", _webp),
    (rb"GIF8[79]a", _gif),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", _bmp),
    (rb"P[1-6]\s", _pnm),
    (rb"II[*+]\0|MM\0[*+]", _tiff),
)
