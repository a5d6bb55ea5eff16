"""Augmentation beside torchvision's functions with the same numbers, and what has to hold whatever is drawn."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from cvstudio.training import augment
from cvstudio.training.augment import GREY, MAGNITUDES, OPERATIONS, Affine

WIDTH, HEIGHT = 96, 72
WITHOUT_STRENGTH = ("identity", "autocontrast", "equalise")


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth coloured noise over the whole range, read-only: writing to it is an error."""
    noise = np.random.default_rng(3).normal(size=(HEIGHT, WIDTH, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    pixels = cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


@pytest.fixture
def harsh() -> np.ndarray:
    """Noise from pixel to pixel, read-only: every value, and nothing that hides a small mistake."""
    pixels = np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8)
    pixels.flags.writeable = False
    return pixels


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)


def pixels(found: torch.Tensor) -> np.ndarray:
    return found.permute(1, 2, 0).numpy()


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def one_step(picture: np.ndarray) -> float:
    """What a bilinear value may be off: OpenCV places samples on a grid of 1/32 pixel, so up to 1/64 in x and in y, and
    both round to whole numbers."""
    values = picture.astype(int)
    return (np.abs(np.diff(values, axis=0)).max() + np.abs(np.diff(values, axis=1)).max()) / 64 + 1


