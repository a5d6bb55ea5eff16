"""The default detector and the classifier of whole pictures on one video: the trunk runs once on a frame for both."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.classification.efficientnet_lite_scene import SceneClassifier
from cvstudio.models.detection.pyramid_lite import LitePyramidNetwork
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import Precision
from cvstudio.models.shared.lite_trunk import END, LITE0, PUBLISHED_END, end_digest
from cvstudio.models.shared.lite_weights import WEIGHTS, adapted
from cvstudio.running.composition import shown_frames
from cvstudio.running.runner import Runner, make_instance
from cvstudio.weights.embedded import require_embedded
from cvstudio.weights.store import load_state_dict, require_weights

DETECTOR, SCENE = "pyramid-lite0", "efficientnet-lite0-scene"
FRAMES = 6


@pytest.fixture
def portrait_clip(tmp_path: Path) -> Path:
    """A video of `FRAMES` frames, which pans over a portrait."""
    import av
    from PIL import Image

    photo = np.asarray(Image.open(sample_path("astronaut")).convert("RGB"))
    path = tmp_path / "portrait.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 400, 300, "yuv420p"
        for number in range(FRAMES):
            part = np.ascontiguousarray(photo[:300, 10 * number : 10 * number + 400])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """The models that ran the trunk."""
    ran: list[str] = []
    for network, key in ((LitePyramidNetwork, DETECTOR), (SceneClassifier, SCENE)):

        def counted(self: Any, *given: Any, own: Any = network.forward, key: str = key) -> Any:
            ran.append(key)
            return own(self, *given)

        monkeypatch.setattr(network, "forward", counted)
        monkeypatch.setattr(network, "warm_up", lambda *_: None)
    return ran


def layers(video: Path) -> tuple[Any, Any]:
    return (
        make_instance("detect", {"picture": video}, model=DETECTOR, values={"score": 0.1}),
        make_instance("classify", {"picture": video}, model=SCENE),
    )


def test_the_trunk_runs_once_on_a_frame_and_both_answer_as_alone(portrait_clip, runs):
    detecting, naming = layers(portrait_clip)
    with Runner(device="cpu", precision="float32") as runner:
        both = [shown.layers for _, _, shown in shown_frames(runner, detecting, (detecting, naming), Progress())]
        assert len(both) == len(runs) == FRAMES
        trunks = {id(runner.host.network(MODELS[key], None, Progress()).model.trunk) for key in (DETECTOR, SCENE)}
        assert len(trunks) == 1
    runs.clear()
    for index, instance in enumerate((detecting, naming)):
        with Runner(device="cpu", precision="float32") as runner:
            alone = [result for _, result in runner.frames(instance, Progress())]
        assert len(runs) == FRAMES * (index + 1)
        for result, parts in zip(alone, both, strict=True):
            together = parts[index][0]
            if index == 0:
                assert len(result) == len(together) > 0
                np.testing.assert_array_equal(result.classes, together.classes)
                np.testing.assert_allclose(result.scores, together.scores, atol=1e-4)
                np.testing.assert_allclose(result.boxes, together.boxes, atol=1e-2)
                for row in range(len(result)):
                    mine, other = (item.masks.full(row, item.boxes[row], item.size) for item in (result, together))
                    assert (mine == other).mean() > 0.999
            else:
                np.testing.assert_allclose(result.logits.values, together.logits.values, atol=1e-4)
                np.testing.assert_array_equal(result.classes, together.classes)


def test_a_checkpoint_of_the_user_or_another_precision_has_a_trunk_of_its_own(portrait_clip, runs, tmp_path):
    from safetensors.torch import save_file

    detecting, naming = layers(portrait_clip)
    path = tmp_path / "own.safetensors"
    save_file(load_state_dict(require_embedded(DETECTOR, None)), path)
    with Runner(device="cpu", precision="float32") as runner:
        runner.result(naming)
        runner.result(detecting)
        assert runs == [SCENE]
        runner.result(dataclasses.replace(detecting, weights=path))
        assert runs == [SCENE, DETECTOR]


def test_the_embedded_trunk_is_the_published_one_in_half_precision():
    published = adapted(load_state_dict(require_weights(WEIGHTS, None)))
    state = load_state_dict(require_embedded(DETECTOR, None))
    embedded = {name.removeprefix("trunk."): tensor for name, tensor in state.items() if name.startswith("trunk.")}
    ends = {}
    for name, tensor in embedded.items():
        if tensor.is_floating_point():
            same = torch.equal(tensor, published[name].half().to(tensor.dtype))
            learnt = name.startswith("blocks.") and int(name.split(".")[1]) >= END
            # What is behind the map of stride 16 may have been learnt with the head.
            assert same or learnt, name
            ends[name] = same or not learnt
    assert end_digest({name: published[name] for name in embedded}) == PUBLISHED_END
    assert (end_digest(embedded) == PUBLISHED_END) == all(ends.values())


def test_a_detector_that_has_learnt_its_last_stages_shares_what_comes_before(runs):
    from cvstudio.data.samples import Image
    from cvstudio.foundation.params import NoParams

    pixels = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    given = (Image(np.repeat(np.repeat(pixels, 3, axis=0), 3, axis=1)), NoParams(), Progress())
    spec = MODELS[DETECTOR]
    state = load_state_dict(require_embedded(DETECTOR, None))
    model = spec.architecture.build()
    model.load_state_dict(state)
    with torch.no_grad():
        model.trunk.blocks[END][0].conv_pw.weight *= 1.1
    detector = LitePyramidNetwork(model, spec.labels, "cpu")
    scene = MODELS[SCENE].load("cpu", None)
    shared, published = detector.trunk_features(*given), scene.trunk_features(*given)
    assert (len(shared.maps), len(published.maps)) == (2, 3)
    np.testing.assert_allclose(scene.predict_from(shared, *given).values, published.answer.values, atol=1e-4)
    again = detector.predict_from(published, *given)
    np.testing.assert_allclose(again.scores, shared.answer.scores, atol=1e-4)
    # Its own last stages say something else than the published ones.
    assert not np.allclose(again.scores[:5], spec.load("cpu", None).predict(*given).scores[:5], atol=1e-3)


def test_a_measured_precision_holds_for_all_on_the_trunk():
    host = Host("cpu", measure=False)
    host.set_tuned(MODELS[DETECTOR], None, Precision("bfloat16"))
    host.apply_tuned()
    keys = [LITE0.network_key(host.network_key(MODELS[key])) for key in (DETECTOR, SCENE)]
    assert keys[0] == keys[1]
    assert "bfloat16" in keys[0][-1]
    assert "bfloat16" not in host.network_key(MODELS["efficientnet-lite0"])[-1]
