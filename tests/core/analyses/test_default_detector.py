"""Whatever finds things begins with the same detector, the default one."""

from __future__ import annotations

from pathlib import Path

from cvstudio.analyses import ANALYSES
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.terms import Place, terms
from cvstudio.running.runner import make_instance

DEFAULT = "pyramid-lite0"


def test_detection_tracking_counting_and_suppression_begin_with_it():
    for analysis in ANALYSES:
        if analysis.task != "detect":
            continue
        first = MODELS[analysis.first_model]
        # Those that look into a certain network begin with one that has what they look at.
        assert first.key == DEFAULT or analysis.needs, analysis.key
        assert first.key != "pyramid-5"
    assert ANALYSES["detect"].temporal is not None
    assert make_instance("detect", {"picture": sample_path("astronaut")}).model == DEFAULT
    assert terms(MODELS[DEFAULT]).place is Place.EMBEDDED


def test_the_command_line_and_a_batch_take_it(capsys, tmp_path: Path):
    from cvstudio.cli.main import main

    assert main(["run", "detect", str(sample_path("cat")), "-o", str(tmp_path / "cat.json"), "-q"]) == 0
    assert f'"model": "{DEFAULT}"' in (tmp_path / "cat.json.recipe.json").read_text(encoding="utf-8")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.png").write_bytes(sample_path("cat").read_bytes())
    assert main(["run", "detect", str(folder), "-o", f"{tmp_path / 'found'}/", "--format", "json", "-q"]) == 0
    recipes = list((tmp_path / "found").rglob("*.recipe.json"))
    assert recipes
    assert all(f'"model": "{DEFAULT}"' in path.read_text(encoding="utf-8") for path in recipes)
