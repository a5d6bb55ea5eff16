"""Decomposition of torchvision's classifiers into blocks with feature maps, in order from picture to logits.

A block begins where the maps become smaller. Imported only where torch is in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.runtime.explainable import LayerStep


@dataclass(frozen=True, eq=False)
class Layers:
    """Blocks of a classifier.

    `steps` are those of `cvstudio.models.runtime.explainable.Explainable`; none for a network without feature maps.
    `linear` is the only layer behind global average pooling of the last maps; None for another head.
    """

    steps: tuple[LayerStep, ...] = ()
    linear: nn.Linear | None = None


def efficientnet_lite(model: Any) -> Layers:
    """Blocks of `cvstudio.models.shared.efficientnet_lite.LiteClassifier`."""
    b = model.blocks
    blocks = [
        (model.conv_stem, model.bn1, model.act, b[0]),
        (b[1],),
        (b[2],),
        (b[3], b[4]),
        (b[5], b[6]),
        (model.conv_head, model.bn2, model.act),
    ]
    names = ("stem", "stride 4", "stride 8", "stride 16", "stride 32", "last maps")
    return Layers(_steps(blocks, lambda x: model.classifier(_average(x)), names), model.classifier)


def layers_of(model: nn.Module) -> Layers:
    """Blocks of one of torchvision's classifiers; none of an unknown one or one that works on tokens."""
    decompose = _DECOMPOSITIONS.get(type(model).__name__)
    return decompose(model) if decompose is not None else Layers()


