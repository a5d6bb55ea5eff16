"""Thousands of damaged files: each is opened or refused in one sentence, within 10 s and bounded memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from .damaged_files import WAYS, Opener, damage
from .test_damage import MAKERS

SAMPLE, ALL = 100, 5000


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    y, x = np.mgrid[:40, :60]
    photo = np.stack([x * 4, y * 6, (x + y) * 2], 2).astype(np.uint8) + 3
    folder = tmp_path_factory.mktemp("seeds")
    return {name: make(folder, photo) for name, make in MAKERS.items()}


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
