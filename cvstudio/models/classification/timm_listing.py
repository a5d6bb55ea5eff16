"""What timm tells of its classifiers; imported, and asked, only where one of them is looked for or chosen.

timm registers its checkpoints as "architecture.tag". Their pictures, terms and addresses stand in its pretrained
configurations, without a network.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.errors import WeightsError
from cvstudio.models.shared.imagenet import CentreCrop

if TYPE_CHECKING:
    from torch import Tensor

_HASH = re.compile(r"-([0-9a-f]{8})[0-9a-f]*\.pth$")
UNSTATED = "not stated"


@dataclass(frozen=True)
class TimmEntry:
    """A checkpoint of timm, as its list tells it.

    Parameters
    ----------
    name : "seresnet50.a1_in1k"
    module : timm's file of the family, "resnet"
    licence : as timm writes it, or "not stated"
    classes, side : how many things it names, and the side of its input in pixels
    """

    name: str
    module: str
    licence: str
    classes: int
    side: int


@dataclass(frozen=True)
class TimmModel:
    """Everything that is kept of a checkpoint that was chosen, so that it is known without timm.

    Parameters
    ----------
    name, licence, classes : see `TimmEntry`
    labels : name of timm's set of labels
    url, sha256 : where the checkpoint is; the hash may be empty or its first eight digits
    paper : as an address; empty where timm names none
    parameters, size_bytes : of the network, and of its checkpoint, from its numbers
    maps : how many feature maps it ends in; 0 where it works on tokens
    resize, crop, interpolation, mean, std, squash : see `CentreCrop`
    """

    name: str
    licence: str
    classes: int
    labels: str
    url: str
    sha256: str
    paper: str
    parameters: int
    size_bytes: int
    maps: int
    resize: int
    crop: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    squash: bool

    @property
    def cut(self) -> CentreCrop:
        return CentreCrop(self.resize, self.crop, self.interpolation, self.mean, self.std, self.squash)  # type: ignore[arg-type]

    def to_mapping(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_mapping(cls, saved: Mapping[str, Any]) -> TimmModel:
        """Raises TypeError where a name is missing or unknown."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in saved.items()}
        return cls(**values)


@cache
def entries() -> tuple[TimmEntry, ...]:
    """Every published classifier of timm, by name; its first call imports timm, which takes seconds."""
    from timm.models import get_pretrained_cfg, list_pretrained, model_entrypoint

    found = []
    for name in list_pretrained():
        config = get_pretrained_cfg(name)
        if config is None or _labels_of(config) is None or _cut_of(config) is None:
            continue
        module = model_entrypoint(name.partition(".")[0]).__module__.rpartition(".")[2]
        licence = config.license if config.license not in (None, "unknown") else UNSTATED
        found.append(TimmEntry(name, module, licence, config.num_classes, config.input_size[1]))
    return tuple(found)


def matching(known: Sequence[TimmEntry], words: str) -> list[TimmEntry]:
    """Those in whose name, family, licence or figures every one of `words` occurs."""
    wanted = words.casefold().split()
    return [
        entry
        for entry in known
        if all(
            word in f"{entry.name} {entry.module} {entry.licence} {entry.side}px {entry.classes}".casefold()
            for word in wanted
        )
    ]


def _labels_of(config: Any) -> str | None:
    """The set of labels of a classifier; None for what names nothing, such as the towers of CLIP."""
    from timm.data.imagenet_info import infer_imagenet_subset

    found: str | None = infer_imagenet_subset(config.to_dict())
    return found


def _cut_of(config: Any) -> CentreCrop | None:
    """As timm's own evaluation does it; None where it fills up a border."""
    _, height, width = config.input_size or (3, 0, 1)
    if height != width or config.crop_mode not in ("center", "squash") or not 0 < config.crop_pct <= 1:
        return None
    resize = math.floor(height / config.crop_pct)
    mean, std = tuple(config.mean), tuple(config.std)
    return CentreCrop(resize, height, config.interpolation, mean, std, config.crop_mode == "squash")


