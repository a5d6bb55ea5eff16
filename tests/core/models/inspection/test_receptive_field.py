"""Receptive fields: by hand, against published values, and against what moves a unit by its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cvstudio.data.geometry import Rect, Size
from cvstudio.models.inspection.field_on_picture import field_at
from cvstudio.models.inspection.receptive_field import (
    UNKNOWN,
    WHOLE,
    Reach,
    ReceptiveField,
    Span,
    field_from_json,
    field_to_json,
)


def conv(size: int, stride: int = 1, padding: int | None = None, dilation: int = 1, inputs: int = 3) -> nn.Conv2d:
    kept = (size - 1) * dilation // 2 if padding is None else padding
    return nn.Conv2d(inputs, 4, size, stride, kept, dilation)


class Residual(nn.Module):
    """Two convolutions around a shortcut with a stride."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3), nn.MaxPool2d(3, 2, 1))
        self.one, self.two = nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.shortcut = nn.Conv2d(4, 4, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return functional.relu(self.two(functional.relu(self.one(x))) + self.shortcut(x))


class Inception(nn.Module):
    """Branches of 1, 3, 5 and a pooling, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.branches = nn.ModuleList(
            [
                nn.Conv2d(4, 4, 1),
                nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, 1, 1)),
                nn.Conv2d(4, 4, 5, 1, 2),
                nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 4, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Sliced(nn.Module):
    """Every second pixel of each kind, as YOLOX's stem takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(parts, 1))


class Padded(nn.Module):
    """Padding on one side only, and other sides and steps down than across."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (5, 3), (2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (2, 0, 1, 3)))


EXACT = {
    "VGG": lambda: nn.Sequential(
        *(conv(3), nn.ReLU(), conv(3, inputs=4), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(3, inputs=4), nn.ReLU(), conv(3, inputs=4), nn.ReLU(), nn.AvgPool2d(2)),
    ),
    "strided": lambda: nn.Sequential(conv(5, 3), nn.ReLU(), conv(3, 2, inputs=4)),
    "dilated": lambda: nn.Sequential(conv(3, 2), conv(3, dilation=2, inputs=4), conv(3, dilation=4, inputs=4)),
    "unpadded": lambda: nn.Sequential(conv(3, 2, 0), conv(4, 1, 0, inputs=4)),
    "residual": Residual,
    "inception": Inception,
    "sliced": Sliced,
    "padded": Padded,
}


@pytest.mark.parametrize("name", EXACT)
def test_the_field_is_exactly_what_moves_a_unit(name, looked_into, support):
    size = (96, 88)
    found = looked_into(EXACT[name], size)
    height, width = found.root.shape[2:]
    field = found.root.field
    for unit in ((height // 2, width // 2), (height // 2 - 1, width // 2 + 1)):
        rows, columns = support(EXACT[name](), size, unit)
        assert field.down.at(unit[0]) == rows
        assert field.across.at(unit[1]) == columns


class Enlarged(nn.Module):
    """Down to a quarter and up again, joined with what was before."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1))
        self.skip = nn.Conv2d(3, 4, 3, 2, 1)
        self.out = nn.Conv2d(4, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.skip(x)
        return self.out(skip + functional.interpolate(self.down(x), size=skip.shape[-2:], mode=self.mode))


ENLARGING = {
    "nearest": lambda: Enlarged("nearest"),
    "bilinear": lambda: Enlarged("bilinear"),
    "bicubic": lambda: Enlarged("bicubic"),
    "transposed": lambda: nn.Sequential(conv(3, 2), nn.ConvTranspose2d(4, 4, 4, 2, 1)),
    "transposed with gaps": lambda: nn.Sequential(conv(3, 2), nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1)),
    "shuffled": lambda: nn.Sequential(conv(3, 2), nn.PixelShuffle(2), nn.Conv2d(1, 4, 3, 1, 1)),
}


@pytest.mark.parametrize("name", ENLARGING)
def test_behind_an_enlarging_the_field_holds_what_moves_any_unit_and_little_more(name, looked_into, support):
    size = (96, 96)
    found = looked_into(ENLARGING[name], size)
    field, height = found.root.field, found.root.shape[2]
    stride = 4  # of the coarsest map
    for unit in range(height // 2 - 2, height // 2 + 2):
        rows, _ = support(ENLARGING[name](), size, (unit, unit))
        begin, end = field.down.at(unit)
        assert begin <= rows[0]
        assert rows[1] <= end
        assert (end - begin) - (rows[1] - rows[0]) <= 2 * stride


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    # Araujo, Norris and Sim, Distill 2019, table of receptive fields.
    [
        ("alexnet", "features", 195),
        ("vgg16", "features", 212),
        ("mobilenet_v2", "features", 491),
        # By hand, as torchvision's strides lie in the 3 x 3 convolutions: 11 behind the stem, then
        # 3 * 8, 8 + 3 * 16, 16 + 5 * 32, 32 + 2 * 64.
        ("resnet50", "layer4", 427),
    ],
)
def test_fields_of_known_networks_are_the_published_ones(name, layer, size, looked_into):
    from torchvision import models

    found = looked_into(lambda: models.get_model(name, weights=None), 224)
    field = next(part.field for path, part in found.root.walk() if path == layer)
    assert (field.down.size, field.across.size) == (size, size)
    assert not field.gated


def test_the_fields_of_two_layers_by_hand():
    # 7 of stride 2 and padding 3, then 3 of stride 2 and padding 1: 7 + 2 * 2 = 11, from -3 - 1 * 2 = -5, every 4.
    span = Span().window(7, 2, 3).window(3, 2, 1)
    assert (span.size, span.stride, span.start) == (11, 4, -5)
    assert span.at(2) == (3, 14)
    # A gap of 2 makes 3 as wide as 5.
    assert Span().window(3, 1, 2, 2).size == 5
    assert Span().narrowed(1, 2) == Span(1, 2, 1)


def test_what_joins_takes_the_farther_reach():
    near, far = Span(3, 2, -1), Span(7, 2, -3)
    assert near.join(far) == far.join(near) == Span(7, 2, -3)
    assert near.join(Span(3, 2, 2)) == Span(6, 2, -1)
    assert near.join(WHOLE) == WHOLE
    assert near.join(UNKNOWN) == UNKNOWN
    assert UNKNOWN.join(WHOLE) == WHOLE
    # Maps of other steps have no common rule.
    assert near.join(Span(3, 4, -1)) == UNKNOWN


def test_a_field_is_told_in_a_few_characters_and_survives_json():
    field = ReceptiveField(Span(43, 4, -21), Span(51, 4, -25), gated=True)
    assert field.text() == "43 × 51"
    assert field_from_json(field_to_json(field)) == field
    assert ReceptiveField(WHOLE, WHOLE).text() == "whole picture"
    assert ReceptiveField(WHOLE, Span()).text() == "all × 1"
    assert ReceptiveField(UNKNOWN, WHOLE).text() == ""
    with pytest.raises(ValueError, match="to unpack"):
        field_from_json([1])


def test_global_pooling_and_attention_see_the_whole_picture(looked_into):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 8, 8)
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
            return self.head(x + self.attention(x, x, x)[0])[:, 0]

    parts = dict(looked_into(Mixed).root.walk())
    assert parts["patches"].field == ReceptiveField(Span(8, 8, 0), Span(8, 8, 0))
    assert parts["attention"].field.whole
    assert parts["head"].field.whole
    pooled = looked_into(lambda: nn.Sequential(conv(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)))
    assert [child.field.whole for child in pooled.root.children] == [False, True, True, True]


