"""GTCRN against its authors' code with the same weights, whose figures are the constants here, and on real noise."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from cvstudio.data.sound_measures import si_sdr
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.separation._gtcrn_net import BINS, Gtcrn

FRAMES = 20
PLACES = ((0, 0), (3, 5), (40, 11), (100, 19), (200, 7), (256, 13))

LAYOUT = "8d003f98ff737af5"
"""Digest of the names and shapes of its tensors."""

REFERENCE = (
    (-0.017695, 0.014843),
    (0.767559, -1.625244),
    (1.253529, -2.545062),
    (0.586990, -1.936787),
    (-1.600629, 1.861999),
    (-0.410160, -0.061880),
)
"""Real and imaginary parts at `PLACES` (bin, frame), as the authors' code has them."""


def fill(network: torch.nn.Module) -> None:
    """Weights that any library can be given; those of the bands stay as they are."""
    for number, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        if tensor.is_floating_point() and "erb" not in name:
            waves = np.sin(np.arange(tensor.numel()) * 0.7371 + number)
            values = 0.3 * waves if tensor.ndim > 1 else 0.6 + 0.4 * waves
            tensor.copy_(torch.from_numpy(values).float().reshape(tensor.shape))


def spectrum() -> torch.Tensor:
    values = np.sin(np.arange(BINS * FRAMES * 2) ** 1.3 * 0.01) * 2
    return torch.from_numpy(values).float().reshape(1, BINS, FRAMES, 2)


def test_outputs_names_and_shapes_are_the_authors() -> None:
    network = Gtcrn().eval()
    fill(network)
    text = "\n".join(f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(network.state_dict().items()))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == LAYOUT
    with torch.inference_mode():
        enhanced = network(spectrum())[0]
    values = torch.stack([enhanced[place] for place in PLACES])
    assert (values - torch.tensor(REFERENCE)).abs().max() < 1e-4


def test_the_published_weights_part_speech_from_noise(data) -> None:
    import soundfile

    network = MODELS["gtcrn-dns3"].load("cpu", data("weights", "gtcrn_dns3.tar"))
    path = sorted(data("speech_16k").glob("*.flac"))[0]
    speech = soundfile.read(path, dtype="float32")[0][:64_000]
    noise = np.random.default_rng(0).normal(0, 1, len(speech)).astype(np.float32)
    noise *= np.sqrt(np.mean(speech**2) / np.mean(noise**2)) * 10 ** (-5 / 20)
    stems = network.separate(speech + noise, Progress())
    assert np.allclose(stems.sum(0), speech + noise, atol=1e-5)
    assert si_sdr(speech, stems[0]) > si_sdr(speech, speech + noise) + 4
    assert si_sdr(noise, stems[1]) > si_sdr(noise, speech + noise) + 6


@pytest.mark.parametrize("samples", [1, 100, 511, 513, 16_000])
def test_any_length_comes_back(samples: int, data) -> None:
    network = MODELS["gtcrn-vctk"].load("cpu", data("weights", "gtcrn_vctk.tar"))
    sound = np.sin(np.arange(samples) * 0.3).astype(np.float32) + np.float32(0.1)
    assert network.separate(sound, Progress()).shape == (2, samples)
