"""timm's classifiers against timm itself: its list, its transforms, its networks with seeded weights."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config
from timm.models import get_pretrained_cfg

import cvstudio
from cvstudio.analyses.explain._class_activation import activations
from cvstudio.cli.main import main
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import UnknownKeyError, WeightsError
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.reader_pool import Readers
from cvstudio.models import MODELS
from cvstudio.models.catalogue.identify import identify
from cvstudio.models.classification.timm_classifiers import TITLES, choose, generate, list_path, read_list, spec_of
from cvstudio.models.classification.timm_listing import TimmEntry, describe, entries, matching, names_of_classes
from cvstudio.weights.store import WeightsNeededError

SMALL = (
    "legacy_seresnet18.in1k",
    "seresnet50.a1_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
    "levit_128s.fb_dist_in1k",
)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test registers is gone after it."""
    with MODELS.lend():
        yield


def read(path: Path) -> Image:
    with Readers() as readers:
        image: Image = readers.get(open_media(path)).read()
    return image


def seeded(name: str) -> Any:
    torch.manual_seed(5)
    return timm.create_model(name, pretrained=False).eval()


def test_the_usual_ones_are_what_timm_tells() -> None:
    assert read_list(resource("classifiers", "timm.json")) == generate()
    assert {model.name for model in generate()} == set(TITLES)
    spec = MODELS["timm-legacy_senet154.in1k"]
    assert (spec.title, spec.family, spec.year) == ("SENet-154", "SENet", 2018)
    assert spec.weights[0].licence == "Apache-2.0"
    assert spec.weights[0].sha256 == "e9eb9fe6"


def test_the_list_holds_classifiers_only_and_is_searched_word_by_word() -> None:
    known = {entry.name: entry for entry in entries()}
    assert len(known) > 1200
    assert known["seresnet50.a1_in1k"] == TimmEntry("seresnet50.a1_in1k", "resnet", "apache-2.0", 1000, 224)
    # The tower of a CLIP gives an embedding, and names nothing.
    assert "vit_base_patch16_clip_224.openai" not in known
    found = matching(entries(), "senet 224px")
    assert known["legacy_senet154.in1k"] in found
    assert all("senet" in f"{entry.name} {entry.module}" and entry.side == 224 for entry in found)
    assert matching(entries(), "no such network") == []


@pytest.mark.parametrize("name", SMALL)
def test_logits_are_those_of_timms_own_pipeline(name: str, tmp_path: Path) -> None:
    model = seeded(name)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    network = spec_of(describe(name)).load("cpu", tmp_path / "weights.pth")
    transform = create_transform(**resolve_data_config({}, pretrained_cfg=get_pretrained_cfg(name).to_dict()))
    for key in ("cat", "coffee"):
        image = read(sample_path(key))
        with torch.inference_mode():
            expected = model(transform(PIL.Image.fromarray(np.array(image.rgb8)))[None])[0].numpy()
        got = network.predict(image, None, Progress()).values
        np.testing.assert_allclose(got, expected, atol=1e-3 * max(1.0, float(np.abs(expected).max())))


def test_the_head_follows_from_the_last_maps(tmp_path: Path) -> None:
    torch.save(seeded("legacy_seresnet18.in1k").state_dict(), tmp_path / "w.pth")
    network = MODELS["timm-legacy_seresnet18.in1k"].load("cpu", tmp_path / "w.pth")
    image = read(sample_path("cat"))
    found = activations(network, image, Progress())
    assert {name: maps.shape for name, maps in found.maps.items()} == {"last maps": (512, 7, 7)}
    np.testing.assert_allclose(found.logits, network.predict(image, None, Progress()).values, atol=1e-4)
    heat = cvstudio.run("grad-cam", sample_path("cat"), model="timm-legacy_seresnet18.in1k", weights=tmp_path / "w.pth")
    assert heat.values.shape == (7, 7)


def test_any_name_is_a_model_and_is_asked_for_when_it_is_wanted() -> None:
    assert "timm-resnet26.bt_in1k" not in MODELS
    spec = MODELS["timm-resnet26.bt_in1k"]
    assert spec.weights[0].url == "https://huggingface.co/timm/resnet26.bt_in1k/resolve/main/model.safetensors"
    assert spec.architecture is not None
    assert spec.architecture.parameters == sum(tensor.numel() for tensor in seeded("resnet26").parameters())
    assert MODELS["timm-resnet26.bt_in1k"] is spec
    with pytest.raises(UnknownKeyError, match=r"did you mean resnet26"):
        MODELS["timm-resnet26.bt_in1"]


def test_missing_weights_are_told_with_size_and_licence() -> None:
    with pytest.raises(WeightsNeededError, match=r"model.safetensors \(64\.\d MB, Apache-2.0\)"):
        cvstudio.run("classify", sample_path("cat"), model="timm-resnet26.bt_in1k")


def test_a_licence_that_forbids_or_is_not_stated_is_told() -> None:
    licences = {entry.licence: entry.name for entry in entries()}
    assert "non-commercial" in spec_of(describe(licences["cc-by-nc-4.0"])).weights[0].licence
    assert spec_of(describe(licences["not stated"])).weights[0].licence == "not stated"


def test_the_cache_of_the_hub_is_used_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = tmp_path / "hf" / "hub" / "models--timm--resnet26.bt_in1k"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    model = seeded("resnet26")
    save_file(model.state_dict(), snapshot / "model.safetensors")
    found = cvstudio.run("classify", sample_path("cat"), model="timm-resnet26.bt_in1k")
    assert len(found.class_names) == 1000
    assert not found.unknown


def test_a_folder_of_the_hub_is_recognised_by_its_configuration(tmp_path: Path) -> None:
    """As timm writes one."""
    folder = tmp_path / "resnet26.bt_in1k"
    folder.mkdir()
    save_file(seeded("resnet26").state_dict(), folder / "model.safetensors")
    config = {"architecture": "resnet26", "num_classes": 1000, "pretrained_cfg": {"tag": "bt_in1k"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = identify(folder, Progress())
    assert [model.key for model in found.fitting] == ["timm-resnet26.bt_in1k"]


def test_what_was_chosen_is_known_at_the_next_start_without_timm(tmp_path: Path) -> None:
    spec = choose("resnet26.bt_in1k")
    assert choose("resnet26.bt_in1k") is spec
    assert [model.name for model in read_list(list_path())] == ["resnet26.bt_in1k"]
    code = (
        "import sys; from cvstudio.models import MODELS; assert 'timm-resnet26.bt_in1k' in MODELS; "
        "assert not {'timm', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_damaged_list_stops_nothing(tmp_path: Path) -> None:
    list_path().parent.mkdir(parents=True, exist_ok=True)
    list_path().write_text('[{"name": 1}]', encoding="utf-8")
    code = "from cvstudio.models import MODELS; assert len(MODELS) > 100; assert not MODELS.broken, MODELS.broken"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_large_sets_of_labels_have_no_two_alike() -> None:
    labels = names_of_classes("imagenet-22k")
    assert len(labels) == len(set(labels)) == 21841
    assert "flip (n00442115)" in labels or any(label.startswith("flip (n") for label in labels)


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(WeightsError, match="did you mean"):
        describe("seresnet50.a1_in1")


def test_the_command_line_searches_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--timm", "legacy_senet154"]) == 0
    out = capsys.readouterr().out
    assert out.split() == ["--model", "timm-legacy_senet154.in1k", "224", "px,", "1000", "classes,", "apache-2.0"]
    assert main(["list", "--timm", "qqqq"]) == 1