def test_a_network_with_its_channels_last_is_followed_through_its_linear_layers(looked_into):
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.linear = nn.Conv2d(3, 8, 7, 4, 3), nn.LayerNorm(8), nn.Linear(8, 8)
            self.after = nn.Conv2d(8, 8, 3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.linear(self.norm(self.conv(x).permute(0, 2, 3, 1)))
            return self.after(x.permute(0, 3, 1, 2))

    field = looked_into(Last).root.field
    assert (field.down.size, field.down.stride, field.gated) == (15, 4, False)


def test_windows_of_attention_are_not_claimed_to_be_known_or_whole(looked_into):
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patches(x)
            n, c, h, w = x.shape
            x = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
            return functional.scaled_dot_product_attention(x, x, x)

    field = looked_into(Windows).root.field
    assert field.down.reach is field.across.reach is Reach.UNKNOWN


def test_a_gate_leaves_the_field_and_says_that_the_whole_picture_has_a_say(looked_into, support):
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.squeeze = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x * torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))

    field = looked_into(Gated).root.field
    assert (field.text(), field.gated) == ("3 × 3", True)
    rows, columns = support(Gated(), (64, 64), (16, 16))
    assert (rows, columns) == ((0, 64), (0, 64))
    norm = looked_into(lambda: nn.Sequential(conv(3), nn.GroupNorm(2, 4))).root.field
    assert (norm.text(), norm.gated) == ("3 × 3", True)


def test_a_field_lies_on_the_picture_around_the_place():
    # 11 pixels every 4, the first from -5 on: unit 10 sees 35 to 46 and has its middle at 40.5.
    field = ReceptiveField(Span(11, 4, -5), Span(11, 4, -5))
    fitted = field_at(field, (100, 200), Size(400, 100), 81, 83, cropped=False)
    assert fitted == Rect(70, 70, 22, 22)
    # The middle 50 of 100 x 50 pixels, each of which is two of the network's.
    cropped = field_at(field, (100, 100), Size(100, 50), 25 + 20.25, 20.25, cropped=True)
    assert cropped == Rect(25 + 17.5, 17.5, 5.5, 5.5)
    # There is no unit before the first one.
    assert field_at(field, (100, 100), Size(100, 100), -50, 0, cropped=False).x == -5
