"""One title for each analysis: the command line and the README say what the window does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.cli.main import main

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_readme_names_every_analysis_by_its_title() -> None:
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert [spec.key for spec in ANALYSES if f"`{spec.key}` {spec.title}" not in text] == []


@pytest.mark.parametrize("key", [spec.key for spec in ANALYSES])
def test_the_help_of_an_analysis_begins_with_its_title(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", key, "--help"])
    assert ANALYSES[key].title in " ".join(capsys.readouterr().out.split())
