"""The trunk of EfficientNet-Lite0 as the default detector and other heads share it: its input and its feature maps.

One network runs the trunk on a frame, the others continue with its maps (`cvstudio.models.spec.SharedTrunk`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.samples import Image
from cvstudio.models.shared.preprocessing import fit_long_side
from cvstudio.models.spec import SharedTrunk

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.efficientnet_lite import LiteTrunk

SIDE = 416
"""Length of the picture's longer side in the network's input, in pixels."""

LITE0 = SharedTrunk("EfficientNet-Lite0", f"longer side {SIDE}", published=True)
"""Declared by the models whose published checkpoint holds the published trunk, rounded to half precision."""

END = 5
"""First stage behind the map of stride 16. A detector may have learnt its own stages from there on."""

PUBLISHED_END = "626ea1671b1f4326a4b57fcd0c6798e5"
"""`end_digest` of the published trunk."""


@dataclass(frozen=True, eq=False)
class LiteMaps:
    """Feature maps of the trunk for one picture.

    Parameters
    ----------
    maps : float32 (channels, h, w) of strides 8, 16 and 32; that of stride 32 is missing where the network that ran the
        trunk has learnt its own
    input_size : height and width of the padded input in pixels
    scale : in x and y: pixels of the input per pixel of the picture
    network : token of the network that has run the trunk
    answer : what that network predicts; it comes with the maps, as both are outputs of one pass
    """

    maps: tuple[NDArray[np.float32], ...]
    input_size: tuple[int, int]
    scale: tuple[float, float]
    network: object
    answer: Any

    def tensors(self, device: str, memory_format: Any) -> list[Tensor]:
        """The maps as float (1, channels, h, w) on `device`."""
        import torch

        # Copied, as a tensor cannot be read-only.
        maps = (torch.from_numpy(np.array(item)[None]).to(device) for item in self.maps)
        return [item.contiguous(memory_format=memory_format) for item in maps]


def lite_maps(
    maps: Sequence[Tensor], input_size: tuple[int, int], scale: tuple[float, float], network: object, answer: Any
) -> LiteMaps:
    """`LiteMaps` from the tensors (1, channels, h, w) of one picture."""
    arrays = tuple(readonly(item[0].float().cpu().numpy()) for item in maps)
    return LiteMaps(arrays, input_size, scale, network, answer)


def network_input(image: Image, device: str) -> tuple[Tensor, tuple[int, int], tuple[float, float]]:
    """The input of the trunk for a picture: normalised float (1, 3, h, w) on `device`; (h, w); and its scale."""
    import torch

    from cvstudio.models.shared.efficientnet_lite import normalise

    pixels, scale = fit_long_side(image, SIDE)
    height, width = pixels.shape[:2]
    return normalise(torch.from_numpy(pixels[None]).to(device)), (height, width), scale


def end_digest(state: Mapping[str, Tensor]) -> str:
    """Digest of the weights behind the map of stride 16, in half precision; `state` has the names of `LiteTrunk`."""
    import xxhash

    digest = xxhash.xxh3_128()
    for name, tensor in sorted(state.items()):
        if name.startswith("blocks.") and int(name.split(".")[1]) >= END and tensor.is_floating_point():
            digest.update(tensor.detach().cpu().half().contiguous().numpy().tobytes())
    return digest.hexdigest()


_trunks: WeakValueDictionary[tuple[str, str], LiteTrunk] = WeakValueDictionary()


def shared_module(trunk: LiteTrunk, device: str) -> LiteTrunk:
    """The fused trunk that another network has loaded on `device`, where it has the weights of `trunk`; otherwise
    `trunk` itself, fused, for those that are loaded later."""
    import xxhash

    from cvstudio.models.shared.residual import fuse

    digest = xxhash.xxh3_128()
    for tensor in trunk.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    key = (digest.hexdigest(), device)
    module = _trunks.get(key)
    if module is None:
        fuse(trunk)  # in place
        module = _trunks.setdefault(key, trunk)
    return module
