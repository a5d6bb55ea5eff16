"""DETR against transformers' own processing, against a second network from the paper, and with every form of names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForObjectDetection, DetrForObjectDetection, DetrImageProcessor

import cvstudio
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection._detr import DetrNetwork, DetrParams
from cvstudio.models.detection._detr_names import unified
from cvstudio.models.detection.detr import VARIANTS
from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.weights.differences import MismatchError
from cvstudio.weights.store import WeightsNeededError

SIDE = DetrParams(side=192)
KEYS = [variant.name for variant in VARIANTS]


@pytest.fixture(scope="module")
def network(hub_folder_of: Path) -> DetrNetwork:
    loaded: DetrNetwork = MODELS["detr-resnet-50"].load("cpu", hub_folder_of)
    return loaded


def test_the_picture_is_prepared_as_by_transformers(network: DetrNetwork) -> None:
    for shape in ((480, 640), (1200, 300), (90, 1000), (333, 333)):
        image = Image(np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8))
        expected = DetrImageProcessor()(images=image.rgb8.copy(), return_tensors="pt")["pixel_values"]
        found = network.input_of(image)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-5


def test_candidates_are_those_of_transformers_own_processing(network: DetrNetwork, photo: Image) -> None:
    found = network.predict(photo, SIDE, Progress())
    with torch.no_grad():
        outputs = network.model(pixel_values=network.input_of(photo, SIDE.side))
    size = [(photo.size.height, photo.size.width)]
    expected = DetrImageProcessor().post_process_object_detection(outputs, threshold=0.0, target_sizes=size)[0]
    known = torch.isin(expected["labels"], torch.tensor(OUTPUTS))
    scores, order = expected["scores"][known].sort(descending=True, stable=True)
    assert 50 < len(found) == int(known.sum())
    np.testing.assert_allclose(found.scores, scores.numpy(), atol=1e-5)
    assert [OUTPUTS[number] for number in found.classes] == expected["labels"][known][order].tolist()
    boxes = expected["boxes"][known][order].numpy()
    limits = np.array([*photo.size, *photo.size])
    np.testing.assert_allclose(found.boxes, np.clip(boxes, 0, limits), atol=1e-2)
    assert found.ids.tolist() == np.flatnonzero(known.numpy())[order.numpy()].tolist()
    # They are worth comparing only where they differ.
    assert len(set(found.classes.tolist())) > 5
    assert np.ptp(found.scores) > 0.1
    assert np.ptp(boxes, axis=0).min() > 20


@pytest.mark.parametrize("dilation", [False, True], ids=["plain", "dc5"])
def test_the_authors_names_mean_the_same_network(
    dilation: bool, reference_network: Any, photo: Image, tmp_path: Path
) -> None:
    other = reference_network(dilation)
    path = tmp_path / "authors.pth"
    torch.save({"model": other.state_dict()}, path)
    key = "detr-resnet-50-dc5" if dilation else "detr-resnet-50"
    found = MODELS[key].load("cpu", path)
    pixels = found.input_of(photo, SIDE.side)
    with torch.no_grad():
        logits, boxes, weights = other(pixels)
        outputs = found.model(pixel_values=pixels)
    assert logits.std(dim=0).mean() > 0.1
    np.testing.assert_allclose(outputs.logits[0].numpy(), logits.numpy(), atol=2e-3)
    np.testing.assert_allclose(outputs.pred_boxes[0].numpy(), boxes.numpy(), atol=2e-4)
    attended = found.attend(photo, SIDE, Progress())
    assert attended.grid[0] * attended.grid[1] == weights.shape[-1]
    for query in (0, 41, 99):
        np.testing.assert_allclose(attended.objects[-1].weights(query, 8), weights[:, query].numpy(), atol=1e-4)


PUBLISHED = (
    "model.backbone.conv_encoder.model.conv1.weight",
    "model.backbone.conv_encoder.model.layer1.0.downsample.1.running_var",
    "model.backbone.conv_encoder.model.layer4.2.bn3.bias",
    "model.input_projection.weight",
    "model.query_position_embeddings.weight",
    "model.encoder.layers.5.self_attn.out_proj.weight",
    "model.encoder.layers.0.fc1.bias",
    "model.decoder.layers.3.encoder_attn.k_proj.weight",
    "model.decoder.layers.3.encoder_attn_layer_norm.weight",
    "model.decoder.layers.5.fc2.weight",
    "model.decoder.layernorm.weight",
    "class_labels_classifier.weight",
    "bbox_predictor.layers.2.bias",
)


def test_the_names_on_the_hub_and_a_counter_that_nobody_needs(hub_folder_of: Path, module: Any, tmp_path: Path) -> None:
    saved = load_file(hub_folder_of / "model.safetensors")
    assert set(PUBLISHED) <= set(saved)
    # The published files hold four of these.
    saved["model.backbone.conv_encoder.model.layer1.0.downsample.1.num_batches_tracked"] = torch.tensor(0)
    path = tmp_path / "model.safetensors"
    save_file(saved, path)
    loaded = MODELS["detr-resnet-50"].load("cpu", path)
    for name, tensor in module.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    read_by_the_library = AutoModelForObjectDetection.from_pretrained(hub_folder_of).state_dict()
    assert all(torch.equal(tensor, read_by_the_library[name]) for name, tensor in module.state_dict().items())


def test_the_names_of_the_revision_without_timm(photo: Image, tmp_path: Path, module: Any) -> None:
    from transformers import DetrConfig, ResNetConfig

    torch.manual_seed(9)
    config = DetrConfig(use_timm_backbone=False, backbone_config=ResNetConfig(out_features=["stage4"]), num_labels=91)
    other = DetrForObjectDetection(config).eval()
    with torch.no_grad():
        other.class_labels_classifier.weight.normal_(0, 0.4)
    other.save_pretrained(tmp_path)
    assert any("embedder.embedder" in name for name in load_file(tmp_path / "model.safetensors"))
    found = MODELS["detr-resnet-50"].load("cpu", tmp_path)
    pixels = found.input_of(photo, SIDE.side)
    with torch.no_grad():
        np.testing.assert_allclose(
            found.model(pixel_values=pixels).logits.numpy(), other(pixel_values=pixels).logits.numpy(), atol=1e-3
        )


def test_what_it_does_not_know_stays_and_is_told(hub_folder_of: Path, tmp_path: Path) -> None:
    saved = load_file(hub_folder_of / "model.safetensors")
    assert unified({"something.else": torch.zeros(1)}).keys() == {"something.else"}
    saved["class_labels_classifier.weight"] = torch.zeros(21, 256)
    path = tmp_path / "other.safetensors"
    save_file(saved, path)
    with pytest.raises(MismatchError, match="92 x 256") as error:
        MODELS["detr-resnet-50"].load("cpu", path)
    assert "DETR R50" in str(error.value)


def test_the_other_form_is_refused_by_its_configuration(hub_folder_of: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="plain form"):
        MODELS["detr-resnet-50-dc5"].load("cpu", hub_folder_of)
    folder = tmp_path / "dc5"
    shutil.copytree(hub_folder_of, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dilation": True}))
    with pytest.raises(WeightsError, match="DC5 form"):
        MODELS["detr-resnet-50"].load("cpu", folder)
    assert MODELS["detr-resnet-50-dc5"].load("cpu", folder).model.config.dilation


def test_the_hubs_cache_is_used_as_it_stands(
    hub_folder_of: Path, photo: Image, network: DetrNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with pytest.raises(WeightsNeededError, match=r"166\.6 MB, Apache-2\.0"):
        MODELS["detr-resnet-50"].load("cpu", None)
    repository = tmp_path / "hf" / "hub" / "models--facebook--detr-resnet-50"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    (snapshot / "model.safetensors").symlink_to(hub_folder_of / "model.safetensors")
    found = MODELS["detr-resnet-50"].load("cpu", None)
    one, other = (item.predict(photo, SIDE, Progress()) for item in (found, network))
    assert np.array_equal(one.boxes, other.boxes)


def test_a_smaller_picture_and_a_line_of_pixels(network: DetrNetwork) -> None:
    for shape in ((1, 700), (700, 1), (1, 1)):
        found = network.predict(Image(np.full((*shape, 3), 90, np.uint8)), SIDE, Progress())
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [shape[1], shape[0], shape[1], shape[0]]).all()


def test_it_can_be_stopped_and_leaves_no_hooks(network: DetrNetwork, photo: Image) -> None:
    progress = Progress()
    progress.cancel()
    for run in (network.predict, network.attend):
        with pytest.raises(Cancelled):
            run(photo, SIDE, progress)
    network.attend(photo, SIDE, Progress())
    for part in network.model.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


def test_nothing_is_suppressed_by_default(hub_folder_of: Path, tmp_path: Path, photo: Image) -> None:
    import cv2

    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo.rgb8[..., ::-1])
    given: dict[str, Any] = {"model": "detr-resnet-50", "weights": hub_folder_of, "side": 192, "precision": "float32"}
    found = cvstudio.run("detect", path, score=0.0, max_count=2000, **given)
    assert found.labels == LABELS
    assert len(found) == len(found.candidates)
    assert len(cvstudio.run("detect", path, score=0.0, iou=0.3, **given)) < len(found)


@pytest.mark.parametrize("key", KEYS)
def test_the_architecture_is_built_without_memory(key: str) -> None:
    spec = MODELS[key]
    assert spec.architecture is not None
    with torch.device("meta"):
        made = spec.architecture.build()
    assert not made.training
    assert sum(parameter.numel() for parameter in made.parameters()) == spec.architecture.parameters
    size = sum(tensor.numel() * tensor.element_size() for tensor in made.state_dict().values())
    for weights in spec.weights:
        assert weights.size_bytes == pytest.approx(size, rel=1e-3)
    assert "attention" in spec.capabilities


def test_published_scores() -> None:
    # Table of the authors' repository, COCO val5k.
    scores = {key: MODELS[key].weights[0].scores["box mAP"] for key in KEYS}
    assert scores == {
        "detr-resnet-50": 42.0,
        "detr-resnet-50-dc5": 43.3,
        "detr-resnet-101": 43.5,
        "detr-resnet-101-dc5": 44.9,
    }
    assert [MODELS[key].weights[1].sha256 for key in KEYS] == ["e632da11", "f0fb7ef5", "2c7b67e5", "a2e86def"]


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS[1:], ids=lambda variant: variant.name)
def test_every_form_is_saved_loaded_and_compared(variant: Any, photo: Image, tmp_path: Path) -> None:
    torch.manual_seed(1)
    made = MODELS[variant.name].architecture.build()
    made.save_pretrained(tmp_path)
    found = MODELS[variant.name].load("cpu", tmp_path)
    pixels = found.input_of(photo, 480)
    with torch.no_grad():
        assert torch.allclose(found.model(pixel_values=pixels).logits, made(pixel_values=pixels).logits, atol=1e-4)
