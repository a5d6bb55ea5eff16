"""Thousands of damaged files: each is opened or refused in one sentence, within 10 s and bounded memory."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile
import tifffile

from .conftest import tone, write_media
from .damaged_files import WAYS, Opener, damage
from .raw_files import mosaic, packed, scene, write_camera_file, write_dng
from .test_damage import MAKERS
from .test_geometry_reports import STL_TEXT, gltf_part, stl

SAMPLE, ALL = 100, 5000


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    y, x = np.mgrid[:40, :60]
    photo = np.stack([x * 4, y * 6, (x + y) * 2], 2).astype(np.uint8) + 3
    folder = tmp_path_factory.mktemp("seeds")
    return {name: make(folder, photo) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def further(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Seeds of the forms in which formats are read since the first five thousand cases."""
    y, x = np.mgrid[:40, :60]
    photo = np.stack([x * 4, y * 6, (x + y) * 2], 2).astype(np.uint8) + 3
    folder = tmp_path_factory.mktemp("further")
    picture = PIL.Image.fromarray(photo)
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "several.jpg", "MPO", save_all=True, append_images=[picture])
    picture.quantize(16).convert("PA").save(folder / "palette.tif")
    tifffile.imwrite(folder / "planar.tif", np.moveaxis(photo, -1, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "labels.tif", photo[..., 0].astype(np.uint32) * 1000)
    sound = tone(0.4, 44100)
    for name, codec in (("a.wv", "wavpack"), ("a.tta", "tta"), ("a.ac3", "ac3")):
        write_media(folder / name, sound=sound, sound_codec=codec, rate_hz=44100)
    for name, subtype in (("a.mp3", None), ("float.wav", "FLOAT"), ("gsm.wav", "GSM610"), ("a.rf64", None)):
        mono = sound[0] if subtype == "GSM610" else sound.T
        soundfile.write(folder / name, mono, 44100, format="RF64" if name == "a.rf64" else None, subtype=subtype)
    stream = bytearray(MAKERS["flac"](folder, photo))
    stream[22:26] = bytes(4)
    seeds = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "a.flac"}
    core = b"BM" + struct.pack("<IHHIIHHHH", 26 + photo.nbytes, 0, 0, 26, 12, 60, 40, 1, 24)
    points = np.random.default_rng(0).normal(0, 20, (300, 4)).astype("<f4")
    elements = "element vertex 300\n" + "".join(f"property float {name}\n" for name in ("x", "y", "z", "f_dc_0"))
    elements += "element tristrips 1\nproperty list int int vertex_indices\n"
    strip = np.array([9, *range(6), -1, 7, 8], "<i4").tobytes()
    ply = f"ply\nformat binary_little_endian 1.0\n{elements}end_header\n".encode()
    return {
        **seeds,
        "streamed flac": bytes(stream),
        "OS/2 bitmap": core + photo.tobytes(),
        "colour map": b"PF\n60 40\n-1\n" + photo.astype("<f4").tobytes(),
        "strips": ply + points.tobytes() + strip,
        "coloured stl": stl(b"COLOR=\xff\x80\x00\xff", (0x8000, 31)),
        "text stl": STL_TEXT.encode(),
        "gltf strip": gltf_part([5, 6], [0, 1, 2, 3, 4]),
        "sparse gltf": gltf_part([4, 1], [0, 1, 2], sparse=True),
        "curves": b"usemtl a\ncstype bezier\nv 0 0 0 1 0 0\nv 1,5 0 0\nv 0 1 0\nf 1// 2// 3//\nl 1 2\n",
    }


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """RAW photographs, whose decoders are native and in a process of their own."""
    folder = tmp_path_factory.mktemp("raw")
    light, preview = scene(60, 40), np.full((24, 32, 3), 90, np.uint8)
    counts = mosaic(light)
    write_dng(folder / "plain.dng", counts, crop=(2, 2, 50, 30))
    write_dng(folder / "preview.dng", counts, preview=preview, jpeg=True, orientation=6)
    write_dng(folder / "linear.dng", np.round(light * 4095).astype(np.uint16))
    write_dng(folder / "tiles.dng", counts, tile=(32, 32))
    write_dng(folder / "packed.dng", packed(counts), shape=counts.shape, dtype=np.uint16, compression=7)
    for name, make, model in (("a.nef", "NIKON CORPORATION", "NIKON D850"), ("a.arw", "SONY", "ILCE-7M3")):
        write_camera_file(folder / name, make, model, counts, hangs=True)
    write_camera_file(folder / "a.pef", "PENTAX", "PENTAX K-1", counts, hangs=False)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def faults(seeds: dict[str, bytes], folder: Path, numbers: range) -> list[str]:
    """What neither was opened nor refused in one sentence."""
    names, others = list(seeds), list(seeds.values())
    opener, found = Opener(), []
    try:
        for number in numbers:
            name = names[number % len(names)]
            way, content = damage(seeds[name], others, number)
            path = folder / f"file{number}"
            path.write_bytes(content)
            symptom = opener.open(path)
            path.unlink()
            if symptom:
                found.append(f"{number}: {name}, {way}: {symptom}")
    finally:
        opener.close()
    return found


