"""Conv-TasNet and DPRNN against asteroid's own code with the same weights, whose figures are the constants here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from cvstudio.models.shared.conv_tasnet import SMALL, ConvTasNet, ConvTasNetSize, DepthwiseConv
from cvstudio.models.shared.dprnn import DprnnSize, DprnnTasNet

SAMPLES = 2005
PLACES = (0, 3, 100, 777, 1500, 1999)


def fill(network: nn.Module) -> None:
    """Weights that any library can be given."""
    for number, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        waves = np.sin(np.arange(tensor.numel()) * 0.7371 + number)
        values = 0.1 * waves if tensor.ndim > 1 else 0.6 + 0.4 * waves
        assert tensor.is_floating_point(), name
        tensor.copy_(torch.from_numpy(values).float().reshape(tensor.shape))


def mixture() -> torch.Tensor:
    times = np.arange(SAMPLES)
    return torch.from_numpy(np.sin(times * 0.11) + np.sin(times * times * 3e-4)).float()[None]


def layout(network: nn.Module) -> str:
    text = "\n".join(f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(network.state_dict().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "Conv-TasNet of the paper": lambda: ConvTasNet(ConvTasNetSize()),
    "Conv-TasNet, embedded": lambda: ConvTasNet(SMALL),
    "Conv-TasNet, three sources, sigmoid": lambda: ConvTasNet(
        ConvTasNetSize(sources=3, bottleneck=64, hidden=96, skip=48, blocks=4, repeats=2, mask="sigmoid")
    ),
    "DPRNN of the paper": lambda: DprnnTasNet(DprnnSize(bottleneck=64)),
    "DPRNN, three sources": lambda: DprnnTasNet(
        DprnnSize(sources=3, length=16, stride=8, chunk=100, hop=50, mask="relu")
    ),
}

REFERENCE: dict[str, tuple[int, str, tuple[tuple[float, ...], ...]]] = {
    "Conv-TasNet of the paper": (
        5_050_545,
        "d63ad27e80bf9f29",
        (
            (-1.7974221, -6.1998029, 3.199285, 3.6118174, 58.082077, 2.8837061),
            (-1.6903744, -5.8448148, 3.019645, 3.4017153, 54.7809906, 2.7184508),
        ),
    ),
    "Conv-TasNet, embedded": (
        649_277,
        "f0d0ec46ff4d2d99",
        (
            (-7.0584359, 9.3713274, 3.8809695, 1.38696, -6.2672215, 0.0),
            (-7.0633016, 9.3702393, 3.8721027, 1.3898296, -6.2720032, 0.0),
        ),
    ),
    "Conv-TasNet, three sources, sigmoid": (
        268_497,
        "5c98c96d5500e9bb",
        (
            (-0.5468357, -1.8428431, 0.9391578, 1.0989404, 17.3713455, 0.8561015),
            (-0.5465193, -1.8440512, 0.9407629, 1.0987442, 17.3675461, 0.8565258),
            (-0.5465979, -1.8443244, 0.9409257, 1.0988984, 17.3695412, 0.8566561),
        ),
    ),
    "DPRNN of the paper": (
        2_608_065,
        "534c30def9f1c0f5",
        (
            (-0.0029172, 0.0789388, -0.2469492, -0.4573663, 0.5367506, -0.2839224),
            (-0.0028027, 0.0800488, -0.2498398, -0.4621845, 0.5411406, -0.285986),
        ),
    ),
    "DPRNN, three sources": (
        3_669_377,
        "0185d7855be18a6b",
        (
            (-0.0051931, -0.0187326, 0.0098193, 0.0103119, 0.1791423, 0.008677),
            (-0.0020801, -0.0084835, 0.0046912, 0.0040703, 0.079369, 0.0038206),
            (-0.0012528, -0.0041722, 0.0021479, 0.0026733, 0.0405942, 0.0020071),
        ),
    ),
}
"""Parameters, digest of names and shapes, and outputs at `PLACES` for each source, as asteroid's code has them."""


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_names_and_outputs_are_asteroids(name: str) -> None:
    network = NETWORKS[name]().eval()
    fill(network)
    count, digest, values = REFERENCE[name]
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert layout(network) == digest
    with torch.inference_mode():
        waves = network(mixture())[0]
    assert waves.shape == (len(values), SAMPLES)
    expected = torch.tensor(values)
    assert (waves[:, PLACES] - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_counts_are_those_of_the_papers() -> None:
    """5.1 million (Luo and Mesgarani 2019, table II) and 2.6 million (Luo, Chen and Yoshioka 2020, table 1)."""
    for name, millions in (("Conv-TasNet of the paper", 5.1), ("DPRNN of the paper", 2.6)):
        count = sum(parameter.numel() for parameter in NETWORKS[name]().parameters())
        assert round(count / 1e6, 1) == millions


def test_a_depthwise_convolution_is_the_same_while_it_is_trained() -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv(6, 6, 3, padding=8, dilation=8, groups=6)
    x = torch.randn(2, 6, 50)
    assert torch.allclose(layer.train()(x), layer.eval()(x), atol=1e-6)
