"""Facts of timm's classifiers, from its registry; imports timm only where one is searched or chosen.

timm registers its checkpoints as "architecture.tag". Their preprocessing, licences and addresses are in its pretrained
configurations, so that no network is built for them.
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
    """A checkpoint in timm's list.

    Parameters
    ----------
    name : e.g. "seresnet50.a1_in1k"
    module : timm's module of the family, e.g. "resnet"
    licence : as timm writes it, or "not stated"
    classes, side : number of classes, and side of the input in pixels
    """

    name: str
    module: str
    licence: str
    classes: int
    side: int


@dataclass(frozen=True)
class TimmModel:
    """Stored description of a chosen checkpoint, so that timm need not be imported to list it.

    Parameters
    ----------
    name, licence, classes : see `TimmEntry`
    labels : name of timm's label set
    url, sha256 : address of the checkpoint; the hash may be empty or its first eight digits
    paper : its address; empty where timm names none
    parameters, size_bytes : parameter count, and size of the checkpoint, computed from its tensors
    maps : channels of its last feature maps; 0 where it works on tokens
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
        """Fields as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_mapping(cls, saved: Mapping[str, Any]) -> TimmModel:
        """The model from JSON values. Raises TypeError where a field is missing or unknown."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in saved.items()}
        return cls(**values)


@cache
def entries() -> tuple[TimmEntry, ...]:
    """Every published classifier of timm, by name; the first call imports timm, which takes seconds."""
    from timm.models import get_pretrained_cfg, list_pretrained, model_entrypoint

    classifiers = []
    for name in list_pretrained():
        config = get_pretrained_cfg(name)
        if config is None or _labels_of(config) is None or _cut_of(config) is None:
            continue
        module = model_entrypoint(name.partition(".")[0]).__module__.rpartition(".")[2]
        licence = config.license if config.license not in (None, "unknown") else UNSTATED
        classifiers.append(TimmEntry(name, module, licence, config.num_classes, config.input_size[1]))
    return tuple(classifiers)


def matching(candidates: Sequence[TimmEntry], words: str) -> list[TimmEntry]:
    """Entries whose name, family, licence or figures contain all of `words`."""
    search_words = words.casefold().split()
    return [
        entry
        for entry in candidates
        if all(
            word in f"{entry.name} {entry.module} {entry.licence} {entry.side}px {entry.classes}".casefold()
            for word in search_words
        )
    ]


def _labels_of(config: Any) -> str | None:
    """Name of a classifier's label set; None for other networks, such as the towers of CLIP."""
    from timm.data.imagenet_info import infer_imagenet_subset

    label_set: str | None = infer_imagenet_subset(config.to_dict())
    return label_set


def _cut_of(config: Any) -> CentreCrop | None:
    """Preprocessing of timm's own evaluation; None where that pads the picture."""
    _, height, width = config.input_size or (3, 0, 1)
    if height != width or config.crop_mode not in ("center", "squash") or not 0 < config.crop_pct <= 1:
        return None
    resize = math.floor(height / config.crop_pct)
    mean, std = tuple(config.mean), tuple(config.std)
    return CentreCrop(resize, height, config.interpolation, mean, std, config.crop_mode == "squash")


def describe(name: str) -> TimmModel:
    """Description of the checkpoint `name`; its network is built on the meta device.

    Raises
    ------
    WeightsError
        timm has no such classifier. The message names the nearest.
    """
    import torch
    from timm.models import get_pretrained_cfg

    by_name = {entry.name: entry for entry in entries()}
    if name not in by_name:
        import difflib

        similar = difflib.get_close_matches(name, by_name, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(similar)}?" if similar else "“cvstudio list --timm WORD” searches them."
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
        licence=by_name[name].licence,
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


def _paper(paper_id: object) -> str:
    if isinstance(paper_id, str) and paper_id.startswith("arXiv:"):
        return f"https://arxiv.org/abs/{paper_id.removeprefix('arXiv:')}"
    return ""


def _address(config: Any) -> tuple[str, str]:
    """URL and hash: on the hub where it has a page, as timm prefers; else with the hash that the file name ends in."""
    if config.hf_hub_id:
        return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{_file_of(config)}", ""
    match = _HASH.search(config.url)
    return config.url, match[1] if match else ""


def _file_of(config: Any) -> str:
    return str(config.hf_hub_filename or "model.safetensors")


def _maps(model: Any, side: int) -> int:
    """Channels of the last feature maps of `model`; 0 where it has none, or cannot run on the meta device."""
    import torch

    try:
        with torch.no_grad():
            features = model.forward_features(torch.zeros(1, 3, side, side))
            if isinstance(features, torch.Tensor) and features.ndim == 4 and features.shape[1] == model.num_features:
                logits = model.forward_head(features)
                return int(features.shape[1]) if logits.shape == (1, model.num_classes) else 0
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        pass  # some layers do not support meta tensors; the network works all the same
    return 0


def build(name: str) -> Any:
    """Build timm's network with random weights; nothing is downloaded."""
    from timm import create_model

    from cvstudio.models.classification._classifier import bare

    return bare(lambda: create_model(name, pretrained=False))


def names_of_classes(labels: str) -> tuple[str, ...]:
    """Class names of one of timm's label sets by index, all distinct: a shared name is followed by WordNet's."""
    from timm.data.imagenet_info import ImageNetInfo

    from cvstudio.models.shared.imagenet import imagenet_labels

    if labels == "imagenet-1k":
        return imagenet_labels()
    info = ImageNetInfo(labels)
    descriptions = [str(text) for text in info.label_descriptions()]
    ambiguous = {text for text, count in Counter(descriptions).items() if count > 1}
    return tuple(
        f"{text} ({info.index_to_label_name(number)})" if text in ambiguous else text
        for number, text in enumerate(descriptions)
    )


def fitted(state: Mapping[str, Tensor], model: Any) -> Mapping[str, Tensor]:
    """`state` with timm's parameter names, where timm can convert those of the publisher's file."""
    names = model.state_dict()
    if set(names) <= set(state):
        return state
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: Mapping[str, Tensor] = convert(dict(state), model)
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError, IndexError):
        return state  # a file of another network; the table of differences shows it
    return converted if len(set(names) & set(converted)) > len(set(names) & set(state)) else state