def seen(move: Affine, margin: float = 1.5) -> np.ndarray:
    """Where the whole neighbourhood of a sample lies in the picture: at its edges the two fill differently."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    full = np.vstack([move.matrix, (0, 0, 1)])
    back = Affine(np.linalg.inv(full)[:2]).points(np.stack([x, y], -1).reshape(-1, 2)).reshape(HEIGHT, WIDTH, 2)
    low, high = back.min(axis=-1), (back - (WIDTH, HEIGHT)).max(axis=-1)
    return (low > margin) & (high < -margin)


@pytest.mark.parametrize("degrees", [-170.0, -30.0, -7.5, 0.0, 12.0, 90.0])
def test_rotation_is_torchvisions(picture, degrees):
    move = augment.rotation(degrees, WIDTH, HEIGHT)
    mine = move.warp(picture, WIDTH, HEIGHT)
    theirs = pixels(reference.rotate(tensor(picture), degrees, v2.InterpolationMode.BILINEAR, fill=list(GREY)))
    inside = seen(move)
    assert inside.sum() > 2000
    assert difference(mine[inside], theirs[inside]) <= one_step(picture)
    outside = ~seen(move, -1.5)
    assert (mine[outside] == GREY).all()
    assert (theirs[outside] == GREY).all()


@pytest.mark.parametrize(
    ("degrees", "shift", "scale", "shear"),
    [
        (0, (7, -5), 1.0, (0.0, 0.0)),
        (0, (0, 0), 1.3, (0.0, 0.0)),
        (25, (3, 4), 0.8, (0.0, 0.0)),
        (0, (0, 0), 1.0, (17.0, 0.0)),
        (0, (0, 0), 1.0, (0.0, -11.0)),
    ],
)
def test_affine_is_torchvisions(picture, degrees, shift, scale, shear):
    # torchvision turns clockwise here, and anticlockwise in `rotate`; it slants against our sign.
    theirs = pixels(
        reference.affine(
            tensor(picture),
            -degrees,
            list(shift),
            scale,
            [-angle for angle in shear],
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=list(GREY),
        )
    )
    to_centre, back = augment.translation(-WIDTH / 2, -HEIGHT / 2), augment.translation(WIDTH / 2, HEIGHT / 2)
    scaled = to_centre.then(augment.scaling(scale, scale)).then(back)
    move = augment.shearing(*shear, WIDTH, HEIGHT).then(scaled).then(augment.rotation(degrees, WIDTH, HEIGHT))
    move = move.then(augment.translation(*shift))
    inside = seen(move)
    assert inside.sum() > 2000
    assert difference(move.warp(picture, WIDTH, HEIGHT)[inside], theirs[inside]) <= one_step(picture)


def test_flip_is_torchvisions_to_the_bit(harsh):
    mine = augment.flip(64).warp(harsh, 64, 64)
    assert np.array_equal(mine, pixels(reference.horizontal_flip(tensor(harsh))))


def test_a_crop_of_whole_pixels_is_the_slice_and_falls_off_into_grey(harsh):
    assert np.array_equal(augment.crop(5, 9, 40, 30, 40, 30).warp(harsh, 40, 30), harsh[9:39, 5:45])
    over = augment.crop(-4, 50, 20, 20, 20, 20).warp(harsh, 20, 20)
    assert np.array_equal(over[:14, 4:], harsh[50:, :16])
    assert (over[14:] == GREY).all()
    assert (over[:, :4] == GREY).all()


def test_a_stretched_crop_is_torchvisions(picture):
    left, top, width, height = 10, 8, 60, 48
    mine = augment.crop(left, top, width, height, 90, 72).warp(picture, 90, 72)
    theirs = pixels(
        reference.resized_crop(
            tensor(picture), top, left, height, width, [72, 90], v2.InterpolationMode.BILINEAR, antialias=False
        )
    )
    # At its edges a crop of torchvision's knows nothing of the picture around it.
    assert difference(mine[2:-2, 2:-2], theirs[2:-2, 2:-2]) <= one_step(picture)


def test_what_shrinks_is_averaged(harsh):
    blocks = harsh.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    mine = augment.scaling(1 / 4, 1 / 4).warp(harsh, 16, 16)
    assert np.abs(mine - blocks).max() <= 0.5
    mask = np.where(np.arange(64) < 32, 255, 0).astype(np.uint8)[None].repeat(64, axis=0)
    small = augment.scaling(1 / 4, 1 / 4).warp(mask, 16, 16, fill=(0,))
    assert small.shape == (16, 16)
    assert np.array_equal(small[0], [255] * 8 + [0] * 8)
    # Nearest never mixes: it is for numbers that are names.
    nearest = augment.scaling(1 / 4, 1 / 4).warp(mask, 16, 16, fill=(7,), interpolation=cv2.INTER_NEAREST)
    assert set(np.unique(nearest)) == {0, 255}


@pytest.mark.parametrize("factor", [0.0, 0.35, 1.0, 1.7])
def test_brightness_is_torchvisions(harsh, factor):
    theirs = pixels(reference.adjust_brightness(tensor(harsh), factor))
    # Both cut off; their products may fall on both sides of a whole number.
    assert difference(augment.brightness(harsh, factor), theirs) <= 1


@pytest.mark.parametrize("factor", [0.0, 0.35, 1.0, 1.7])
@pytest.mark.parametrize("name", ["contrast", "saturation"])
def test_contrast_and_saturation_are_torchvisions(harsh, name, factor):
    theirs = pixels(getattr(reference, f"adjust_{name}")(tensor(harsh), factor))
    # Grey is rounded here and cut off there: up to 1, times what is taken of it, and 1 for cutting off the result.
    assert difference(getattr(augment, name)(harsh, factor), theirs) <= abs(1 - factor) + 1


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.6])
def test_blur_is_torchvisions(harsh, sigma):
    theirs = pixels(reference.gaussian_blur(tensor(harsh), [13, 13], [sigma, sigma]))
    mine = augment.blur(harsh, sigma)
    # OpenCV's kernel for bytes ends at 3 sigma, behind which lies 0.3 % of the weight on each axis.
    assert difference(mine, theirs) <= 1 + 2 * 0.003 * 255
    assert np.array_equal(augment.blur(harsh, 0), harsh)


def test_sharpness_goes_from_blurred_to_beyond(harsh):
    soft = augment.blur(harsh, 1.0).astype(float)
    assert np.array_equal(augment.sharpness(harsh, 0), soft)
    assert np.array_equal(augment.sharpness(harsh, 1), harsh)
    beyond = np.clip(2 * harsh.astype(float) - soft, 0, 255)
    assert difference(augment.sharpness(harsh, 2), beyond) <= 1


@pytest.mark.parametrize("bits", range(9))
def test_posterise_is_torchvisions_to_the_bit(harsh, bits):
    assert np.array_equal(augment.posterise(harsh, bits), pixels(reference.posterize(tensor(harsh), bits)))


@pytest.mark.parametrize("threshold", [0, 100, 255])
def test_solarise_is_torchvisions_to_the_bit(harsh, threshold):
    theirs = pixels(reference.solarize(tensor(harsh), threshold))
    assert np.array_equal(augment.solarise(harsh, threshold), theirs)
    assert np.array_equal(augment.solarise(harsh, 256), harsh)


def test_autocontrast_is_torchvisions_and_leaves_an_even_channel(picture):
    narrow = (picture // 3 + 40).astype(np.uint8)
    narrow[..., 1] = 77
    mine = augment.autocontrast(narrow)
    # Both cut off what is just under a whole number, in another order of the operations.
    assert difference(mine, pixels(reference.autocontrast(tensor(narrow)))) <= 1
    assert (mine[..., 1] == 77).all()
    assert (mine[..., 0].min(), mine[..., 0].max()) == (0, 255)


def test_equalise_is_the_cumulative_histogram_and_near_torchvisions(picture):
    dark = (picture // 2).astype(np.uint8)
    mine = augment.equalise(dark)
    for channel in range(3):
        values = dark[..., channel]
        total = np.cumsum(np.bincount(values.ravel(), minlength=256))
        lowest = total[values.min()]
        table = np.round((total - lowest) * 255 / (values.size - lowest))
        assert difference(mine[..., channel], table[values]) <= 1
    # torchvision counts the pixels below a level, OpenCV those up to it: they are one bar of the histogram apart.
    bar = max(np.bincount(dark[..., channel].ravel()).max() for channel in range(3)) / dark[..., 0].size
    assert difference(mine, pixels(reference.equalize(tensor(dark)))) <= 255 * bar + 2


@pytest.mark.parametrize(
    "move",
    [
        augment.flip(WIDTH),
        augment.translation(11.5, -6.25),
        augment.scaling(1.4, 0.8),
        augment.scaling(0.4, 0.4),
        augment.crop(8, 6, 64, 48, WIDTH, HEIGHT),
        augment.rotation(90, WIDTH, HEIGHT),
        augment.rotation(-20, WIDTH, HEIGHT).then(augment.flip(WIDTH)),
        augment.shearing(12, 5, WIDTH, HEIGHT),
    ],
)
def test_boxes_go_where_the_pixels_go(move):
    """The picture is a bright rectangle: its box, moved as numbers, is the box of the rectangle that was moved."""
    scale = 4
    big = augment.scaling(scale, scale)
    box = np.array([[30, 24, 58, 45]], np.float32)
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[24:45, 30:58] = 255
    # Four times as large, so that the corners of a turned rectangle are found to a quarter of a pixel.
    warped = move.then(big).warp(drawn, WIDTH * scale, HEIGHT * scale, fill=(0,))
    rows, columns = np.nonzero(warped > 127)
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / scale
    wanted = move.boxes(box)
    assert wanted.dtype == np.float32
    assert wanted.shape == (1, 4)
    assert (wanted >= 0).all()
    assert (wanted <= (WIDTH, HEIGHT, WIDTH, HEIGHT)).all()
    # Interpolation rounds corners off.
    assert np.abs(found - wanted[0]).max() <= 0.75
    # All of it came along: the area changed by the determinant.
    assert (warped / 255.0).sum() == pytest.approx(28 * 21 * (move.scale * scale) ** 2, rel=0.02)


def test_a_mask_follows_the_picture_through_every_step(picture):
    """Where the mask is set, the picture is what it was there before."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (48, 36), 20, 1, -1)
    marked = picture.copy()
    marked[mask == 0] = 0
    marked[mask == 1] = (200, 100, 50)
    move = augment.rotation(33, WIDTH, HEIGHT).then(augment.crop(10, 5, 70, 60, 128, 110)).then(augment.flip(128))
    moved = move.warp(marked, 128, 110, fill=(0, 0, 0))
    soft = move.warp(mask * np.uint8(255), 128, 110, fill=(0,))
    assert (soft == 255).sum() > 1000
    assert difference(moved[soft == 255], np.array([200, 100, 50])) <= 1
    assert (moved[soft == 0] <= 1).all()


