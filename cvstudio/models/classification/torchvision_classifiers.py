"""The classifiers of torchvision, from AlexNet to Swin, with every checkpoint that it publishes of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.classification._torchvision_table import Listed, build, table
from cvstudio.models.shared.imagenet import CentreCrop, imagenet_labels

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.classification._classifier import PhotoClassifier


@dataclass(frozen=True)
class Family:
    """Networks of one paper. `members` are (key, title) of each; `known_for` is the end of their summary."""

    title: str
    paper: str
    year: int
    known_for: str
    members: tuple[tuple[str, str], ...]
    keywords: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "AlexNet",
        "Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997, 2014",
        2014,
        "five convolutions and three large linear layers; the network that began it all, in its later form",
        (("alexnet", "AlexNet"),),
        ("Krizhevsky 2012", "dropout", "알렉스넷"),
    ),
    Family(
        "VGG",
        "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015",
        2015,
        "nothing but 3x3 convolutions and pooling, then three linear layers with most of the parameters",
        (
            *((f"vgg{depth}", f"VGG-{depth}") for depth in (11, 13, 16, 19)),
            *((f"vgg{depth}-bn", f"VGG-{depth} with batch normalisation") for depth in (11, 13, 16, 19)),
        ),
        ("VGGNet", "batch normalization"),
    ),
    Family(
        "Inception",
        "Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
        2015,
        "modules of 1x1, 3x3 and 5x5 convolutions side by side",
        (("googlenet", "GoogLeNet"),),
        ("Inception v1", "1x1 convolution", "bottleneck", "구글넷"),
    ),
    Family(
        "Inception",
        "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016",
        2016,
        "large convolutions made of small and of one-dimensional ones",
        (("inception-v3", "Inception v3"),),
        ("factorised convolution", "label smoothing"),
    ),
    Family(
        "ResNet",
        "He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        2016,
        "each block adds to what it was given, so that great depth can be trained",
        tuple((f"resnet{depth}", f"ResNet-{depth}") for depth in (18, 34, 50, 101, 152)),
        ("residual network", "skip connection", "shortcut", "bottleneck block", "잔차 신경망"),
    ),
    Family(
        "ResNet",
        "Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017",
        2017,
        "a residual network whose blocks have many narrow paths",
        (
            ("resnext50-32x4d", "ResNeXt-50 32x4d"),
            ("resnext101-32x8d", "ResNeXt-101 32x8d"),
            ("resnext101-64x4d", "ResNeXt-101 64x4d"),
        ),
        ("ResNeXt", "grouped convolution", "cardinality"),
    ),
    Family(
        "ResNet",
        "Zagoruyko and Komodakis, Wide Residual Networks, BMVC 2016",
        2016,
        "a residual network twice as wide within its blocks",
        (("wide-resnet50-2", "Wide ResNet-50-2"), ("wide-resnet101-2", "Wide ResNet-101-2")),
        ("wide residual network",),
    ),
    Family(
        "DenseNet",
        "Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
        2017,
        "each layer is given the maps of all layers before it",
        tuple((f"densenet{depth}", f"DenseNet-{depth}") for depth in (121, 161, 169, 201)),
        ("dense block", "concatenation", "덴스넷"),
    ),
    Family(
        "SqueezeNet",
        "Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv 1602.07360, 2016",
        2016,
        "narrow 1x1 convolutions before wide ones keep it under 5 MB",
        (("squeezenet1-0", "SqueezeNet 1.0"), ("squeezenet1-1", "SqueezeNet 1.1")),
        ("fire module", "small network", "스퀴즈넷"),
    ),
    Family(
        "MobileNet",
        "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
        2018,
        "blocks that are wide inside and narrow where they are added, with depthwise convolutions",
        (("mobilenet-v2", "MobileNet v2"),),
        ("inverted residual", "depthwise separable convolution", "linear bottleneck", "모바일넷"),
    ),
    Family(
        "MobileNet",
        "Howard et al., Searching for MobileNetV3, ICCV 2019",
        2019,
        "made for telephones, partly by a search, with squeeze and excitation",
        (("mobilenet-v3-small", "MobileNet v3 small"), ("mobilenet-v3-large", "MobileNet v3 large")),
        ("squeeze-and-excitation", "hard swish", "architecture search", "모바일넷"),
    ),
    Family(
        "ShuffleNet",
        "Ma et al., ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018",
        2018,
        "half of the channels pass by, then all are shuffled",
        tuple(
            (f"shufflenet-v2-x{width.replace('.', '-')}", f"ShuffleNet v2 x{width}")
            for width in ("0.5", "1.0", "1.5", "2.0")
        ),
        ("channel shuffle",),
    ),
    Family(
        "MNASNet",
        "Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019",
        2019,
        "found by a search that measured the time on a telephone",
        tuple((f"mnasnet{width.replace('.', '-')}", f"MNASNet {width}") for width in ("0.5", "0.75", "1.0", "1.3")),
        ("architecture search", "NAS"),
    ),
    Family(
        "EfficientNet",
        "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
        2019,
        "depth, width and picture size grow together",
        tuple((f"efficientnet-b{number}", f"EfficientNet B{number}") for number in range(8)),
        ("compound scaling", "MBConv", "squeeze-and-excitation", "이피션트넷"),
    ),
    Family(
        "EfficientNet",
        "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021",
        2021,
        "its first stages use plain convolutions, which are faster there",
        tuple((f"efficientnet-v2-{size.lower()}", f"EfficientNet v2 {size}") for size in "SML"),
        ("Fused-MBConv", "progressive learning"),
    ),
    Family(
        "RegNet",
        "Radosavovic et al., Designing Network Design Spaces, CVPR 2020",
        2020,
        "widths follow a line, which many good networks had in common",
        tuple(
            (f"regnet-{kind.lower()}-{size.lower().replace('.', '-')}", f"RegNet {kind} {size}")
            for kind, sizes in (
                ("X", ("400MF", "800MF", "1.6GF", "3.2GF", "8GF", "16GF", "32GF")),
                ("Y", ("400MF", "800MF", "1.6GF", "3.2GF", "8GF", "16GF", "32GF", "128GF")),
            )
            for size in sizes
        ),
        ("design space", "grouped convolution"),
    ),
    Family(
        "Vision transformer",
        "Dosovitskiy et al., An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, ICLR 2021",
        2021,
        "a transformer over patches of the picture, without any convolution",
        (
            ("vit-b-16", "ViT-B/16"),
            ("vit-b-16-384px", "ViT-B/16 at 384 px"),
            ("vit-b-32", "ViT-B/32"),
            ("vit-l-16", "ViT-L/16"),
            ("vit-l-16-512px", "ViT-L/16 at 512 px"),
            ("vit-l-32", "ViT-L/32"),
            ("vit-h-14", "ViT-H/14"),
            ("vit-h-14-518px", "ViT-H/14 at 518 px"),
        ),
        ("ViT", "vision transformer", "self-attention", "patch embedding", "class token", "비전 트랜스포머"),
    ),
    Family(
        "Swin transformer",
        "Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, ICCV 2021",
        2021,
        "attention within windows that shift from layer to layer",
        (("swin-t", "Swin-T"), ("swin-s", "Swin-S"), ("swin-b", "Swin-B")),
        ("shifted windows", "hierarchical transformer", "스윈 트랜스포머"),
    ),
    Family(
        "Swin transformer",
        "Liu et al., Swin Transformer V2: Scaling Up Capacity and Resolution, CVPR 2022",
        2022,
        "cosine attention within shifted windows, with positions that carry over to other sizes",
        (("swin-v2-t", "Swin v2 T"), ("swin-v2-s", "Swin v2 S"), ("swin-v2-b", "Swin v2 B")),
        ("shifted windows", "cosine attention"),
    ),
    Family(
        "ConvNeXt",
        "Liu et al., A ConvNet for the 2020s, CVPR 2022",
        2022,
        "a convolutional network built with what transformers taught",
        tuple((f"convnext-{size}", f"ConvNeXt {size}") for size in ("tiny", "small", "base", "large")),
        ("large kernel", "layer normalisation"),
    ),
    Family(
        "MaxViT",
        "Tu et al., MaxViT: Multi-Axis Vision Transformer, ECCV 2022",
        2022,
        "attention within windows and over a coarse grid, between convolutions",
        (("maxvit-t", "MaxViT-T"),),
        ("multi-axis attention",),
    ),
)

_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_RENAMED = (
    # Names in the published checkpoints of DenseNet and of ViT.
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)


def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint with the current parameter names of torchvision's networks, without auxiliary classifiers."""
    renamed = {}
    for name, tensor in state.items():
        if not name.startswith(_AUXILIARY):
            for pattern, replacement in _RENAMED:
                name = pattern.sub(replacement, name)
            renamed[name] = tensor
    return renamed