def _chain(modules: Iterable[Any]) -> Callable[[Tensor], Tensor]:
    parts = tuple(modules)

    def run(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return run


def _steps(blocks: Iterable[Iterable[Any]], head: Callable[[Tensor], Tensor], names: Iterable[str] = ()) -> Any:
    parts = [tuple(block) for block in blocks]
    block_names = tuple(names) or tuple(f"block {number}" for number in range(1, len(parts) + 1))
    steps = (LayerStep(name, _chain(part)) for name, part in zip(block_names, parts, strict=True))
    return (*steps, LayerStep("head", head))


def _average(x: Tensor) -> Tensor:
    """(n, k, h, w) -> (n, k)"""
    return x.mean(dim=(2, 3))


def _reduces(module: nn.Module) -> bool:
    """Whether its output maps are smaller than its input maps."""
    return any(
        isinstance(part, nn.MaxPool2d) or (isinstance(part, nn.Conv2d) and part.stride not in (1, (1, 1)))
        for part in module.modules()
    )


def _grouped(modules: Iterable[nn.Module], begins: Callable[[nn.Module], bool] = _reduces) -> list[list[Any]]:
    """Group `modules` into blocks, each of which but the first begins with one for which `begins` is true."""
    blocks: list[list[Any]] = []
    for module in modules:
        if not blocks or begins(module):
            blocks.append([])
        blocks[-1].append(module)
    return blocks


def _last_linear(head: Any) -> nn.Linear:
    linear: nn.Linear = head if isinstance(head, nn.Linear) else head[-1]
    return linear


def _resnet(model: Any) -> Layers:
    stem = (model.conv1, model.bn1, model.relu, model.maxpool)
    stages = [(model.layer1,), (model.layer2,), (model.layer3,), (model.layer4,)]
    names = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")
    return Layers(_steps([stem, *stages], lambda x: model.fc(_average(x)), names), model.fc)


def _regnet(model: Any) -> Layers:
    stages = [(stage,) for stage in model.trunk_output]
    names = ("stem", *(f"stage {number}" for number in range(1, len(stages) + 1)))
    return Layers(_steps([(model.stem,), *stages], lambda x: model.fc(_average(x)), names), model.fc)


def _shufflenet(model: Any) -> Layers:
    blocks = [(model.conv1, model.maxpool), (model.stage2,), (model.stage3,), (model.stage4,), (model.conv5,)]
    names = ("stem", "stage 2", "stage 3", "stage 4", "last convolution")
    return Layers(_steps(blocks, lambda x: model.fc(_average(x)), names), model.fc)


def _mnasnet(model: Any) -> Layers:
    return Layers(
        _steps(_grouped(model.layers), lambda x: model.classifier(_average(x))),
        _last_linear(model.classifier),
    )


def _mobilenet(model: Any) -> Layers:
    """MobileNet and EfficientNet; MobileNet v3 has two linear layers behind the average."""
    linear = [part for part in model.classifier if isinstance(part, nn.Linear)]
    steps = _steps(_grouped(model.features), lambda x: model.classifier(_average(x)))
    return Layers(steps, linear[0] if len(linear) == 1 else None)


def _convnext(model: Any) -> Layers:
    def head(x: Tensor) -> Tensor:
        logits: Tensor = model.classifier(model.avgpool(x))
        return logits

    names = ("stage 1", "stage 2", "stage 3", "stage 4")
    return Layers(_steps(_grouped(model.features), head, names))


def _vgg(model: Any) -> Layers:
    """VGG and AlexNet: the last pooling belongs to the head, as the maps before it are finer."""
    *features, pool = model.features

    def head(x: Tensor) -> Tensor:
        logits: Tensor = model.classifier(model.avgpool(pool(x)).flatten(1))
        return logits

    return Layers(_steps(_grouped(features, lambda part: isinstance(part, nn.MaxPool2d)), head))


def _squeezenet(model: Any) -> Layers:
    """SqueezeNet, whose head averages one map for each class."""
    blocks = _grouped(model.features, lambda part: isinstance(part, nn.MaxPool2d))
    *maps, _ = model.classifier
    names = (*(f"block {number}" for number in range(1, len(blocks) + 1)), "class maps")
    return Layers(_steps([*blocks, maps], _average, names))


def _densenet(model: Any) -> Layers:
    parts = dict(model.features.named_children())
    stem = [part for name, part in parts.items() if name.endswith("0")]
    blocks: list[list[Any]] = []
    for number in range(1, 5):
        before = parts.get(f"transition{number - 1}")
        blocks.append([part for part in (before, parts[f"denseblock{number}"]) if part is not None])
    blocks[-1] += [parts["norm5"], functional.relu]
    names = ("stem", "block 1", "block 2", "block 3", "block 4")
    head = model.classifier
    return Layers(_steps([stem, *blocks], lambda x: head(_average(x)), names), head)


def _googlenet(model: Any) -> Layers:
    stem = (model._transform_input, model.conv1, model.maxpool1, model.conv2, model.conv3)
    blocks = [
        (model.maxpool2, model.inception3a, model.inception3b),
        (model.maxpool3, *(getattr(model, f"inception4{letter}") for letter in "abcde")),
        (model.maxpool4, model.inception5a, model.inception5b),
    ]
    names = ("stem", "inception 3", "inception 4", "inception 5")
    return Layers(_steps([stem, *blocks], lambda x: model.fc(_average(x)), names), model.fc)


def _inception(model: Any) -> Layers:
    blocks = [
        (model._transform_input, model.Conv2d_1a_3x3, model.Conv2d_2a_3x3, model.Conv2d_2b_3x3),
        (model.maxpool1, model.Conv2d_3b_1x1, model.Conv2d_4a_3x3),
        (model.maxpool2, model.Mixed_5b, model.Mixed_5c, model.Mixed_5d),
        (model.Mixed_6a, model.Mixed_6b, model.Mixed_6c, model.Mixed_6d, model.Mixed_6e),
        (model.Mixed_7a, model.Mixed_7b, model.Mixed_7c),
    ]
    names = ("stem 1", "stem 2", "mixed 5", "mixed 6", "mixed 7")
    return Layers(_steps(blocks, lambda x: model.fc(_average(x)), names), model.fc)


def _swin(model: Any) -> Layers:
    """Swin, whose blocks work with channels last; between the steps maps have channels first."""
    blocks = _grouped(model.features, lambda part: type(part).__name__.startswith("PatchMerging"))

    def channels_first(x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)

    def channels_last(x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)

    parts = [[*([channels_last] if number else []), *block, channels_first] for number, block in enumerate(blocks)]

    def head(x: Tensor) -> Tensor:
        logits: Tensor = model.head(model.norm(channels_last(x)).mean(dim=(1, 2)))
        return logits

    return Layers(_steps(parts, head, [f"stage {number}" for number in range(1, len(parts) + 1)]))


def _maxvit(model: Any) -> Layers:
    blocks = [(model.stem,), *((block,) for block in model.blocks)]
    names = ("stem", *(f"block {number}" for number in range(1, len(blocks))))
    return Layers(_steps(blocks, model.classifier, names))


_DECOMPOSITIONS: dict[str, Callable[[Any], Layers]] = {
    "AlexNet": _vgg,
    "ConvNeXt": _convnext,
    "DenseNet": _densenet,
    "EfficientNet": _mobilenet,
    "GoogLeNet": _googlenet,
    "Inception3": _inception,
    "MNASNet": _mnasnet,
    "MaxVit": _maxvit,
    "MobileNetV2": _mobilenet,
    "MobileNetV3": _mobilenet,
    "RegNet": _regnet,
    "ResNet": _resnet,
    "ShuffleNetV2": _shufflenet,
    "SqueezeNet": _squeezenet,
    "SwinTransformer": _swin,
    "VGG": _vgg,
}
"""Decomposition by name of torchvision's class."""
