"""Attention against transformers' own, and what is shown of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from transformers import DetrForObjectDetection

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.detection.attention import LookParams, nearest_row, pick, place_at, run_show
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.exporters import exporters_for
from cvstudio.foundation.errors import BindingError, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection._detr import DetrNetwork, DetrParams
from cvstudio.models.runtime.attention import Attended, Projections
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap

SIDE = DetrParams(side=192)


@pytest.fixture(scope="module")
def network(hub_folder_of: Path) -> DetrNetwork:
    loaded: DetrNetwork = MODELS["detr-resnet-50"].load("cpu", hub_folder_of)
    return loaded


@pytest.fixture(scope="module")
def attended(network: DetrNetwork, photo: Image) -> Attended:
    return network.attend(photo, SIDE, Progress())


def shown(found: Attended, **values: Any) -> HeatMap:
    (result,) = run_show(Inputs({}, found), LookParams(**values), Progress())
    return result


def test_every_layer_and_head_as_transformers_tells_them(hub_folder_of: Path, photo: Image) -> None:
    # The same network computes both: over six layers another kernel's rounding would grow.
    other = DetrForObjectDetection.from_pretrained(hub_folder_of, attn_implementation="eager").eval()
    network = DetrNetwork(other, "cpu")
    attended = network.attend(photo, SIDE, Progress())
    with torch.no_grad():
        outputs = other(pixel_values=network.input_of(photo, SIDE.side), output_attentions=True)
    assert attended.grid == (6, 8)
    assert attended.heads == 8
    for layer in range(6):
        cross, places = outputs.cross_attentions[layer][0].numpy(), outputs.encoder_attentions[layer][0].numpy()
        for row in (0, 17, 47):
            np.testing.assert_allclose(attended.objects[layer].weights(row, 8), cross[:, row], atol=1e-5)
            np.testing.assert_allclose(attended.places[layer].weights(row, 8), places[:, row], atol=1e-5)
    # They are worth comparing only where they differ.
    assert np.ptp(attended.objects[-1].weights(3, 8)) > 0.05


def test_another_thread_that_looks_meanwhile_leaves_no_trace(
    network: DetrNetwork, attended: Attended, photo: Image
) -> None:
    """An exported video has a frame of its own in each thread."""
    other = Image(np.ascontiguousarray(photo.pixels[::-1]))
    looking = threading.Thread(target=lambda: network.attend(other, SIDE, Progress()))

    def meanwhile(module: Any, inputs: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            looking.start()
            looking.join()
            hook.remove()

    # The encoder has told what it compares by now, and the decoder has not.
    hook = network.model.model.decoder.layers[3].register_forward_pre_hook(meanwhile)
    found = network.attend(photo, SIDE, Progress())
    assert looking.ident is not None
    for one, expected in zip((*found.objects, *found.places), (*attended.objects, *attended.places), strict=True):
        np.testing.assert_allclose(one.queries, expected.queries, atol=1e-4)
        np.testing.assert_allclose(one.keys, expected.keys, atol=1e-4)


def test_looking_changes_nothing_that_is_found(network: DetrNetwork, attended: Attended, photo: Image) -> None:
    plain = network.predict(photo, SIDE, Progress())
    np.testing.assert_allclose(attended.detections.boxes, plain.boxes, atol=1e-3)
    assert attended.detections.ids.tolist() == plain.ids.tolist()


def test_the_map_is_that_of_the_box(attended: Attended) -> None:
    found = attended.detections
    row = 5
    x1, y1, x2, y2 = found.boxes[row]
    result = shown(attended, score=0.0, at=(float(x1 + x2) / 2, float(y1 + y2) / 2))
    chosen = int(np.flatnonzero(found.ids == result.chosen)[0])
    expected = attended.objects[5].weights(int(found.ids[chosen]), 8)
    np.testing.assert_allclose(result.values, expected.mean(axis=0).reshape(6, 8), atol=1e-7)
    assert (result.label, result.probability) == (found.label(chosen), pytest.approx(found.scores[chosen]))
    assert result.objects is not None
    assert len(result.objects) == len(found)
    assert result.rect == View.whole(found.size).rect
    one = shown(attended, score=0.0, at=(float(x1 + x2) / 2, float(y1 + y2) / 2), layer=2, head="3")
    again = attended.objects[1].weights(int(found.ids[chosen]), 8)[2]
    np.testing.assert_allclose(one.values.ravel(), again, atol=1e-7)
    assert "layer 2 of the decoder, head 3, 8 × 6 places" in one.about


def test_a_click_means_the_smallest_box_around_it_or_the_nearest() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60], [80, 10, 90, 20]], np.float32)
    found = Detections(
        boxes,
        np.array([0.9, 0.8, 0.7], np.float32),
        np.zeros(3, np.int64),
        ("thing",),
        np.array([12, 5, 77]),
        Size(200, 100),
    )
    assert nearest_row(found, None) == 0
    assert nearest_row(found, (50, 50)) == 1
    assert nearest_row(found, (10, 50)) == 0
    assert nearest_row(found, (85, 15)) == 2
    assert nearest_row(found, (150, 50)) == 0
    assert nearest_row(found.take([1, 2]), (150, 15)) == 1
    assert pick(None, 3.0, 4.0) == {"at": (3.0, 4.0)}  # type: ignore[arg-type]


def test_places_of_the_encoder(attended: Attended) -> None:
    width, height = attended.detections.size
    assert place_at(attended, None) == 3 * 8 + 4
    assert place_at(attended, (0, 0)) == 0
    assert place_at(attended, (width + 50, height + 50)) == 47
    assert place_at(attended, (width * 2.5 / 8, height * 4.5 / 6)) == 4 * 8 + 2
    result = shown(attended, of="place", at=(width * 2.5 / 8, height * 4.5 / 6), layer=1)
    expected = attended.places[0].weights(34, 8).mean(axis=0)
    np.testing.assert_allclose(result.values.ravel(), expected, atol=1e-7)
    assert result.place == pytest.approx((width * 2.5 / 8, height * 4.5 / 6))
    assert (result.label, result.chosen) == ("", None)
    assert "place 2, 4, layer 1 of the encoder" in result.about


def test_where_nothing_is_sure_enough_the_likeliest_is_looked_at(attended: Attended) -> None:
    result = shown(attended, score=1.0)
    assert result.chosen == attended.detections.ids[0]
    assert result.objects is not None
    assert result.objects.ids.tolist() == [result.chosen]


def test_what_the_network_lacks_is_told(attended: Attended) -> None:
    small = Attended(attended.detections, attended.objects[:2], attended.places[:2], attended.grid, 4)
    with pytest.raises(ParamsError, match="has 2 layers"):
        shown(small)
    with pytest.raises(ParamsError, match="has 4 heads"):
        shown(small, layer=2, head="8")
    with pytest.raises(ValueError, match="expected queries"):
        Projections(np.zeros((2, 4), np.float32), np.zeros((3, 5), np.float32))


def test_the_analysis_from_a_file_to_a_file(hub_folder_of: Path, photo: Image, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo.rgb8[..., ::-1])
    given: dict[str, Any] = {"model": "detr-resnet-50", "weights": hub_folder_of, "side": 192}
    found = cvstudio.run("attention", path, **given, at=(100.0, 60.0), score=0.1)
    assert isinstance(found, HeatMap)
    assert found.objects is not None
    assert found.source.media_id
    assert {"png", "npz-heat", "mp4"} <= {
        exporter.key for video in (False, True) for exporter in exporters_for(HeatMap, video=video)
    }
    with pytest.raises(BindingError, match="cannot use the model 'pyramid-5'"):
        cvstudio.run("attention", path, model="pyramid-5")


def test_only_models_with_attention_are_offered() -> None:
    offered = [model.key for model in ANALYSES["attention"].models]
    assert offered == ["detr-resnet-50", "detr-resnet-50-dc5", "detr-resnet-101", "detr-resnet-101-dc5"]
    assert ANALYSES["attention"].first_model == "detr-resnet-50"
    assert set(offered) < {model.key for model in ANALYSES["detect"].models}


class TestDrawing:
    def test_the_box_is_drawn_over_its_map(self, attended: Attended, photo: Image) -> None:
        result = shown(attended, score=1.0)
        assert result.objects is not None
        without = render(photo, [(shown(attended, of="place", score=1.0), Look())], View.whole(photo.size))
        drawn = render(
            photo, [(result, Look(heat_opacity=0.01, show_labels=False, show_scores=False))], View.whole(photo.size)
        )
        assert drawn.shape == without.shape == photo.pixels.shape
        x1, y1, x2, y2 = np.rint(result.objects.boxes[0]).astype(int)
        outside = np.ones(drawn.shape[:2], bool)
        outside[max(y1 - 4, 0) : y2 + 4, max(x1 - 4, 0) : x2 + 4] = False
        assert np.abs(drawn[outside].astype(int) - photo.pixels[outside]).max() < 6

    def test_the_screen_shows_a_crop_of_the_file(self, attended: Attended, photo: Image) -> None:
        for values in ({"score": 0.0}, {"of": "place", "at": (200.0, 130.0)}):
            result = shown(attended, **values)
            for scale in (1.0, 2.0):
                whole = render(photo, [(result, Look())], View(View.whole(photo.size).rect, scale))
                part = render(photo, [(result, Look())], View(Rect(60, 40, 200, 150), scale))
                top, left = round(40 * scale), round(60 * scale)
                cut = whole[top : top + part.shape[0], left : left + part.shape[1]]
                assert np.mean(np.abs(part.astype(int) - cut) > 2) < 1e-3

    def test_a_ring_marks_the_place(self, attended: Attended, photo: Image) -> None:
        result = shown(attended, of="place", at=(200.0, 130.0), score=1.0)
        drawn = render(photo, [(result, Look(heat_opacity=0.01))], View.whole(photo.size))
        assert result.place is not None
        x, y = (round(value) for value in result.place)
        assert (drawn[y, x + 8] > 240).all()
