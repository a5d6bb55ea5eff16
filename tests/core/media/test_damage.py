"""Whatever bytes a file holds: a medium and its samples, or one MediaError. Nothing else, and no crash."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import soundfile
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap, Frame, Image, PointCloud, TriangleMesh, Waveform
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.formats.audio import AudioReader

from .conftest import tone, write_media

KINDS = (None, MediaKind.DEPTH, MediaKind.IMAGE, MediaKind.AUDIO, MediaKind.GEOMETRY)
Maker = Callable[[Path, NDArray[np.uint8]], bytes]


def _pillow(format_: str, **options: object) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        buffer = io.BytesIO()
        PIL.Image.fromarray(photo).save(buffer, format_, **options)  # type: ignore[arg-type]
        return buffer.getvalue()

    return make


def _depth(suffix: str) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        values = photo[..., 0].astype(np.float32 if suffix == ".pfm" else np.uint16) * 20
        if suffix == ".npy":
            np.save(folder / "a.npy", values)
        elif suffix == ".npz":
            np.savez_compressed(folder / "a.npz", depth=values)
        else:
            return bytes(cv2.imencode(suffix, values)[1].tobytes())
        return (folder / f"a{suffix}").read_bytes()

    return make


def _sound(suffix: str) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        soundfile.write(folder / f"a{suffix}", tone(0.5, 44100).T, 44100)
        return (folder / f"a{suffix}").read_bytes()

    return make


def _heif(suffix: str) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        import pillow_heif

        picture = PIL.Image.fromarray(np.kron(photo, np.ones((2, 2, 1), np.uint8)))
        if suffix == ".avif":
            picture.save(folder / "a.avif")
        else:
            pillow_heif.from_pillow(picture).save(folder / "a.heic")
        return (folder / f"a{suffix}").read_bytes()

    return make


def _exr(folder: Path, photo: NDArray[np.uint8]) -> bytes:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"RGB": photo.astype(np.float16)}) as file:
        file.write(str(folder / "a.exr"))
    return (folder / "a.exr").read_bytes()


def _hdr(folder: Path, photo: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".hdr", photo.astype(np.float32))[1].tobytes())


def _moving(format_: str) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        frames = [PIL.Image.fromarray(np.roll(photo, 5 * number, 1)) for number in range(4)]
        buffer = io.BytesIO()
        frames[0].save(buffer, format_, save_all=True, append_images=frames[1:], duration=80)
        return buffer.getvalue()

    return make


def _mesh(suffix: str, **options: object) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        trimesh.creation.icosphere(subdivisions=1).export(folder / f"a.{suffix}", **options)
        return (folder / f"a.{suffix}").read_bytes()

    return make


def _cloud(**options: bool) -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        import open3d

        points = open3d.utility.Vector3dVector(np.random.default_rng(0).normal(size=(60, 3)))
        cloud = open3d.geometry.PointCloud(points)
        open3d.io.write_point_cloud(str(folder / "a.pcd"), cloud, **options)
        return (folder / "a.pcd").read_bytes()

    return make


def _video(name: str, codec: str = "libx264", sound_codec: str = "aac") -> Maker:
    def make(folder: Path, photo: NDArray[np.uint8]) -> bytes:
        times = None if name.endswith(("m4a", "aac")) else [40 * i for i in range(12)]
        path = write_media(
            folder / name, times, codec=codec, sound=tone(0.5, 44100), rate_hz=44100, sound_codec=sound_codec
        )
        return path.read_bytes()

    return make


MAKERS: dict[str, Maker] = {
    "jpg": _pillow("JPEG"),
    "png": _pillow("PNG"),
    "webp": _pillow("WEBP"),
    "bmp": _pillow("BMP"),
    "tiff": _pillow("TIFF", compression="tiff_lzw"),
    "gif": _pillow("GIF"),
    "ppm": _pillow("PPM"),
    "heic": _heif(".heic"),
    "avif": _heif(".avif"),
    "exr": _exr,
    "hdr": _hdr,
    "moving gif": _moving("GIF"),
    "moving png": _moving("PNG"),
    "moving webp": _moving("WEBP"),
    "text ply": _mesh("ply", encoding="ascii"),
    "binary ply": _mesh("ply"),
    "stl": _mesh("stl"),
    "obj": _mesh("obj"),
    "off": _mesh("off"),
    "glb": _mesh("glb"),
    "text pcd": _cloud(write_ascii=True),
    "binary pcd": _cloud(),
    "compressed pcd": _cloud(compressed=True),
    "depth png": _depth(".png"),
    "depth tiff": _depth(".tiff"),
    "pfm": _depth(".pfm"),
    "npy": _depth(".npy"),
    "npz": _depth(".npz"),
    "wav": _sound(".wav"),
    "flac": _sound(".flac"),
    "ogg": _sound(".ogg"),
    "mp3": _sound(".mp3"),
    "m4a": _video("a.m4a"),
    "aac": _video("a.aac"),
    "mp4": _video("a.mp4"),
    "mkv": _video("a.mkv", sound_codec="flac"),
    "avi": _video("a.avi", codec="mpeg4", sound_codec="libmp3lame"),
    "ts": _video("a.ts"),
}


@pytest.fixture(scope="module", params=MAKERS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    y, x = np.mgrid[:40, :60]
    photo = np.stack([x * 4, y * 6, (x + y) * 2], 2).astype(np.uint8) + 3
    return MAKERS[request.param](tmp_path_factory.mktemp("whole"), photo)


def survives(path: Path) -> bool:
    """Open and read it as each kind; True where it is a medium to those who do not say what it is."""
    sentences = {}
    for kind in KINDS:
        try:
            media = open_media(path, kind=kind)
            with open_reader(media) as reader:
                if media.kind is MediaKind.VIDEO:
                    assert all(isinstance(frame, Frame) for frame in iter(reader.next, None))
                    assert isinstance(reader.at(0.2), Frame)
                elif media.kind is MediaKind.AUDIO:
                    assert isinstance(reader.read(20_000, 22_000), Waveform)
                    assert isinstance(reader.read(0, 10_000), Waveform)
                else:
                    assert isinstance(reader.read(), Image | DepthMap | TriangleMesh | PointCloud)
            if media.has_sound:
                with AudioReader(media) as sound:
                    assert sound.read(5000, 9000).samples.shape[0] == sound.channels
        except MediaError as error:
            sentences[kind] = str(error)
    assert [text for text in sentences.values() if not text.startswith("'") or "\n" in text] == []
    return None not in sentences


def test_undamaged_is_read(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(whole)
    assert survives(path)


def test_truncated(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "file"
    for cut in sorted({1, 2, 3, 4, 8, 12, 16, 30, 60, *(int(len(whole) * share / 12) for share in range(1, 12))}):
        path.write_bytes(whole[:cut])
        survives(path)


def test_flipped(tmp_path: Path, whole: bytes) -> None:
    """A few bytes anywhere, and more of them in the first ones, where headers are."""
    path = tmp_path / "file"
    draw = random.Random(len(whole))
    for round_ in range(24):
        content = bytearray(whole)
        reach = min(len(whole), 200 if round_ % 2 else len(whole))
        for _ in range(draw.choice([1, 2, 8])):
            content[draw.randrange(reach)] = draw.choice([0, 255, 127, 128, draw.randrange(256)])
        path.write_bytes(content)
        survives(path)


MAGICS = [
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"RIFF\x10\0\0\0WAVE", b"RIFF\x10\0\0\0AVI ",
    b"GIF89a", b"BM", b"P5 ", b"P6\n3 3 255\n", b"Pf\n2 2\n-1\n", b"II*\0", b"MM\0*", b"II+\0", b"\x93NUMPY\x01\0",
    b"PK\x03\x04", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf1", b"\0\0\0\x18ftypisom",
    b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"v/1\x01\x02\0\0\0", b"#?RADIANCE\n\n-Y 3 +X 3\n", b"ply\n",
    b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n", b"solid a\nfacet normal 0 0 1\n",
    b"glTF\x02\0\0\0\x20\0\0\0", b"OFF\n3 1 0\n", b"VERSION .7\nFIELDS x y z\n", b"v 0 0 0\n", b"{\"asset\":{",
    b"\x1aE\xdf\xa3", b"FLV\x01", b"caff", b"",
]  # fmt: skip


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=300))
def test_anything_behind_a_magic_number(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(magic + rest)
    survives(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<!>" * 25 + b"x", id="declarations"),
        pytest.param(b"\n" * 65_536, id="line ends"),
        pytest.param(b"\xff\xd8\xff\xda\0\x02" + b"\xff\xd9" * 1_000_000, id="end markers"),
    ],
)
def test_what_repeats_takes_no_longer(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    begun = time.process_time()
    with pytest.raises(MediaError):
        open_media(path)
    assert time.process_time() - begun < 3