def describe(name: str) -> TimmModel:
    """What is kept of the checkpoint `name`; its network is built without memory for its weights.

    Raises
    ------
    WeightsError
        timm has no such classifier. The text names the nearest.
    """
    import torch
    from timm.models import get_pretrained_cfg

    known = {entry.name: entry for entry in entries()}
    if name not in known:
        import difflib

        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`cvstudio list --timm WORD` searches them."
        raise WeightsError(f"timm has no classifier '{name}'; {hint}")
    config = get_pretrained_cfg(name)
    cut, labels = _cut_of(config), _labels_of(config)
    assert config is not None
    assert cut is not None
    assert labels is not None
    with torch.device("meta"):
        model = build(name)
        maps = _maps(model, cut.crop)
    state = model.state_dict().values()
    url, sha256 = _address(config)
    return TimmModel(
        name=name,
        licence=known[name].licence,
        classes=config.num_classes,
        labels=labels,
        url=url,
        sha256=sha256,
        paper=_paper(config.paper_ids),
        parameters=sum(tensor.numel() for tensor in model.parameters()),
        size_bytes=sum(tensor.numel() * tensor.element_size() for tensor in state),
        maps=maps,
        resize=cut.resize,
        crop=cut.crop,
        interpolation=cut.interpolation,
        mean=cut.mean,
        std=cut.std,
        squash=cut.squash,
    )


def _paper(told: object) -> str:
    if isinstance(told, str) and told.startswith("arXiv:"):
        return f"https://arxiv.org/abs/{told.removeprefix('arXiv:')}"
    return ""


def _address(config: Any) -> tuple[str, str]:
    """On the hub, where it has a page, as timm itself prefers it; elsewhere with the hash that its name ends in."""
    if config.hf_hub_id:
        return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{_file_of(config)}", ""
    match = _HASH.search(config.url)
    return config.url, match[1] if match else ""


def _file_of(config: Any) -> str:
    return str(config.hf_hub_filename or "model.safetensors")


def _maps(model: Any, side: int) -> int:
    """How many feature maps `model` ends in; 0 where it ends in something else, or cannot be run without memory."""
    import torch

    try:
        with torch.no_grad():
            found = model.forward_features(torch.zeros(1, 3, side, side))
            if isinstance(found, torch.Tensor) and found.ndim == 4 and found.shape[1] == model.num_features:
                answer = model.forward_head(found)
                return int(found.shape[1]) if answer.shape == (1, model.num_classes) else 0
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        pass  # some layers are not made for "meta" tensors; the network works all the same
    return 0


def build(name: str) -> Any:
    """timm's network with random weights; nothing is downloaded."""
    from timm import create_model

    from cvstudio.models.classification._classifier import bare

    return bare(lambda: create_model(name, pretrained=False))


def names_of_classes(labels: str) -> tuple[str, ...]:
    """The labels of one of timm's sets by index, no two alike: where two things share a name, WordNet's follows it."""
    from timm.data.imagenet_info import ImageNetInfo

    from cvstudio.models.shared.imagenet import imagenet_labels

    if labels == "imagenet-1k":
        return imagenet_labels()
    info = ImageNetInfo(labels)
    told = [str(text) for text in info.label_descriptions()]
    shared = {text for text, count in Counter(told).items() if count > 1}
    return tuple(
        f"{text} ({info.index_to_label_name(number)})" if text in shared else text for number, text in enumerate(told)
    )


def fitted(state: Mapping[str, Tensor], model: Any) -> Mapping[str, Tensor]:
    """`state` with timm's own names, where its publisher's file has others that timm knows how to read."""
    wanted = model.state_dict()
    if set(wanted) <= set(state):
        return state
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        found: Mapping[str, Tensor] = convert(dict(state), model)
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError, IndexError):
        return state  # a file of something else; the table of differences tells
    return found if len(set(wanted) & set(found)) > len(set(wanted) & set(state)) else state
