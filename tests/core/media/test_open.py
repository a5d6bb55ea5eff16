"""Opening: by content, under any name, and one sentence for everything that cannot be opened."""

from __future__ import annotations

import os
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.open import FORMATS

from .conftest import tone, write_media

KINDS = [kind for kind in MediaKind if kind is not MediaKind.CAMERA]


def make(kind: MediaKind, folder: Path, stem: str = "file") -> Path:
    """A small file of `kind`."""
    if kind is MediaKind.IMAGE:
        path = folder / f"{stem}.png"
        picture = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    elif kind is MediaKind.DEPTH:
        path = folder / f"{stem}.png"
        path.write_bytes(cv2.imencode(".png", np.arange(768, dtype=np.uint16).reshape(24, 32))[1].tobytes())
    elif kind is MediaKind.GEOMETRY:
        path = folder / f"{stem}.ply"
        path.write_text(
            "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
            "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
        )
    elif kind is MediaKind.AUDIO:
        path = folder / f"{stem}.wav"
        soundfile.write(path, tone(0.2, 8000).T, 8000)
    else:
        path = write_media(folder / f"{stem}.mp4", [0, 40, 80], sound=tone(0.12, 48000))
    return path


def read(media: Media) -> Any:
    with open_reader(media) as reader:
        if media.kind is MediaKind.VIDEO:
            return reader.at(0.0)
        return reader.read(0, 10) if media.kind is MediaKind.AUDIO else reader.read()


def refused(path: str | os.PathLike[str], **options: Any) -> str:
    """The sentence with which `path` is refused: exactly one, that names the file."""
    with pytest.raises(MediaError) as caught:
        open_media(path, **options)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(re.findall(r"\.(?=\s+[A-Z])", text)) == 0
    assert text.startswith("'")
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_content_decides_and_not_the_suffix(tmp_path: Path, kind: MediaKind) -> None:
    path = make(kind, tmp_path)
    for suffix in ("", ".txt", ".jpg", ".mp4", ".wav", ".npy"):
        wrong = path.rename(path.with_suffix(suffix))
        media = open_media(str(wrong))
        assert media.kind is kind
        assert read(media) is not None
        path = wrong


