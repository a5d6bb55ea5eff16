"""The cards of the weights that come with the program, and what a changed or damaged file is told as."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cvstudio.foundation.errors import WeightsError
from cvstudio.weights import embedded
from cvstudio.weights.embedded import (
    ModelCard,
    card,
    embedded_defaults,
    embedded_path,
    embedded_weights,
    load_card,
    require_embedded,
)
from cvstudio.weights.store import file_sha256

CONTENT = {
    "model": "toy",
    "title": "Toy",
    "recipe": "digits",
    "licence": "VOC terms",
    "non_commercial": True,
    "sources": [{"name": "VOC", "licence": "VOC terms", "use": "labels"}],
    "date": "2026-11-24",
    "seed": 0,
    "hours": 1.5,
    "device": "CPU",
    "epochs": 20,
    "parameters": 12,
    "sha256": "0" * 64,
    "size_bytes": 100,
    "labels": ["a", "b"],
    "metrics": [{"name": "top-1", "value": "62 %", "split": "a tenth"}],
    "figures": {"top-1": 0.62},
    "command": "cvstudio evaluate digits",
    "not_for": ["It knows two things only."],
    "settings": {"size": 8, "threshold": 0.5},
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for `resources/models`, with the weights and the card of "toy"."""
    folder = tmp_path / "models"
    folder.mkdir()
    save_file({"w": np.arange(4, dtype=np.float16)}, folder / "toy.safetensors")
    weights = folder / "toy.safetensors"
    content = {**CONTENT, "sha256": file_sha256(weights), "size_bytes": weights.stat().st_size}
    (folder / "toy.json").write_text(json.dumps(content), encoding="utf-8")

    def resource(*parts: str) -> Path:
        path = folder.parent.joinpath(*parts)
        if not path.exists():
            raise FileNotFoundError(path)
        return path

    monkeypatch.setattr(embedded, "resource", resource)
    card.cache_clear()
    yield folder
    card.cache_clear()


def test_a_card_has_all_that_its_file_says(shipped):
    found = card("toy")
    assert found == load_card(shipped / "toy.json")
    assert {field.name for field in dataclasses.fields(ModelCard)} == set(CONTENT)
    assert (found.sources[0].use, found.metrics[0].split, found.figures["top-1"]) == ("labels", "a tenth", 0.62)
    with pytest.raises(TypeError):
        found.figures["top-1"] = 1.0  # type: ignore[index]


def test_what_a_model_states_of_its_weights_comes_from_the_card(shipped):
    (weights,) = embedded_weights("toy")
    assert weights.file_name == "toy.safetensors"
    assert (weights.licence, weights.trained_on, weights.labels) == ("VOC terms", "VOC", ("a", "b"))
    assert weights.metrics == "top-1 62 % (a tenth)"
    assert embedded_defaults("toy", "threshold", "temperature") == {"threshold": 0.5}
    assert require_embedded("toy", None) == embedded_path("toy")


def test_a_model_without_shipped_weights_says_where_to_get_some(shipped):
    assert card("absent") is None
    assert embedded_weights("absent") == ()
    with pytest.raises(WeightsError, match="'absent' in the installation, but they are not there"):
        require_embedded("absent", None)


def test_changed_weights_are_refused(shipped):
    path = shipped / "toy.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="content was changed"):
        require_embedded("toy", None)


def test_a_file_of_ones_own_is_not_compared_with_the_card(shipped, tmp_path):
    own = tmp_path / "own.safetensors"
    own.touch()
    assert require_embedded("toy", own) == own
    with pytest.raises(WeightsError, match="no such file"):
        require_embedded("toy", tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: "{",
        lambda content: "[]",
        lambda content: "\x00",
        *(
            lambda content, key=key: json.dumps({name: content[name] for name in content if name != key})
            for key in CONTENT
        ),
        lambda content: json.dumps({**content, "sha256": ""}),
        lambda content: json.dumps({**content, "epochs": "many"}),
        lambda content: json.dumps({**content, "figures": [1]}),
        lambda content: json.dumps({**content, "sources": [{"name": "VOC"}]}),
    ],
)
def test_a_damaged_card_is_one_sentence_and_no_end_of_the_start(damage, shipped):
    path = shipped / "toy.json"
    path.write_text(damage(CONTENT), encoding="utf-8")
    with pytest.raises(WeightsError) as caught:
        load_card(path)
    assert str(caught.value).startswith("Expected a model card in toy.json")
    assert "\n" not in str(caught.value)
    # The models are still listed; that the card is damaged is told when one is loaded.
    assert embedded_weights("toy") == ()
    assert embedded_defaults("toy", "threshold") == {}
    with pytest.raises(WeightsError, match="Expected a model card"):
        require_embedded("toy", None)
