"""Checkpoints that a user has chosen for a model: with it everywhere, in later sessions, until they are removed."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest
import torch

from cvstudio.analyses import ANALYSES
from cvstudio.cli.main import main
from cvstudio.media import Media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.open import open_media
from cvstudio.models import MODELS
from cvstudio.models.checkpoints import CHECKPOINTS, choose_checkpoint, chosen_checkpoint
from cvstudio.models.terms import Place, terms
from cvstudio.running.recipe import make_recipe
from cvstudio.running.runner import make_instance
from cvstudio.session.layers import with_layer
from cvstudio.session.session import State
from cvstudio.session.transitions import with_active, with_analysis, with_model, with_rival

KEY = "squeezenet1-1"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Random weights of the right names and shapes."""
    architecture = MODELS[KEY].architecture
    assert architecture is not None
    path = tmp_path / "나의 weights.pth"
    torch.save(architecture.build().state_dict(), path)
    return path


@pytest.fixture
def picture() -> Media:
    return open_media(sample_path("astronaut"))


def test_it_belongs_to_the_model_wherever_an_analysis_begins(checkpoint: Path, picture: Media, tmp_path: Path) -> None:
    numbers = itertools.count(1)
    state = with_active(State(), picture, lambda: next(numbers))
    state = with_analysis(state, ANALYSES["classify"], lambda: next(numbers))
    assert state.instance is not None
    assert state.instance.weights is None
    choose_checkpoint(KEY, checkpoint)
    assert with_model(state.instance, KEY, None).weights == checkpoint
    rival = with_rival(state, state.current, KEY, lambda: next(numbers)).instance
    assert rival is not None
    assert rival.weights == checkpoint
    # Also as the first model of an analysis that is added.
    first = ANALYSES["classify"].first_model
    choose_checkpoint(first, tmp_path / "first.pth")
    layer = with_layer(state, ANALYSES["classify"], lambda: next(numbers)).instance
    assert layer is not None
    assert layer.weights == tmp_path / "first.pth"
    made = make_instance("classify", {"picture": picture}, model=KEY)
    assert made.weights == checkpoint
    assert make_recipe(made, tmp_path, pts=None, look={})["weights"] == str(checkpoint)
    other = tmp_path / "other.pth"
    assert make_instance("classify", {"picture": picture}, model=KEY, weights=other).weights == other


def test_the_list_says_so_until_it_is_removed(checkpoint: Path) -> None:
    published = terms(MODELS[KEY])
    assert published.place in (Place.ABSENT, Place.HERE)
    choose_checkpoint(KEY, checkpoint)
    chosen = terms(MODELS[KEY])
    assert chosen.place is Place.CHOSEN
    assert chosen.place.ready
    assert str(chosen).endswith(f"MB, your file {checkpoint.name}")
    assert chosen.size_bytes == checkpoint.stat().st_size
    checkpoint.unlink()
    assert terms(MODELS[KEY]).place is Place.GONE
    choose_checkpoint(KEY, None)
    assert terms(MODELS[KEY]) == published


def test_a_list_that_cannot_be_read_counts_as_empty(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, content in enumerate(
        ("{", "[]", '{"format": "x"}', '{"format": "cvstudio-checkpoints", "version": 1}')
    ):
        CHECKPOINTS.path.parent.mkdir(parents=True, exist_ok=True)
        CHECKPOINTS.path.write_text(content + " " * number)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            assert CHECKPOINTS.read() == {}
            assert "cannot be read" in caplog.text
    choose_checkpoint(KEY, checkpoint)
    assert chosen_checkpoint(KEY) == checkpoint


def test_the_command_line_shares_it(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.pth"
    torch.save({"weight": torch.zeros(2)}, wrong)
    assert main(["weights", "use", KEY, str(wrong)]) == 1
    assert chosen_checkpoint(KEY) is None
    assert main(["weights", "use", KEY, str(checkpoint), "-q"]) == 0
    assert chosen_checkpoint(KEY) == checkpoint
    capsys.readouterr()
    assert main(["weights", "where", KEY]) == 0
    assert capsys.readouterr().out.strip() == str(checkpoint)
    picture = str(sample_path("astronaut"))
    out = tmp_path / "labels.json"
    assert main(["run", "classify", picture, "--model", KEY, "-o", str(out), "-q"]) == 0
    assert out.exists()
    assert main(["weights", "forget", KEY]) == 0
    assert main(["weights", "forget", KEY]) == 1
    assert "has no checkpoint of yours" in capsys.readouterr().err


@pytest.mark.usefixtures("checkpoint")
def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    from cvstudio.foundation.errors import WeightsError

    CHECKPOINTS.path.parent.parent.mkdir(parents=True, exist_ok=True)
    CHECKPOINTS.path.parent.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="cannot be saved"):
        choose_checkpoint(KEY, tmp_path / "a.pth")