def test_affines_compose_in_the_order_in_which_they_are_said():
    first, second = augment.rotation(30, 50, 40), augment.crop(3, 4, 30, 20, 60, 80)
    points = np.random.default_rng(0).uniform(0, 50, (20, 2))
    assert np.allclose(first.then(second).points(points), second.points(first.points(points)))
    assert second.scale == pytest.approx(math.sqrt(2 * 4))
    # Anticlockwise as seen: what was to the right of the centre is above it.
    assert np.allclose(augment.rotation(90, 50, 40).points([[35, 20]]), [[25, 10]])


def test_no_boxes_are_no_boxes():
    assert augment.flip(5).boxes(np.empty((0, 4), np.float32)).shape == (0, 4)


def test_random_crops_are_spread_as_torchvisions():
    size, area, aspect = (120, 90), (0.2, 1.0), (0.6, 1.8)
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    mine = np.array([augment.random_crop(rng, *size, area=area, aspect=aspect) for _ in range(3000)])
    make = v2.RandomResizedCrop(8, area, aspect).make_params
    blank = [torch.zeros(3, size[1], size[0], dtype=torch.uint8)]
    drawn = [make(blank) for _ in range(3000)]
    theirs = np.array([[crop[key] for key in ("left", "top", "width", "height")] for crop in drawn])
    assert (mine[:, :2] >= 0).all()
    assert (mine[:, :2] + mine[:, 2:] <= np.array(size) + 1e-9).all()
    shares = [(crops[:, 2] * crops[:, 3] / (size[0] * size[1]), crops[:, 2] / crops[:, 3]) for crops in (mine, theirs)]
    for own, other in zip(*shares, strict=True):
        assert stats.ks_2samp(own, other).pvalue > 0.01
    for column in (0, 1):
        # Theirs are whole pixels; half a pixel is nothing beside 3000 draws.
        spread = theirs[:, column] + np.random.default_rng(1).uniform(-0.5, 0.5, len(theirs))
        assert stats.ks_2samp(mine[:, column], spread).statistic < 0.06


