"""Formats that are recognised but not read, so that the sentence about such a file names it and what to do."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import quoted

_PICTURE, _MODEL, _ARCHIVE = "save it as PNG or TIFF", "save it as GLB, OBJ or PLY", "unpack it first"
_SLICE = "save one picture of it as TIFF or PNG"
_CLOUD = "save it as PLY or PCD"
# No backtracking, or the time would double with every declaration. One of entities holds others before its "]>".
_DECLARATIONS = rb"(?:(?><!--.{0,500}?-->|<![^>]{0,500}>|\]>)\s*)*+"
_MAGICS: tuple[tuple[bytes, str, str], ...] = (
    (rb"version https://git-lfs", "a pointer of Git LFS in place of a file", "fetch the file with git lfs pull"),
    (rb"\s*(?:<!--.{0,500}-->\s*)?<(?:!doctype\s+)?html\b", "a web page", "download the file itself"),
    (rb"\s*(?:<\?xml.{0,500}?\?>\s*)?" + _DECLARATIONS + rb"<svg\b", "a drawing of lines (SVG)", _PICTURE),
    (rb"\s*(?:<\?xml.{0,500}?\?>\s*)?<COLLADA\b", "a COLLADA model", _MODEL),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 picture", _PICTURE),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture", _PICTURE),
    (rb"8BPS", "a Photoshop picture", _PICTURE),
    (rb"gimp xcf ", "a GIMP picture", _PICTURE),
    (rb"P7\s", "a PAM picture", _PICTURE),
    (rb"\0\0[\1\2]\0[^\0]\0", "an icon or cursor", _PICTURE),
    (rb"DDS ", "a DirectDraw texture", _PICTURE),
    (rb"\xabKTX ", "a Khronos texture", _PICTURE),
    (rb".{128}DICM", "a DICOM file", _PICTURE),
    (rb"SIMPLE  =", "an FITS file", _PICTURE),
    (rb"NIST_1A\n.{0,1000}?embedded-shorten", "a recording packed with Shorten (SPHERE)", "unpack it with sph2pipe"),
    (rb"(?:\x5c\x01\0\0|\0\0\x01\x5c).{340}n[i+]1\0", "a NIfTI volume", _SLICE),
    (rb"NRRD000\d", "an NRRD volume", _SLICE),
    (rb"(?:ObjectType|NDims)\s*=", "a MetaImage volume", _SLICE),
    (rb"ZISRAWFILE", "a CZI picture of a microscope", _SLICE),
    (rb"\xda\xce\xbe\x0a", "an ND2 picture of a microscope", _SLICE),
    (rb"\x70\0\0\0.{4}\x2a", "an LIF picture of a microscope", _SLICE),
    (rb"%PDF-", "a PDF document", "save its pages as PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", _PICTURE),
    (rb"\x01\xda[\0\1][\1\2]\0[\1-\3]", "an SGI picture", _PICTURE),
    (rb"\x0a[\0\2-\5]\x01[\1\2\4\x08]", "a PCX picture", _PICTURE),
    (rb"\x59\xa6\x6a\x95", "a Sun raster picture", _PICTURE),
    (rb"(?:/\*.{0,500}?\*/\s*)?#define\s+\w*_width\s", "an X bitmap", _PICTURE),
    (rb"qoif", "a QOI picture", _PICTURE),
    (rb"FORM.{4}8SVX", "an Amiga sound (8SVX)", "save it as WAV"),
    (rb"nut/multimedia container\0", "a NUT video", "put it into an MP4 or MKV file"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", "save one array of it as NPY"),
    (rb"MATLAB 5\.0 MAT-file", "a MATLAB file", "save one array of it as NPY"),
    (rb"LASF", "an LAS or LAZ point cloud", _CLOUD),
    (rb"ASTM-E57", "an E57 point cloud", _CLOUD),
    (rb"Kaydara FBX Binary|; FBX ", "an FBX model", _MODEL),
    (rb"BLENDER|\x28\xb5\x2f\xfd.{4,24}BLENDER", "a Blender file", _MODEL),
    (rb"PXR-USDC|#usda ", "a USD model", _MODEL),
    (rb"ISO-10303-21;", "a STEP model", _MODEL),
    (rb"OFF BINARY", "a binary OFF model", _MODEL),
    (rb"# vtk DataFile", "a VTK file", _MODEL),
    (rb"MThd", "a MIDI file, which holds notes and no sound", "save it as WAV"),
    (rb"PK\x03\x04.{26}3D/", "a 3MF model", _MODEL),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "an archive", _ARCHIVE),
)
_STREAM = "put it into an MP4 or MKV file"
_BY_NAME = {
    ".tga": ("a Targa picture", _PICTURE),
    ".ptx": ("a PTX point cloud", _CLOUD),
    **dict.fromkeys((".h264", ".264", ".h265", ".265", ".hevc"), ("a video stream without a container", _STREAM)),
}
"""Formats without a magic number."""


def check_read(path: Path, head: bytes) -> None:
    """Raise MediaError where a file that begins with `head` is of a format that is recognised but not read."""
    head = head.removeprefix(codecs.BOM_UTF8)
    for magic, name, advice in _MAGICS:
        if re.match(magic, head, re.DOTALL | re.IGNORECASE):
            raise _unread(path, name, advice)


def check_name(path: Path) -> None:
    """As `check_read`, by the name of a file whose content nobody recognised. Raises MediaError."""
    if (known := _BY_NAME.get(path.suffix.lower())) is not None:
        raise _unread(path, *known)


def _unread(path: Path, name: str, advice: str) -> MediaError:
    return MediaError(f"{quoted(path)} is {name}, which is not read here; {advice}.")