@pytest.mark.parametrize("name", ["with spaces in it", "한글 사진", "%d a:b #?", "-minus", "Grüße ÅÉ"])
@pytest.mark.parametrize("kind", KINDS)
def test_names(tmp_path: Path, kind: MediaKind, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    media = open_media(make(kind, folder, name))
    assert read(media) is not None
    if media.has_sound:
        with AudioReader(media) as reader:
            assert reader.read(0, 10).samples.shape == (2, 10)


@pytest.mark.parametrize(("disk", "asked"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
def test_the_other_unicode_form_is_found(tmp_path: Path, disk: Any, asked: Any) -> None:
    folder = tmp_path / unicodedata.normalize(disk, "여름 휴가")
    folder.mkdir()
    make(MediaKind.IMAGE, folder, unicodedata.normalize(disk, "café 사진"))
    media = open_media(
        tmp_path / unicodedata.normalize(asked, "여름 휴가") / unicodedata.normalize(asked, "café 사진.png")
    )
    assert media.path.exists()
    assert media.name == unicodedata.normalize("NFC", "café 사진.png")
    assert read(media) is not None


def test_both_forms_beside_each_other_are_two_files(tmp_path: Path) -> None:
    for number, form in enumerate(("NFC", "NFD")):
        stem = unicodedata.normalize(form, "é")  # type: ignore[arg-type]
        (tmp_path / f"{stem}.png").write_bytes(
            cv2.imencode(".png", np.zeros((10, 10 + number, 3), np.uint8))[1].tobytes()
        )
        media = open_media(tmp_path / f"{stem}.png")
        assert media.size is not None
        assert media.size.width == 10 + number


def test_missing_folder_empty_and_device(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "없음.png")
    assert "does not exist" in refused(tmp_path / "no folder" / "a.png")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "is empty" in refused(tmp_path / "empty.png")
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" in refused(tmp_path / "pipe")
    for name, target in (("dangling", "gone.png"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
        assert "a link that leads to no file" in refused(tmp_path / name)
    assert "opened" in refused(tmp_path / ("n" * 400))
    assert "does not exist" in refused("a\0b")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(MediaKind.IMAGE, tmp_path)
    path.chmod(0)
    if os.geteuid() == 0:  # the superuser may read everything
        real = Path.open

        def forbidden(self: Path, *args: Any, **options: Any) -> Any:
            if self == path:
                raise PermissionError(13, "Permission denied")
            return real(self, *args, **options)

        monkeypatch.setattr(Path, "open", forbidden)
    told = f"You do not have permission to read '{path.name}'; change its permissions or choose another file."
    with pytest.raises(MediaError) as caught:
        open_media(path)
    assert str(caught.value) == told


def test_unknown_content(tmp_path: Path) -> None:
    for number, content in enumerate(
        (b"hello, this is text" * 50, bytes(5000), b"\x7fELF\2\1\1", b"#EXTM3U\nhttp://x/y")
    ):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(content)
        assert "no known format" in refused(path)


def png(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size and holds a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def test_absurd_dimensions_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it decoded"))
    path = tmp_path / "big.png"
    for width, height in ((20_000, 10_001), (65_501, 1), (1, 2**31 - 1)):
        for bits, colour in ((8, 2), (16, 0)):
            path.write_bytes(png(width, height, bits, colour))
            assert f"{width} x {height}" in refused(path)
    path.write_bytes(png(20_000, 10_000))
    assert open_media(path).size == (20_000, 10_000)
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(jpeg)
    assert "65535 x 65535" in refused(path)
    path.write_bytes(b"P6\n100000 100000\n255\n" + bytes(100))
    assert "100000 x 100000" in refused(path)
    path.write_bytes(b"Pf\n100000 100000\n-1.0\n" + bytes(100))
    assert "100000 x 100000" in refused(path)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    assert "1000000 x 1000000" in refused(path)


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_than_asked_for(tmp_path: Path, kind: MediaKind) -> None:
    path = make(kind, tmp_path)
    assert open_media(path, kind=kind).kind is kind
    fits = {
        MediaKind.IMAGE: {MediaKind.IMAGE},
        MediaKind.DEPTH: {MediaKind.DEPTH, MediaKind.IMAGE},
        MediaKind.VIDEO: {MediaKind.VIDEO, MediaKind.AUDIO},
        MediaKind.AUDIO: {MediaKind.AUDIO},
        MediaKind.GEOMETRY: {MediaKind.GEOMETRY},
    }
    for other in set(KINDS) - fits[kind]:
        if (kind, other) == (MediaKind.IMAGE, MediaKind.DEPTH):
            assert "colour picture" in refused(path, kind=other)
        else:
            assert "is needed" in refused(path, kind=other)
    for other in fits[kind]:
        assert read(open_media(path, kind=other)) is not None


def test_identity(tmp_path: Path) -> None:
    path = make(MediaKind.DEPTH, tmp_path)
    media = open_media(path)
    assert open_media(path).id == media.id
    assert open_media(path, kind=MediaKind.IMAGE).id != media.id
    facts = path.stat()
    content = bytearray(path.read_bytes())
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1000))
    assert open_media(path).id != media.id
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert open_media(path).id == media.id
    # Something is behind the end marker: the same picture, another file.
    path.write_bytes(content + b"x")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert open_media(path).id != media.id


@pytest.mark.parametrize("kind", KINDS)
def test_removed_or_changed_while_open(tmp_path: Path, kind: MediaKind) -> None:
    path = make(kind, tmp_path)
    content = path.read_bytes()
    media = open_media(path)

    def calls(reader: Any) -> list[Callable[[], Any]]:
        if kind is MediaKind.VIDEO:
            return [lambda: reader.at(0.0), reader.next, lambda: reader.step(0.0, 1)]
        return [lambda: reader.read(0, 10)] if kind is MediaKind.AUDIO else [reader.read]

    with open_reader(media) as reader:
        for call in calls(reader):
            assert call() is not None
        path.unlink()
        for call in calls(reader):
            with pytest.raises(MediaError, match="removed or renamed"):
                call()
        with pytest.raises(MediaError, match="removed or renamed"):
            open_reader(media)
        path.write_bytes(content + b"more")
        for call in calls(reader):
            with pytest.raises(MediaError, match="changed by another program"):
                call()
    with pytest.raises(MediaError, match="changed by another program"):
        open_reader(media)


def test_a_closed_reader_can_be_closed_again(tmp_path: Path) -> None:
    for kind in KINDS:
        reader = open_reader(open_media(make(kind, tmp_path, str(kind))))
        reader.close()
        reader.close()


def test_formats_are_declared_once() -> None:
    assert FORMATS.broken == ()
    assert {entry.kind for entry in FORMATS} == set(MediaKind)
    assert len({entry.key for entry in FORMATS}) == len(FORMATS)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for entry in FORMATS for suffix in entry.suffixes)


def test_no_file_stays_open(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    paths = [make(kind, tmp_path, str(kind)) for kind in KINDS]
    for path in paths:
        read(open_media(path))
    before = len(os.listdir("/proc/self/fd"))
    for path in paths * 5:
        media = open_media(path)
        read(media)
        if media.has_sound:
            AudioReader(media).close()
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jpg", b"<!DOCTYPE html>\n<html><head>", "is a web page, which is not read here; download the file itself."),
        ("b.jpg", b"\xef\xbb\xbf<!DOCTYPE html>\n<html>", "is a web page"),
        ("a.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "is a JPEG 2000 picture"),
        ("a.jxl", b"\xff\x0a" + bytes(50), "is a JPEG XL picture"),
        ("a.psd", b"8BPS\0\1" + bytes(50), "is a Photoshop picture"),
        ("a.tga", bytes(18) + b"x" * 50, "is a Targa picture"),
        ("a.h264", b"\0\0\0\1\x67" + b"x" * 50, "is a video stream without a container"),
        ("a.hevc", b"\0\0\0\1\x40" + b"x" * 50, "is a video stream without a container"),
        ("a.svg", b'<?xml version="1.0"?>\n<!-- made -->\n<svg width="2">', "is a drawing of lines (SVG)"),
        (
            "b.svg",
            b'<!DOCTYPE svg [\n<!ENTITY a "http://b">\n<!ENTITY c "d">\n]>\n<!-- x > y -->\n<svg width="&a;">',
            "is a drawing of lines (SVG)",
        ),
        ("a.dcm", bytes(128) + b"DICM", "is a DICOM file"),
        ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(9), "is an HDF5 file"),
        ("a.las", b"LASF" + bytes(99), "is an LAS or LAZ point cloud, which is not read here; save it as PLY or PCD."),
        ("a.fbx", b"Kaydara FBX Binary  \0", "is an FBX model"),
        ("a.stl", b"\x1f\x8b\x08" + bytes(50), "is an archive, which is not read here; unpack it first."),
        ("a.ptx", b"1\n2\n0 0 0\n", "is a PTX point cloud"),
        ("a.nii", b"\x5c\1\0\0" + bytes(340) + b"n+1\0", "is a NIfTI volume, which is not read here; save one picture"),
        ("a.nrrd", b"NRRD0004\ntype: float\n", "is an NRRD volume"),
        ("a.mhd", b"ObjectType = Image\nNDims = 3\n", "is a MetaImage volume"),
        ("a.czi", b"ZISRAWFILE" + bytes(50), "is a CZI picture of a microscope"),
        ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(50), "is an ND2 picture of a microscope"),
        ("a.lif", b"\x70\0\0\0\1\0\0\0\x2a" + bytes(50), "is an LIF picture of a microscope"),
        ("a.pdf", b"%PDF-1.7\n", "is a PDF document, which is not read here; save its pages as PNG."),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "is a PostScript drawing"),
        ("a.rgb", b"\x01\xda\0\1\0\3" + bytes(50), "is an SGI picture"),
        ("a.pcx", b"\x0a\5\1\x08" + bytes(50), "is a PCX picture"),
        ("a.ras", b"\x59\xa6\x6a\x95" + bytes(50), "is a Sun raster picture"),
        ("a.xbm", b"#define a_width 8\n#define a_height 8\n", "is an X bitmap"),
        ("a.qoi", b"qoif" + bytes(50), "is a QOI picture"),
        ("a.iff", b"FORM\0\0\0\x20" + b"8SVX" + bytes(50), "is an Amiga sound (8SVX)"),
        ("a.nut", b"nut/multimedia container\0" + bytes(50), "is a NUT video"),
        ("a.sph", b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\n", "packed with Shorten (SPHERE)"),
    ],
)
def test_a_format_that_is_not_read_is_named(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    sentence = refused(path)
    assert text in sentence
    assert sentence.startswith(f"'{name}' is a")
    assert sentence.count(".") == name.count(".") + 1


@pytest.mark.parametrize(
    ("codec", "options", "text"),
    [
        ("jpeg8", {"bitspersample": 12}, "is a JPEG of 12 bits, which is not read here"),
        ("ljpeg", {}, "is a lossless JPEG, which is not read here"),
        ("jpegls", {}, "is a JPEG-LS picture, which is not read here"),
    ],
)
def test_a_jpeg_of_a_rare_kind_is_named(tmp_path: Path, codec: str, options: dict[str, int], text: str) -> None:
    import imagecodecs

    path = tmp_path / "a.jpg"
    levels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    path.write_bytes(getattr(imagecodecs, f"{codec}_encode")(levels, **options))
    assert text in refused(path)


def test_a_png_for_ios_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02\xd5\xb3\x9a\x20" + png(60, 40)[8:])
    assert "is a PNG of an iOS app" in refused(path)