def test_a_crop_that_never_fits_is_the_square_in_the_middle():
    found = augment.random_crop(np.random.default_rng(0), 100, 10, area=(0.9, 1.0), aspect=(0.9, 1.1))
    assert found == (45, 0, 10, 10)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in WITHOUT_STRENGTH])
def test_an_operation_without_strength_changes_nothing_and_with_it_something(harsh, name):
    assert np.array_equal(OPERATIONS[name](harsh, 0.0), harsh)
    assert np.array_equal(OPERATIONS[name](harsh, -0.0), harsh)
    # Where things only move, what moves further differs more as long as the picture is one slope.
    slope = np.add.outer(np.arange(64) * 3, np.arange(64)).astype(np.uint8)[..., None].repeat(3, axis=2)
    shown = slope if name.partition(" ")[0] in ("rotate", "shear", "translate") else harsh
    small, large = (float(np.abs(OPERATIONS[name](shown, v) - shown.astype(float)).mean()) for v in (0.3, 1.0))
    assert 0 < small < large


def slanted(found: torch.Tensor, x: float, y: float) -> torch.Tensor:
    return reference.affine(found, 0, [0, 0], 1, [x, y], v2.InterpolationMode.BILINEAR, list(GREY))


def shifted(found: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """By a part of a pixel, too, which torchvision's own arguments do not allow."""
    move = np.array([[1, 0, x], [0, 1, y]])
    warped = cv2.warpAffine(pixels(found), move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=GREY)
    return tensor(warped)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_operations_keep_the_form_and_leave_their_input(harsh, name):
    before = harsh.copy()
    for strength in (-1.0, -0.4, 0.0, 0.7, 1.0):
        changed = OPERATIONS[name](harsh, strength)
        assert changed.dtype == np.uint8
        assert changed.shape == harsh.shape
        assert not np.shares_memory(changed, harsh)
    assert np.array_equal(harsh, before)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("rotate", lambda x, v: reference.rotate(x, 30 * v, v2.InterpolationMode.BILINEAR, fill=list(GREY))),
        ("brightness", lambda x, v: reference.adjust_brightness(x, 1 + 0.9 * v)),
        ("contrast", lambda x, v: reference.adjust_contrast(x, 1 + 0.9 * v)),
        ("saturation", lambda x, v: reference.adjust_saturation(x, 1 + 0.9 * v)),
        ("posterise", lambda x, v: reference.posterize(x, 8 - round(4 * abs(v)))),
        ("solarise", lambda x, v: reference.solarize(x, 256 * (1 - abs(v)))),
        ("shear x", lambda x, v: slanted(x, -17.0 * v, 0.0)),
        ("shear y", lambda x, v: slanted(x, 0.0, -17.0 * v)),
        ("translate x", lambda x, v: shifted(x, 0.45 * v * WIDTH, 0)),
        ("translate y", lambda x, v: shifted(x, 0, 0.45 * v * HEIGHT)),
    ],
)
@pytest.mark.parametrize("strength", [-1.0, -0.5, 0.6, 1.0])
def test_strengths_are_those_of_the_paper(picture, name, function, strength):
    """Rotation to 30 degrees, shear to 0.3, shift to 0.45 of the side, factors 0.1..1.9, 8 to 4 bits."""
    mine, theirs = OPERATIONS[name](picture, strength), pixels(function(tensor(picture), strength))
    off = np.abs(mine.astype(int) - theirs.astype(int)).max(axis=2)
    # At the edge of what was moved, a part of a pixel is grey.
    assert np.mean(off > one_step(picture)) < 0.04


