"""JSON and CSV of every type of result, byte by byte as version 1 of the forms has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cvstudio.data.samples import Frame, Image
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.base import ExportItem
from cvstudio.foundation.progress import Progress
from tests.example_results import EXAMPLES

FORMS: dict[str, str] = json.loads((Path(__file__).parent / "table_forms.json").read_text(encoding="utf-8"))
WITH_TABLE = sorted({Path(name).stem.removesuffix("-video") for name in FORMS})


def written(path: Path, item: ExportItem) -> bytes:
    export(EXPORTERS[path.suffix[1:]], path, item, Progress())
    return path.read_bytes()


@pytest.mark.parametrize("ending", [".json", ".csv"])
@pytest.mark.parametrize("name", WITH_TABLE)
def test_a_picture_and_a_video_are_written_as_ever(
    name: str, ending: str, tmp_path: Path, item: Callable[..., ExportItem], picture: Image
) -> None:
    found = EXAMPLES[name]
    path = tmp_path / f"one{ending}"
    assert written(path, item(found)) == FORMS[f"{name}{ending}"].encode()
    frames = [(Frame(picture.pixels, pts=time), found) for time in (0.0, 0.04)]
    path = tmp_path / f"video{ending}"
    assert written(path, item(None, None, frames)) == FORMS[f"{name}-video{ending}"].encode()


def test_a_video_without_a_frame_is_written_as_ever(tmp_path: Path, item: Callable[..., ExportItem]) -> None:
    text = written(tmp_path / "video.json", item(None, None, [])).decode()
    assert '"format": "cvstudio-detections"' in text
    assert text.endswith('"score_kind": "probability",\n "frames": [\n  \n ]\n}\n')
    assert written(tmp_path / "video.csv", item(None, None, [])) == b""
