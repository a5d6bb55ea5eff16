"""Long sounds are separated by OpenVINO where it is installed, with the same result."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime import openvino
from cvstudio.models.separation import _separator
from cvstudio.models.separation._separator import SpeakerSeparator
from cvstudio.models.shared.conv_tasnet import SMALL, ConvTasNet

RATE, CHUNK = 8000, 8000


@pytest.fixture
def separator() -> SpeakerSeparator:
    import torch

    torch.manual_seed(0)
    return SpeakerSeparator(ConvTasNet(SMALL), ("a", "b"), RATE, "cpu")


def speech(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, count).astype(np.float32)


def test_a_long_sound_is_separated_by_the_engine_as_by_torch(
    separator: SpeakerSeparator, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = pytest.importorskip("openvino").__version__
    monkeypatch.setattr(openvino, "version", lambda: installed)
    calls = []
    run = openvino.Engine.__call__
    monkeypatch.setattr(openvino.Engine, "__call__", lambda self, wave: calls.append(wave.shape) or run(self, wave))
    chunk = speech(CHUNK)
    expected = separator.separate(chunk, Progress())
    separator.prepare(int(_separator.ENGINE_FROM_SECS * RATE), CHUNK, Progress())
    stems = separator.separate(chunk, Progress())
    assert calls == [(1, CHUNK)]
    np.testing.assert_allclose(stems, expected, atol=1e-4 * np.abs(expected).max())
    # A short sound afterwards is torch's.
    separator.prepare(CHUNK, CHUNK, Progress())
    np.testing.assert_array_equal(separator.separate(chunk, Progress()), expected)
    assert len(calls) == 1


def test_without_openvino_or_where_it_fails_torch_separates(
    separator: SpeakerSeparator, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = speech(CHUNK)
    expected = separator.separate(chunk, Progress())
    monkeypatch.setattr(openvino, "version", lambda: "")
    separator.prepare(10**7, CHUNK, Progress())
    np.testing.assert_array_equal(separator.separate(chunk, Progress()), expected)

    def fails(*args: object) -> None:
        raise openvino.EngineError("no such layer")

    monkeypatch.setattr(openvino, "version", lambda: "1")
    monkeypatch.setattr(openvino, "Engine", fails)
    separator.prepare(10**7, CHUNK, Progress())
    np.testing.assert_array_equal(separator.separate(chunk, Progress()), expected)


def test_a_recurrent_network_stays_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = MODELS["dprnn-wham"]
    assert spec.architecture is not None
    separator = SpeakerSeparator(spec.architecture.build(), spec.labels, RATE, "cpu")

    def fails(*args: object) -> None:
        pytest.fail("it was converted")

    monkeypatch.setattr(openvino, "version", lambda: "1")
    monkeypatch.setattr(openvino, "Engine", fails)
    separator.prepare(10**7, CHUNK, Progress())
    assert separator.separate(speech(400), Progress()).shape == (2, 400)