def test_a_sample_of_damage(seeds: dict[str, bytes], tmp_path: Path) -> None:
    assert faults(seeds, tmp_path, range(SAMPLE)) == []


def test_a_sample_of_damage_to_further_forms(further: dict[str, bytes], tmp_path: Path) -> None:
    assert faults(further, tmp_path, range(SAMPLE)) == []


def test_a_sample_of_damage_to_raw_photographs(raw: dict[str, bytes], tmp_path: Path) -> None:
    assert faults(raw, tmp_path, range(SAMPLE)) == []


def test_a_video_track_that_lost_its_parameters(seeds: dict[str, bytes], tmp_path: Path) -> None:
    # An AVI with an absurd size and an MP4 with a flipped bit, which FFmpeg opens without a decoder.
    assert faults(seeds, tmp_path, range(2354, 2355)) == []
    assert faults(seeds, tmp_path, range(4252, 4253)) == []


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_all_damage(seeds: dict[str, bytes], tmp_path: Path) -> None:
    """CVSTUDIO_DAMAGE=1000 tries as many cases only."""
    found = faults(seeds, tmp_path, range(int(os.environ.get("CVSTUDIO_DAMAGE", ALL))))
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_all_damage_to_further_forms(further: dict[str, bytes], tmp_path: Path) -> None:
    found = faults(further, tmp_path, range(int(os.environ.get("CVSTUDIO_DAMAGE", ALL))))
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_all_damage_to_raw_photographs(raw: dict[str, bytes], tmp_path: Path) -> None:
    found = faults(raw, tmp_path, range(int(os.environ.get("CVSTUDIO_DAMAGE", ALL))))
    assert not found, "\n".join(found)


def test_each_way_changes_the_file_and_is_repeatable(seeds: dict[str, bytes]) -> None:
    whole, others = seeds["png"], list(seeds.values())
    cases = [damage(whole, others, seed) for seed in range(60)]
    assert cases == [damage(whole, others, seed) for seed in range(60)]
    assert {way for way, _ in cases} == set(WAYS)
    assert sum(content != whole for _, content in cases) > 50


@pytest.mark.parametrize(
    ("program", "symptom"),
    [
        ("import os; input(); os.abort()", "ended with status -6"),
        ("import time; input(); time.sleep(60)", "hung for 1 s"),
        ("import json; input(); print(json.dumps('Traceback'))", "Traceback"),
    ],
)
def test_what_ends_the_process_or_hangs_is_told(tmp_path: Path, program: str, symptom: str) -> None:
    (tmp_path / "program.py").write_text(program)
    opener = Opener(str(tmp_path / "program.py"), limit_secs=1, start_secs=1 if "hung" in symptom else 30)
    try:
        assert opener.open(tmp_path / "a") == symptom
    finally:
        opener.close()
