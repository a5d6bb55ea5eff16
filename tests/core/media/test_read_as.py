"""What a file is read as where its content leaves it open: guessed, chosen, and told, on every road."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

import cvstudio
from cvstudio.cli.main import main
from cvstudio.foundation.errors import BindingError, MediaError, ParamsError, ReadingError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.open import read_again
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import make_instance
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State

XRAY = Path(__file__).parent / "cases" / "xray16.png"
PATCHES = np.kron(np.array([[0, 1, 2], [3, 7, 255]], np.uint8), np.ones((20, 20), np.uint8))
RAMP = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))


def png(path: Path, values: NDArray[Any]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return path


def sample(media: Media) -> Any:
    with open_reader(media) as reader:
        decoded = reader.read()
    assert decoded.size == media.size
    return decoded


def grainy(bits: int) -> NDArray[np.uint16]:
    """A photograph of `bits` bits: a ramp with the noise of a sensor."""
    ramp = np.linspace(0.1, 0.9, 96)[None] * ((1 << bits) - 1) * np.ones((64, 1))
    noisy = ramp + np.random.default_rng(0).normal(0, 0.01 * (1 << bits), ramp.shape)
    return noisy.round().clip(0, (1 << bits) - 1).astype(np.uint16)


def test_a_photograph_of_16_bits_is_a_picture() -> None:
    media = open_media(XRAY)
    assert (media.kind, media.read_as) == (MediaKind.IMAGE, "picture")
    stored = cv2.imread(str(XRAY), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(sample(media).pixels, stored[..., None].repeat(3, 2))
    text = dict(facts(media))
    assert text["Read as"].startswith("picture, as its 16 bits are those of 8")
    assert [line.partition(":")[0] for line in text["Or as"].split("\n")] == [
        *(f"picture={bits}-bit" for bits in (10, 12, 14)),
        *("depth", "labels"),
    ]


def test_one_file_is_read_in_three_ways(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", PATCHES)
    picture, depth, labels = (open_media(path, read_as=key) for key in ("picture", "depth", "labels"))
    assert [reading.key for reading in picture.readings] == ["picture", "depth", "labels"]
    np.testing.assert_array_equal(sample(picture).pixels[..., 1], PATCHES)
    assert (depth.kind, sample(depth).unit) == (MediaKind.DEPTH, "px")
    np.testing.assert_array_equal(sample(depth).values, PATCHES)
    colours = sample(labels).pixels.reshape(-1, 3)
    by_label = {int(label): set(map(tuple, colours[(label == PATCHES).ravel()])) for label in np.unique(PATCHES)}
    assert all(len(found) == 1 for found in by_label.values())
    assert len(set.union(*by_label.values())) == 6
    assert by_label[0] == {(0, 0, 0)}
    assert dict(facts(labels))["Labels"] == "5, 1 to 255"
    # Each has an identity of its own, and all are one file.
    assert len({picture.id, depth.id, labels.id}) == 3
    assert picture.content_id == depth.content_id == labels.content_id
    assert picture == open_media(path)
    assert read_again(labels, "depth") == depth


@pytest.mark.parametrize(
    ("name", "read_as", "reason"),
    [
        ("scene_depth.png", "depth", "its name ends in depth"),
        ("frame-0001.depth.png", "depth", "its name ends in depth"),
        ("disp0012.png", "depth", "its name ends in disp"),
        ("leftDisparity.png", "depth", "its name ends in disparity"),
        ("aachen_gtFine_labelIds.png", "labels", "its name ends in label ids"),
        ("depth_16bit.png", "depth", "its name ends in depth"),
        ("labels-uint8.png", "labels", "its name ends in labels"),
        ("u16.png", "picture", ""),
        ("cat-mask.png", "labels", "its name ends in mask"),
        ("masks/0001.png", "labels", "it lies in a folder called masks"),
        ("depth/0001.png", "depth", "it lies in a folder called depth"),
        ("depth_of_field.png", "picture", ""),
        ("masked-ball.png", "picture", ""),
        ("0001.png", "picture", ""),
    ],
)
def test_the_name_tells(tmp_path: Path, name: str, read_as: str, reason: str) -> None:
    media = open_media(png(tmp_path / name, RAMP))
    assert (media.read_as, media.readings[0].key) == (read_as, read_as)
    assert media.readings[0].reason == reason
    assert dict(facts(media))["Read as"] == (f"{read_as}, as {reason}" if reason else read_as)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.uint64])
def test_integers_of_many_bits_in_patches_are_labels(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    objects = np.kron(np.arange(100).reshape(10, 10), np.ones((9, 9))).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, objects)
    media = open_media(path)
    assert (media.read_as, media.readings[0].key) == ("labels", "labels")
    assert dict(facts(media))["Labels"] == "99, 1 to 99"
    assert sample(media).pixels.max() > 100
    np.testing.assert_array_equal(sample(open_media(path, read_as="picture")).pixels[..., 0], objects)
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 1000, (90, 90)).astype(dtype))
    assert open_media(path).read_as == "picture"
    tifffile.imwrite(path, np.zeros((9, 9), dtype))
    assert open_media(path).read_as == "picture"


def test_what_is_only_called_depth_is_a_picture(tmp_path: Path) -> None:
    assert open_media(png(tmp_path / "depth.png", RAMP * 0)).kind is MediaKind.IMAGE
    colours = np.dstack([RAMP, RAMP // 2, RAMP])
    media = open_media(png(tmp_path / "colour_depth.png", colours))
    assert (media.kind, media.readings) == (MediaKind.IMAGE, ())
    with pytest.raises(MediaError, match="is a colour picture"):
        open_media(tmp_path / "colour_depth.png", read_as="depth")


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_grain_tells_photographs_from_depth(tmp_path: Path, bits: int) -> None:
    stored = grainy(bits)
    media = open_media(png(tmp_path / "a.png", stored))
    assert media.kind is MediaKind.IMAGE
    assert "grain" in dict(facts(media))["Read as"]
    white = (1 << bits) - 1
    expected = np.round(stored.astype(float) * 65535 / white)
    np.testing.assert_array_equal(sample(media).pixels[..., 0], expected)
    if bits < 16:
        assert (media.read_as, media.details["bits"]) == (f"picture={bits}-bit", f"{bits} of 16")
        np.testing.assert_array_equal(sample(open_media(media.path, read_as="picture")).pixels[..., 0], stored)
    # A plane with the steps of a sensor that measures distances, and holes.
    plane = np.linspace(500, 3800, 96).astype(np.uint16)[None].repeat(64, 0) // 10 * 10
    plane[:8] = 0
    assert open_media(png(tmp_path / "b.png", plane)).kind is MediaKind.DEPTH
    # What is called depth is depth, however noisy.
    assert open_media(png(tmp_path / "b_depth.png", stored)).kind is MediaKind.DEPTH


@pytest.mark.parametrize("blur", [0, 1, 2, 4])
@pytest.mark.parametrize("name", ["bus", "dog", "eagle", "giraffe", "horses", "kite", "person", "scream"])
def test_a_photograph_made_grey_of_16_bits_is_a_picture(
    tmp_path: Path, data: Callable[..., Path], name: str, blur: int
) -> None:
    """Blurred or denoised it has no grain; what remains is thousands of levels and no steps."""
    colours = cv2.imread(str(data("photos", f"{name}.jpg")))
    grey = cv2.resize(colours, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) @ np.array([0.114, 0.587, 0.299])
    grey = cv2.GaussianBlur(grey * 257, (0, 0), blur) if blur else grey * 257
    path = tmp_path / "0001.png"
    cv2.imwrite(str(path), grey.clip(0, 65535).astype(np.uint16))
    media = open_media(path)
    assert media.kind is MediaKind.IMAGE
    assert media.readings[0].reason


@pytest.mark.parametrize("number", range(0, 300, 42))
def test_a_depth_camera_s_map_is_depth_whatever_it_is_called(
    tmp_path: Path, data: Callable[..., Path], number: int
) -> None:
    stored = data("rgbd", f"frame-{number:06}.depth.png")
    for name in ("0001.png", "img.png"):
        (tmp_path / name).write_bytes(stored.read_bytes())
        assert open_media(tmp_path / name).kind is MediaKind.DEPTH
    # Filled holes, and the same scene in finer steps, as renderers write it: its things still have edges.
    distances = cv2.imread(str(stored), cv2.IMREAD_UNCHANGED).astype(np.float32)
    distances[distances > 10_000] = 0
    filled = np.where(distances > 0, distances, 4000) * (50_000 / 4000)
    smooth = filled + np.random.default_rng(0).normal(0, 40, filled.shape)
    cv2.imwrite(str(tmp_path / "0002.png"), smooth.clip(1, 65535).astype(np.uint16))
    assert open_media(tmp_path / "0002.png").kind is MediaKind.DEPTH


def test_a_map_that_was_stretched_to_16_bits_is_depth(tmp_path: Path) -> None:
    """As programs write that guess depth from one picture."""
    y, x = np.mgrid[:240, :320]
    near = cv2.GaussianBlur(((x - 160) ** 2 + (y - 120) ** 2 < 4000).astype(np.float64), (0, 0), 3)
    guess = y / 240 + near + x / 4000
    stretched = ((guess - guess.min()) / np.ptp(guess) * 65535).astype(np.uint16)
    assert open_media(png(tmp_path / "0001.png", stretched)).kind is MediaKind.DEPTH


def test_a_colour_profile_says_picture(tmp_path: Path) -> None:
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plane = np.linspace(500, 3800, 96).astype(np.uint16)[None].repeat(64, 0)
    path = tmp_path / "a.png"
    Pillow.fromarray(plane).save(path, icc_profile=grey)
    media = open_media(path)
    assert media.kind is MediaKind.IMAGE
    assert "colour profile" in media.readings[0].reason
    Pillow.fromarray(plane).save(path)
    assert open_media(path).kind is MediaKind.DEPTH


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("depth_gt", "depth"), ("disp_occ_0", "depth"), ("Depth images", "depth"), ("depth_of_field", "image")],
)
def test_folders_of_data_sets_tell(tmp_path: Path, folder: str, kind: str) -> None:
    (tmp_path / folder).mkdir()
    assert open_media(png(tmp_path / folder / "0001.png", grainy(16))).kind == kind


def test_a_white_that_the_file_states_counts(tmp_path: Path) -> None:
    dark = grainy(10)
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 96 64 4095\n" + dark.astype(">u2").tobytes())
    media = open_media(path)
    assert media.read_as == "picture"
    np.testing.assert_array_equal(sample(media).pixels[..., 0], np.round(dark.astype(float) * 65535 / 4095))


@pytest.mark.parametrize("density", [0.05, 0.3, 0.7])
def test_sparse_depth_of_a_laser_scanner_has_no_grain(tmp_path: Path, density: float) -> None:
    """KITTI stores metres times 256, and 0 where nothing was measured."""
    plane = np.linspace(5, 80, 96)[None].repeat(64, 0) * 256
    plane[np.random.default_rng(0).random(plane.shape) > density] = 0
    assert open_media(png(tmp_path / "a.png", plane.astype(np.uint16))).kind is MediaKind.DEPTH


def test_negative_numbers_are_no_depth(tmp_path: Path) -> None:
    """Computed tomography stores Hounsfield units, of which air has -1000."""
    tifffile.imwrite(tmp_path / "a.tif", np.linspace(-1024, -100, 64, dtype=np.int16)[None].repeat(48, 0))
    media = open_media(tmp_path / "a.tif")
    assert (media.kind, media.read_as) == (MediaKind.IMAGE, "picture")
    grey = sample(media).pixels[0, :, 0].astype(int)
    assert (grey[0], grey[-1]) == (0, 65535)
    assert (np.diff(grey) > 0).all()
    assert "negative" in dict(facts(media))["Read as"]
    tifffile.imwrite(tmp_path / "b.tif", np.linspace(500, 4000, 64, dtype=np.int16)[None].repeat(48, 0))
    assert open_media(tmp_path / "b.tif").kind is MediaKind.DEPTH


@pytest.mark.parametrize("shift", [4, 6])
def test_bits_stored_at_the_upper_end(tmp_path: Path, shift: int) -> None:
    smooth = (np.arange(64, dtype=np.uint16)[None].repeat(64, 0) * 8) << shift
    assert open_media(png(tmp_path / "a.png", smooth)).read_as == "picture"
    # SUN RGB-D stores millimetres times 8.
    assert open_media(png(tmp_path / "b.png", (smooth >> shift) * 8 + 8008)).read_as == "depth"


def test_the_photograph_beside_it_tells(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (*PATCHES.shape, 3), np.uint8)
    deep = np.full(PATCHES.shape, 700, np.uint16) + grainy(10)[:40, :60]
    for folder, values, read_as in (("p", deep, "depth"), ("q", PATCHES, "labels"), ("r", RAMP[:40, :60], "picture")):
        path = png(tmp_path / folder / "7.png", values)
        Pillow.fromarray(photo).save(path.with_suffix(".jpg"))
        media = open_media(path)
        assert media.read_as == read_as
        assert ("7.jpg has the same size" in media.readings[0].reason) == (read_as != "picture")
    # Of another size it says nothing.
    Pillow.fromarray(photo[:9]).save(tmp_path / "q" / "7.jpg")
    assert open_media(tmp_path / "q" / "7.png").read_as == "picture"


def test_labels_keep_their_numbers(tmp_path: Path) -> None:
    numbers = np.kron(np.array([[0, 1, 70000], [5, 300, 49]], np.uint32), np.ones((8, 8), np.uint32))
    tifffile.imwrite(tmp_path / "a.tif", numbers)
    colours = sample(open_media(tmp_path / "a.tif", read_as="labels")).pixels[::8, ::8].reshape(-1, 3)
    assert colours[0].tolist() == [0, 0, 0]
    # Labels that are 48 apart share a colour.
    assert colours[1].tolist() == colours[5].tolist()
    assert len(np.unique(colours, axis=0)) == 5
    assert dict(facts(open_media(tmp_path / "a.tif", read_as="labels")))["Labels"] == "5, 1 to 70,000"
    # A PNG of four bits is stretched by its decoder, and its numbers are those of the file.
    Pillow.fromarray((PATCHES[:, :40] == 1).astype(np.uint8) * 255, "L").convert("1").save(tmp_path / "b.png")
    assert dict(facts(open_media(tmp_path / "b.png", read_as="labels")))["Labels"] == "1, 1 to 1"


def test_what_a_file_cannot_be_read_as(tmp_path: Path) -> None:
    colour = png(tmp_path / "a.png", np.dstack([RAMP, RAMP, RAMP // 2]))
    assert open_media(colour, read_as="picture").id == open_media(colour).id
    with pytest.raises(ReadingError, match=r"'a\.png' cannot be read as labels; it can be read as picture\."):
        open_media(colour, read_as="labels")
    with pytest.raises(ParamsError, match=r"Read as expects one of picture, depth, .* found 'x-ray'"):
        open_media(colour, read_as="x-ray")
    with pytest.raises(MediaError, match="is a depth map, but a picture is needed; read it as something else"):
        open_media(png(tmp_path / "b.png", RAMP), kind=MediaKind.IMAGE, read_as="depth")
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(MediaError, match="no known format"):
        open_media(tmp_path / "a.txt", read_as="picture")


def test_a_kind_alone_never_gives_labels(tmp_path: Path) -> None:
    path = png(tmp_path / "cat_mask.png", RAMP)
    assert (open_media(path).read_as, open_media(path, kind=MediaKind.IMAGE).read_as) == ("labels", "picture")
    narrow = png(tmp_path / "x.png", grainy(12))
    assert open_media(narrow, kind=MediaKind.IMAGE).read_as == "picture=12-bit"


def test_info_lists_and_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = png(tmp_path / "a.png", PATCHES)
    assert main(["info", "--json", str(path)]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["read_as"], told["readings"]) == ("picture", ["picture", "depth", "labels"])
    assert main(["info", "--read-as", "labels", str(path)]) == 0
    out = capsys.readouterr().out
    assert "labels, as chosen" in out
    assert "picture: The numbers are brightness" in out
    assert main(["info", "--read-as", "sound", str(path)]) == 1
    assert "cannot be read as sound; it can be read as picture, depth, labels" in capsys.readouterr().err


def test_an_analysis_is_told_what_its_files_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plane = np.linspace(500, 3800, 96).astype(np.uint16)[None].repeat(64, 0)
    path = png(tmp_path / "a.png", plane)
    command = ["run", "detect", str(path), "--model", "hog", "-q", "-o", str(tmp_path / "out")]
    assert main(command) == 1
    expected = "expects a picture or a video, but a.png is a depth map; read it as picture."
    assert expected in capsys.readouterr().err
    assert main([*command, "--read-as", "picture"]) == 0
    assert main([*command, "--read-as", "labels", "--format", "json"]) == 0
    (recipe,) = (tmp_path / "out").glob("*.json.recipe.json")
    told = json.loads(recipe.read_text())
    assert (told["version"], told["inputs"]["picture"]["read_as"]) == (3, "labels")
    assert load_recipe(recipe)[0].canvas_media == open_media(path, read_as="labels")
    # Another slot is named in front.
    picture = png(tmp_path / "p.png", np.dstack([RAMP] * 3))
    near = png(tmp_path / "near.png", RAMP)
    instance = make_instance("refocus", {"picture": picture, "depth": near}, read_as={"depth": "depth"})
    assert instance.bindings["depth"] == open_media(near, read_as="depth")
    options = ["--depth", str(near), "--read-as", "depth:picture", "-q", "-o", str(tmp_path / "o")]
    assert main(["run", "refocus", str(picture), *options]) == 1
    assert "'near.png' is a picture, but a depth map is needed" in capsys.readouterr().err
    assert main([*command, "--read-as", "depth:depth"]) == 1
    assert "Read as expects one of" in capsys.readouterr().err


def test_python_takes_it(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", np.full((128, 64), 900, np.uint16))
    with pytest.raises(BindingError, match="read it as picture"):
        cvstudio.run("detect", path, model="hog")
    assert cvstudio.run("detect", path, model="hog", read_as="picture").size == (64, 128)
    assert cvstudio.open_media(path, read_as="labels").read_as == "labels"
    with pytest.raises(BindingError, match="no depth map that could be read as depth"):
        make_instance("refocus", {"picture": path}, read_as={"depth": "depth"})


def test_a_batch_reads_all_files_so_and_says_what_it_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    png(folder / "deep.png", np.linspace(500, 3800, 96).astype(np.uint16)[None].repeat(64, 0))
    png(folder / "colour.png", np.dstack([RAMP, RAMP, RAMP // 2]))
    instance = make_instance("detect", {"picture": folder / "colour.png"}, model="hog")

    def outcomes(**options: Any) -> dict[str, tuple[str, str]]:
        plan = BatchPlan(instance, (folder,), tmp_path / "out", ("json",), **options)
        return {Path(item.file).name: (item.state, item.error) for item in Batch(plan).run(Progress())}

    reason = "It is taken for depth; read it as picture."
    assert outcomes() == {"colour.png": ("done", ""), "deep.png": ("left out", reason)}
    assert outcomes(read_as={"": "picture"}) == {"colour.png": ("done", ""), "deep.png": ("done", "")}
    plan = BatchPlan(instance, (folder,), tmp_path / "out", ("json",), read_as={"": "picture"})
    assert all(item.resumed for item in Batch(plan).run(Progress()))
    labels = outcomes(read_as={"": "labels"})
    assert labels == {"colour.png": ("left out", "It cannot be read as labels."), "deep.png": ("done", "")}
    one = outcomes(read_as={str(folder / "deep.png"): "labels"})
    assert one == {"colour.png": ("done", ""), "deep.png": ("done", "")}
    with pytest.raises(ParamsError, match="Read as expects one of"):
        outcomes(read_as={"": "x-ray"})


def test_a_batch_on_the_command_line(tmp_path: Path) -> None:
    deep = np.linspace(500, 3800, 96).astype(np.uint16)[None].repeat(64, 0)
    files = [str(png(tmp_path / "in" / f"{number}.png", deep + number)) for number in range(2)]
    command = ["run", "detect", *files, "--model", "hog", "-q", "--format", "json", "-o", str(tmp_path / "out")]
    assert main(command) == 1
    assert main([*command, "--read-as", "picture"]) == 0
    assert len(list((tmp_path / "out" / "json").glob("*.json"))) == 2


def test_a_label_map_beside_its_boxes_is_what_was_looked_at(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", PATCHES)
    command = ["run", "detect", str(path), "--model", "hog", "-q", "--format", "yolo", "-o", str(tmp_path / "out")]
    assert main([*command, "--read-as", "labels", "--yolo-pictures", "true"]) == 0
    (copied,) = (tmp_path / "out").rglob("*.png")
    pixels = cv2.imread(str(copied), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(pixels, sample(open_media(path, read_as="labels")).pixels)


def test_projects_keep_it_and_old_ones_open_as_before(tmp_path: Path) -> None:
    path = png(tmp_path / "cat_mask.png", PATCHES)
    media = tuple(open_media(path, read_as=key) for key in ("labels", "picture", "depth"))
    save_project(tmp_path / "a.cvstudio", State(media, media[0].id))
    saved = json.loads((tmp_path / "a.cvstudio").read_text())
    assert saved["version"] == 3
    assert [item.get("read_as") for item in saved["media"]] == ["labels", None, None]
    state, _ = load_project(tmp_path / "a.cvstudio")
    assert state.media == media
    assert state.active_media == media[0]
    # What a kind alone tells is written as before.
    save_project(tmp_path / "b.cvstudio", State(media[1:], media[1].id))
    saved = json.loads((tmp_path / "b.cvstudio").read_text())
    assert saved["version"] == 1
    assert load_project(tmp_path / "b.cvstudio")[0].media == media[1:]


@pytest.mark.parametrize("bits", [4, 8])
def test_the_indices_of_a_palette_may_be_labels(tmp_path: Path, bits: int) -> None:
    indices = PATCHES % 16
    file = Pillow.fromarray(indices, "P")
    file.putpalette([value for index in range(256) for value in (index * 9 % 256, 40, 255 - index)])
    file.save(tmp_path / "a.png", bits=bits)
    media = open_media(tmp_path / "a.png")
    assert (media.read_as, [reading.key for reading in media.readings]) == ("picture", ["picture", "labels"])
    np.testing.assert_array_equal(sample(media).pixels[..., 0], (indices.astype(int) * 9) % 256)
    labels = open_media(media.path, read_as="labels")
    assert dict(facts(labels))["Labels"] == "5, 1 to 15"
    np.testing.assert_array_equal(sample(labels).pixels.any(2), indices > 0)
    with pytest.raises(MediaError, match="is a colour picture"):
        open_media(media.path, kind=MediaKind.DEPTH)