def test_rand_augment_is_so_many_operations_drawn_evenly_each_with_an_even_sign(harsh, monkeypatch):
    drawn: list[tuple[str, float]] = []

    def watch(name):
        def apply(picture, strength):
            drawn.append((name, strength))
            return picture

        return apply

    monkeypatch.setattr(augment, "OPERATIONS", {name: watch(name) for name in OPERATIONS})
    rng = np.random.default_rng(0)
    for _ in range(1000):
        augment.rand_augment(rng, harsh, count=3, magnitude=7)
    assert len(OPERATIONS) == 14
    assert len(drawn) == 3000
    names, signs = zip(*drawn, strict=True)
    assert {abs(sign) for sign in signs} == {0.7}
    counts = [names.count(name) for name in OPERATIONS]
    assert stats.chisquare(counts).pvalue > 0.01
    assert stats.binomtest(sum(sign > 0 for sign in signs), 3000).pvalue > 0.01


def test_rand_augment_of_magnitude_0_leaves_all_but_the_operations_without_strength(harsh):
    same = {augment.autocontrast(harsh).tobytes(), augment.equalise(harsh).tobytes(), harsh.tobytes()}
    rng = np.random.default_rng(5)
    assert {augment.rand_augment(rng, harsh, count=1, magnitude=0).tobytes() for _ in range(60)} == same
    strong = {augment.rand_augment(rng, harsh, count=1, magnitude=MAGNITUDES).tobytes() for _ in range(60)}
    assert len(strong - same) >= 11


@pytest.mark.parametrize("magnitude", [-0.1, 10.5, 30, float("nan")])
def test_a_magnitude_beyond_the_scale_is_refused(harsh, magnitude):
    with pytest.raises(ValueError, match=r"magnitude of 0\.\.10"):
        augment.rand_augment(np.random.default_rng(0), harsh, magnitude=magnitude)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, picture: augment.rand_augment(rng, picture, count=3, magnitude=9),
        lambda rng, picture: augment.colour_jitter(rng, picture, 0.4),
        lambda rng, picture: np.array(augment.random_crop(rng, 64, 48)),
    ],
)
def test_the_generator_decides_everything(harsh, draw):
    before = harsh.copy()
    np.random.seed(1)  # noqa: NPY002  a global one must make no difference
    first = [draw(np.random.default_rng(8), harsh) for _ in range(2)]
    np.random.seed(2)  # noqa: NPY002
    again = draw(np.random.default_rng(8), harsh)
    other = draw(np.random.default_rng(9), harsh)
    assert np.array_equal(first[0], first[1])
    assert np.array_equal(first[0], again)
    assert not np.array_equal(first[0], other)
    assert np.array_equal(harsh, before)


def test_colour_jitter_is_its_three_changes_in_order(harsh):
    rng, strength = np.random.default_rng(2), 0.4
    factors = np.random.default_rng(2).uniform(1 - strength, 1 + strength, 3)
    wanted = reference.adjust_brightness(tensor(harsh), factors[0])
    wanted = reference.adjust_saturation(reference.adjust_contrast(wanted, factors[1]), factors[2])
    # One step for each change, the first two times what the later ones make of them.
    assert difference(augment.colour_jitter(rng, harsh, strength), pixels(wanted)) <= 4
    assert np.array_equal(augment.colour_jitter(rng, harsh, 0.0), harsh)