def cut_for(listed: Listed, checkpoint: Path | None) -> CentreCrop:
    """Preprocessing for a `checkpoint`: as published with it, otherwise that of the default one."""
    from cvstudio.weights.store import file_sha256

    if checkpoint is not None and checkpoint.is_file():
        digest = file_sha256(checkpoint)
        for published in listed.published:
            if digest.startswith(published.weights.sha256):
                return published.cut
    return listed.published[0].cut


def _spec(family: Family, key: str, title: str) -> ModelSpec:
    listed = table()[key]
    first = listed.published[0]

    def load(device: str, checkpoint: Path | None) -> PhotoClassifier:
        """Load the network with `checkpoint`, or with the published one from torch's cache. Raises WeightsError."""
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        state = adapted(load_state_dict(require_weights(first.weights, checkpoint)))
        from cvstudio.models.classification._classifier import PhotoClassifier
        from cvstudio.models.classification._classifier_layers import layers_of

        model = build(listed.builder, listed.side)
        load_into(model, state, title)
        return PhotoClassifier(model, imagenet_labels(), device, cut_for(listed, checkpoint), layers_of(model))

    map_capabilities = frozenset({"gradients", "hooks", "maps", "reentrant"}) if listed.layers else frozenset()
    return ModelSpec(
        key=key,
        title=title,
        task="classify",
        family=family.title,
        paper=family.paper,
        year=family.year,
        load=load,
        weights=tuple(published.weights for published in listed.published),
        # There is no measurement to derive a threshold from.
        defaults={"threshold": 0.0},
        labels=imagenet_labels(),
        options={"layers": listed.layers},
        capabilities=frozenset({"logits", "features"}) | map_capabilities,
        keywords=(*family.keywords, listed.builder, "ImageNet", "torchvision"),
        summary=f"Names 1000 classes of objects: {family.known_for}.",
        architecture=Architecture(
            build=partial(build, listed.builder, listed.side),
            input_size=(first.cut.crop, first.cut.crop),
            parameters=listed.parameters,
            macs=listed.macs,
        ),
    )


for _family in FAMILIES:
    for _key, _title in _family.members:
        MODELS.register(_spec(_family, _key, _title))
