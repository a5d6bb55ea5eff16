"""What exchange formats hold, read back by readers that others wrote."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame, Image
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.base import ExportItem
from cvstudio.exporters.coco import compressed
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.masks import PrototypeMasks

# pycocotools is written for an older NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = Size(160, 120)
LABELS = ("person", "cat", 'a "quoted": one')


def blob(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """Logits that are positive in an ellipse, a cell for each pixel."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width] + 0.5
    return (1 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2).astype(np.float32)


@pytest.fixture
def masked() -> Detections:
    """Three things: an ellipse, one in two parts, and a ring."""
    two = np.maximum(blob(80, 30, 12, 9), blob(110, 30, 9, 14))
    ring = np.minimum(blob(60, 85, 25, 22), -blob(60, 85, 11, 9))
    logits = np.stack([blob(35, 40, 20.5, 25.25), two, ring])
    boxes = np.array([[14.5, 14.75, 55.5, 65.25], [68, 16, 119, 44], [35, 63, 85, 107]], np.float32)
    return Detections(
        boxes,
        np.array([0.93, 0.7, 0.1], np.float32),
        np.array([1, 0, 2]),
        LABELS,
        np.array([41, 7, 12]),
        SIZE,
        masks=PrototypeMasks(logits, np.eye(3, dtype=np.float32), (1.0, 1.0)),
    )


@pytest.fixture
def photo(tmp_path: Path) -> Media:
    path = tmp_path / "source" / "길 1.jpg"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)
    Pillow.fromarray(pixels).save(path, quality=95)
    return open_media(path)


@pytest.fixture
def put(tmp_path: Path, photo: Media, item):
    """`put(key, result, name, **options)`: the path of the export."""

    def write(key: str, result: Any, name: str = "out", frames: Any = None, media: Media = photo, **options: Any):
        path = tmp_path / name
        made = item(None if frames else result, media=media, frames=frames)
        export(EXPORTERS[key], path, dataclasses.replace(made, options=options), Progress())
        return path

    return write


def masks_of(found: Detections) -> list[np.ndarray]:
    assert found.masks is not None
    return [found.masks.full(row, found.boxes[row], found.size) for row in range(len(found))]


def read_coco(path: Path) -> Any:
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_compact_run_lengths_are_pycocotools_own():
    from pycocotools import mask as tools

    rng = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 1.0):
        mask = np.asfortranarray(rng.random((300, 40)) < share, np.uint8)
        mask[40:250, 3:39] |= np.uint8(share > 0)
        flat = mask.ravel(order="F")
        turns = np.flatnonzero(np.diff(np.concatenate([[0], flat])))
        counts = np.diff(np.concatenate([[0], turns, [flat.size]])).tolist()
        assert compressed(counts) == tools.encode(mask)["counts"].decode()


def compact(counts: list[int]) -> str:
    """The compact form after its description in the comments of COCO's maskApi.c: from the third count on the
    difference to the one before the last, in groups of five bits, the lowest first; a sixth says that more follow."""
    characters = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != (-1 if group & 16 else 0)
            characters.append(chr(48 + (group | 32 if more else group)))
    return "".join(characters)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40))
def test_compact_run_lengths_are_what_their_description_says(counts):
    assert compressed(counts) == compact(counts)


def test_coco_agrees_with_pycocotools_box_by_box_and_pixel_by_pixel(put, masked):
    from pycocotools import mask as tools

    read = read_coco(put("coco", masked, "a.coco.json"))
    assert read.loadCats(read.getCatIds()) == [{"id": n, "name": name} for n, name in enumerate(LABELS, 1)]
    (image,) = read.loadImgs(read.getImgIds())
    assert (image["file_name"], image["width"], image["height"]) == ("길 1.jpg", *SIZE)
    annotations = read.loadAnns(read.getAnnIds())
    assert [entry["category_id"] - 1 for entry in annotations] == masked.classes.tolist()
    for row, (entry, mask) in enumerate(zip(annotations, masks_of(masked), strict=True)):
        x, y, width, height = entry["bbox"]
        assert np.array_equal(np.array([x, y, x + width, y + height], np.float32), masked.boxes[row])
        assert np.float32(entry["score"]) == masked.scores[row]
        assert np.array_equal(read.annToMask(entry), mask)
        assert entry["area"] == tools.area(read.annToRLE(entry)) == mask.sum()
        assert tools.iou([read.annToRLE(entry)], [tools.encode(np.asfortranarray(mask, np.uint8))], [0]) == 1


def test_coco_annotations_are_what_load_res_takes_and_score_perfectly_against_themselves(put, masked):
    from pycocotools.cocoeval import COCOeval

    path = put("coco", masked, "a.coco.json")
    truth = read_coco(path)
    with contextlib.redirect_stdout(io.StringIO()):
        found = truth.loadRes(json.loads(path.read_text(encoding="utf-8"))["annotations"])
        for kind in ("bbox", "segm"):
            evaluation = COCOeval(truth, found, kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            assert evaluation.stats[0] == pytest.approx(1.0)


def test_coco_polygons_cover_the_mask_but_for_its_holes(put, masked):
    read = read_coco(put("coco", masked, "a.coco.json", masks="polygons"))
    annotations = read.loadAnns(read.getAnnIds())
    assert [len(entry["segmentation"]) for entry in annotations] == [1, 2, 1]
    for number, (entry, mask) in enumerate(zip(annotations, masks_of(masked), strict=True)):
        filled = read.annToMask(entry).astype(bool)
        if number < 2:
            assert np.array_equal(filled, mask)
        else:
            assert (filled | mask).sum() == filled.sum() > mask.sum()
            assert filled[85, 60]
            assert not mask[85, 60]


def test_fewer_corners_stay_within_their_tolerance(put, masked):
    exact, rough = (
        read_coco(put("coco", masked, f"{value}.coco.json", masks="polygons", tolerance=value)) for value in (0, 2)
    )
    for one, other in zip(exact.dataset["annotations"], rough.dataset["annotations"], strict=True):
        assert sum(map(len, other["segmentation"])) < sum(map(len, one["segmentation"])) / 2
        both, either = exact.annToMask(one) & rough.annToMask(other), exact.annToMask(one) | rough.annToMask(other)
        assert both.sum() / either.sum() > 0.8


def test_what_lies_outside_is_clipped_and_what_is_nothing_is_left_out(put, found):
    boxes = np.array(
        [[-5, -5, 20, 30], [150, 100, 500, 500], [170, 10, 190, 20], [5, 5, 5, 9], [np.nan, 0, 4, 4]], np.float32
    )
    odd = Detections(
        boxes, np.linspace(0.9, 0.1, 5, dtype=np.float32), np.zeros(5, np.int64), LABELS, np.arange(5), SIZE
    )
    read = read_coco(put("coco", odd, "a.coco.json"))
    assert [entry["bbox"] for entry in read.dataset["annotations"]] == [[0, 0, 20, 30], [150, 100, 10, 20]]
    lines = (put("yolo", odd, "y") / "labels" / "길_1.txt").read_text().splitlines()
    assert lines == ["0 0.0625 0.125 0.125 0.25", "0 0.96875 0.916666667 0.0625 0.166666667"]


def test_coco_of_a_video_numbers_its_frames(put, masked, picture):
    tracked = dataclasses.replace(masked, track_ids=np.array([5, -1, 6]))
    frames = [(Frame(picture.pixels, pts=n / 25), tracked.take(range(n))) for n in range(3)]
    read = read_coco(put("coco", None, "v.coco.json", frames))
    assert [image["time_secs"] for image in read.dataset["images"]] == [0, 0.04, 0.08]
    assert [len(read.getAnnIds(imgIds=[number])) for number in (1, 2, 3)] == [0, 1, 2]
    assert [entry.get("track_id") for entry in read.dataset["annotations"]] == [5, 5, None]


def test_supervision_reads_coco(put, masked, photo):
    import supervision

    path = put("coco", masked, "a.coco.json")
    read = supervision.DetectionDataset.from_coco(str(photo.path.parent), str(path), force_masks=True)
    assert tuple(read.classes) == LABELS
    (_, _, found) = next(iter(read))
    np.testing.assert_array_equal(found.xyxy.astype(np.float32), masked.boxes)
    np.testing.assert_array_equal(found.mask, np.stack(masks_of(masked)))


def read_yolo(folder: Path, *, masks: bool = False) -> Any:
    import supervision

    parts = (str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"))
    return supervision.DetectionDataset.from_yolo(*parts, force_masks=masks)


def test_supervision_reads_yolo_boxes(put, masked, photo):
    folder = put("yolo", masked)
    read = read_yolo(folder)
    assert tuple(read.classes) == LABELS
    (path, pixels, found) = next(iter(read))
    assert Path(path).read_bytes() == photo.path.read_bytes()
    assert pixels.shape == (120, 160, 3)
    np.testing.assert_allclose(found.xyxy, masked.boxes, atol=1e-4)
    np.testing.assert_array_equal(found.class_id, masked.classes)


def test_yolo_polygons_cover_the_mask_exactly_but_for_its_holes(put, masked):
    from skimage.draw import polygon2mask

    folder = put("yolo", masked, shapes="polygons", tolerance=0)
    lines = (folder / "labels" / "길_1.txt").read_text().splitlines()
    for number, (line, mask) in enumerate(zip(lines, masks_of(masked), strict=True)):
        corners = np.array(line.split()[1:], np.float64).reshape(-1, 2) * SIZE
        # It asks for the centres of pixels, which lie half a pixel from their corners.
        filled = polygon2mask((SIZE.height, SIZE.width), corners[:, ::-1] - 0.5)
        assert np.array_equal(filled | mask, filled)
        assert np.array_equal(filled, mask) is (number < 2)
    (_, _, found) = next(iter(read_yolo(folder, masks=True)))
    assert all((read & mask).sum() == mask.sum() for read, mask in zip(found.mask, masks_of(masked), strict=True))


def test_yolo_goes_on_in_its_folder_but_not_in_one_of_other_classes(put, masked, photo, tmp_path):
    folder = put("yolo", masked)
    second = tmp_path / "source" / "second.png"
    Pillow.fromarray(np.zeros((120, 160, 3), np.uint8)).save(second)
    put("yolo", masked.take([0]), media=open_media(second), scores=True)
    assert sorted(path.name for path in (folder / "images").iterdir()) == ["second.png", "길_1.jpg"]
    assert (folder / "labels" / "second.txt").read_text().split()[-1] == "0.93"
    assert len(read_yolo(folder)) == 2
    other = dataclasses.replace(masked, labels=("person", "cat", "dog"))
    with pytest.raises(ExportError, match="other classes; choose another folder"):
        put("yolo", other)
    assert tuple(read_yolo(folder).classes) == LABELS


def test_pictures_of_one_name_from_two_folders_keep_their_labels(put, masked, photo, tmp_path):
    """Two single exports into one folder, and each once more: nothing of the other one is replaced."""
    other = tmp_path / "elsewhere" / photo.path.name
    other.parent.mkdir()
    Pillow.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(other)
    second = open_media(other)
    for _ in range(2):
        for key in ("yolo", "voc"):
            put(key, masked, name=key)
            put(key, masked.take([0]), name=key, media=second)
    yolo, voc = tmp_path / "yolo", tmp_path / "voc" / "VOCdevkit" / "VOC2012"
    assert sorted(path.stem for path in (yolo / "labels").iterdir()) == ["길_1", "길_1-2"]
    for name, media, count in (("길_1", photo, 3), ("길_1-2", second, 1)):
        assert len((yolo / "labels" / f"{name}.txt").read_text().splitlines()) == count
        xml = (voc / "Annotations" / f"{name}.xml").read_text("utf-8")
        assert xml.count("<object>") == count
        assert f"<filename>{name}.jpg</filename>" in xml
        for folder in (yolo / "images", voc / "JPEGImages"):
            assert (folder / f"{name}.jpg").read_bytes() == media.path.read_bytes()
    assert (voc / "ImageSets" / "Main" / "trainval.txt").read_text("utf-8").split() == ["길_1", "길_1-2"]


def test_pictures_that_differ_in_their_ending_only_keep_their_labels(put, masked, tmp_path):
    for ending in ("jpg", "png"):
        (tmp_path / "in").mkdir(exist_ok=True)
        Pillow.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(tmp_path / "in" / f"a.{ending}")
    options = {"yolo": {"pictures": False}, "voc": {"pictures": False}}
    for _ in range(2):
        for ending, found in (("png", masked.take([0])), ("jpg", masked)):
            for key in ("yolo", "voc"):
                put(key, found, name=key, media=open_media(tmp_path / "in" / f"a.{ending}"), **options[key])
    for name, ending, count in (("a", "jpg", 3), ("a_png", "png", 1)):
        assert len((tmp_path / "yolo" / "labels" / f"{name}.txt").read_text().splitlines()) == count
        xml = (tmp_path / "voc" / "VOCdevkit" / "VOC2012" / "Annotations" / f"{name}.xml").read_text("utf-8")
        assert xml.count("<object>") == count
        assert f"<filename>a.{ending}</filename>" in xml


def test_a_picture_that_exif_turns_is_put_beside_upright(put, item, tmp_path):
    path = tmp_path / "source" / "turned.jpg"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(exist_ok=True)
    Pillow.fromarray(np.zeros((160, 120, 3), np.uint8)).save(path, exif=exif)
    media = open_media(path)
    assert media.size == SIZE
    found = Detections(
        np.array([[0, 0, 80, 60]], np.float32), np.ones(1, np.float32), np.zeros(1, int), LABELS, np.zeros(1, int), SIZE
    )
    folder = put("yolo", found, media=media)
    with Pillow.open(next((folder / "images").iterdir())) as read:
        assert read.size == SIZE
        assert not read.getexif().get(0x0112)


def test_torchvision_and_supervision_read_voc(put, masked):
    import supervision
    from torchvision.datasets import VOCDetection

    folder = put("voc", masked)
    (pixels, told) = VOCDetection(str(folder), year="2012", image_set="trainval")[0]
    assert pixels.size == SIZE
    objects = told["annotation"]["object"]
    assert [entry["name"] for entry in objects] == [masked.label(row) for row in range(3)]
    assert told["annotation"]["size"] == {"width": "160", "height": "120", "depth": "3"}
    # Edges 14.5 and 14.75 are drawn at 14 and 15 (halves go to the even one): the first pixels are number 15 and 16.
    assert objects[0]["bndbox"] == {"xmin": "15", "ymin": "16", "xmax": "56", "ymax": "65"}
    root = folder / "VOCdevkit" / "VOC2012"
    read = supervision.DetectionDataset.from_pascal_voc(str(root / "JPEGImages"), str(root / "Annotations"))
    (_, _, found) = next(iter(read))
    np.testing.assert_array_equal(found.xyxy, np.rint(masked.boxes))


def test_voc_pixels_count_from_one_and_are_never_outside(put):
    boxes = np.array([[0, 0, 160, 120], [159.8, 119.9, 160, 120], [10, 10, 10.2, 11]], np.float32)
    found = Detections(boxes, np.ones(3, np.float32), np.zeros(3, np.int64), LABELS, np.arange(3, dtype=np.int64), SIZE)
    root = ElementTree.parse(put("voc", found) / "VOCdevkit/VOC2012/Annotations/길_1.xml").getroot()
    read = [[int(value.text or "") for value in box] for box in root.iter("bndbox")]
    assert read == [[1, 1, 160, 120], [160, 120, 160, 120], [11, 11, 11, 11]]


def test_labelme_schema(put, masked, photo, tmp_path):
    path = put("labelme", masked, "a.labelme.json", tolerance=0)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert set(read) == {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"}
    assert (path.parent / read["imagePath"]).resolve() == photo.path
    assert not Path(read["imagePath"]).is_absolute()
    assert (read["imageWidth"], read["imageHeight"], read["imageData"]) == (*SIZE, None)
    assert [shape["label"] for shape in read["shapes"]] == ["cat", "person", "person", LABELS[2]]
    assert [shape["group_id"] for shape in read["shapes"]] == [None, 7, 7, None]
    assert {shape["shape_type"] for shape in read["shapes"]} == {"polygon"}
    boxes = json.loads(put("labelme", masked, "b.labelme.json", shapes="boxes").read_text())["shapes"]
    assert all(shape["shape_type"] == "rectangle" and len(shape["points"]) == 2 for shape in boxes)
    np.testing.assert_array_equal(np.array([s["points"] for s in boxes], np.float32).reshape(-1, 4), masked.boxes)


def test_labelme_reads_its_own_form(put, masked, photo):
    labelme = pytest.importorskip(
        "labelme", reason="LabelMe is not among the dependencies: it is GPL and wants a Qt of its own"
    )
    try:
        from labelme.label_file import LabelFile
    except ImportError:  # as of version 6
        from labelme._label_file import LabelFile
    for name, options in (("a.json", {}), ("b.json", {"embed": True}), ("c.json", {"shapes": "boxes"})):
        read = LabelFile(str(put("labelme", masked, name, **options)))
        assert labelme.__version__
        # Version 6 hands out the picture itself.
        picture = Pillow.open(io.BytesIO(read.imageData)) if isinstance(read.imageData, bytes) else read.imageData
        assert picture.size == SIZE
        assert read.shapes[0]["label"] == "cat"
        assert all(len(shape["points"]) >= 2 for shape in read.shapes)


def test_a_frame_is_inside_the_labelme_file(put, masked, picture, tmp_path):
    import base64

    media = Media("id", tmp_path / "clip.mp4", MediaKind.VIDEO, SIZE)
    read = json.loads(put("labelme", masked, "a.labelme.json", media=media).read_text())
    with Pillow.open(io.BytesIO(base64.b64decode(read["imageData"]))) as inside:
        np.testing.assert_array_equal(np.asarray(inside), picture.pixels)


def test_mot_lines_are_motchallenges(put, masked, picture):
    tracked = dataclasses.replace(masked, track_ids=np.array([5, -1, 6]))
    frames = [(Frame(picture.pixels, pts=n / 25), tracked.take(range(n))) for n in range(4)]
    table = np.loadtxt(put("mot", None, "gt.txt", frames), delimiter=",", ndmin=2)
    assert table.shape == (4, 9)
    assert table[:, :2].tolist() == [[2, 5], [3, 5], [4, 5], [4, 6]]
    # As py-motmetrics reads it: corners count from 1.
    corners = table[:, 2:4] - 1
    np.testing.assert_allclose(np.hstack([corners, corners + table[:, 4:6]])[-1], masked.boxes[2], atol=1e-4)
    np.testing.assert_allclose(table[-1, 6:], [0.1, 3, 1], atol=1e-6)


def test_mot_of_what_is_not_followed_is_one_sentence(put, masked, picture, tmp_path):
    with pytest.raises(ExportError, match="switch on tracking and export again"):
        put("mot", None, "gt.txt", [(Frame(picture.pixels), masked)])
    assert not (tmp_path / "gt.txt").exists()


def test_cut_outs_are_the_things_own_pixels(put, masked, picture):
    folder = put("cutouts", masked)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["길_1-a_quoted_one-00012.png", "길_1-cat-00041.png", "길_1-person-00007.png"]
    with Pillow.open(folder / "길_1-cat-00041.png") as read:
        shown = np.asarray(read)
    mask = masks_of(masked)[0]
    # The box's edges as they are drawn: halves go to the even number.
    np.testing.assert_array_equal(shown[:, :, :3], picture.pixels[15:65, 14:56])
    np.testing.assert_array_equal(shown[:, :, 3] > 0, mask[15:65, 14:56])


def test_cut_outs_with_a_margin_stay_within_the_picture(put, masked, picture):
    folder = put("cutouts", masked, margin=30, transparent=False)
    with Pillow.open(folder / "길_1-cat-00041.png") as read:
        np.testing.assert_array_equal(np.asarray(read), picture.pixels[0:95, 0:86])


def test_cut_outs_keep_16_bits_and_alpha(tmp_path, masked, item):
    import cv2

    rng = np.random.default_rng(3)
    deep = Image(rng.integers(0, 65536, (120, 160, 3), np.uint16), rng.integers(0, 65536, (120, 160), np.uint16))
    plain = dataclasses.replace(masked, masks=None).take([1])
    export(EXPORTERS["cutouts"], tmp_path / "c", item(plain, deep), Progress())
    read = cv2.imdecode(np.fromfile(next((tmp_path / "c").iterdir()), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[:, :, 2::-1], deep.pixels[16:44, 68:119])
    np.testing.assert_array_equal(read[:, :, 3], deep.alpha[16:44, 68:119])


def test_a_folder_format_needs_a_folder(put, masked, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="is to be a folder, found a file"):
        put("cutouts", masked)
    assert (tmp_path / "out").read_text() == "mine"


def test_identities_are_the_same_in_every_format_that_holds_them(put, masked, picture):
    tracked = dataclasses.replace(masked, track_ids=np.array([5, -1, 6]))
    frames = [(Frame(picture.pixels, pts=n / 25), tracked.take(range(n))) for n in range(4)]
    wanted = [(0.04, 5), (0.08, 5), (0.08, None), (0.12, 5), (0.12, None), (0.12, 6)]

    table = csv.DictReader(put("csv", None, "a.csv", frames).read_text(encoding="utf-8-sig").splitlines())
    rows = list(table)
    assert [(float(row["time_secs"]), int(row["track_id"]) if row["track_id"] else None) for row in rows] == wanted

    told = json.loads(put("json", None, "a.json", frames).read_text())
    entries = [(frame["time_secs"], row["track_id"]) for frame in told["frames"] for row in frame["detections"]]
    assert entries == wanted

    read = read_coco(put("coco", None, "a.coco.json", frames))
    times = {image["id"]: image["time_secs"] for image in read.dataset["images"]}
    annotations = read.loadAnns(read.getAnnIds())
    assert [(times[entry["image_id"]], entry.get("track_id")) for entry in annotations] == wanted


def test_a_table_of_what_is_not_followed_has_an_empty_column_and_json_no_key(put, masked):
    rows = list(csv.DictReader(put("csv", masked, "a.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["track_id"] for row in rows] == ["", "", ""]
    (frame,) = json.loads(put("json", masked, "a.json").read_text())["frames"]
    assert all("track_id" not in row for row in frame["detections"])


def test_coco_has_key_points_that_pycocotools_reads(tmp_path: Path, photo: Media) -> None:
    from pycocotools.coco import COCO

    points = np.array(
        [[[10, 20], [30.5, 40], [50, 60]], [[1, 2], [3, 4], [0, 0]], [[5, 5], [6, 6], [7, 7]]], np.float32
    )
    scores = np.array([[0.9, 0.5, 0.7], [0.8, 0.4, 0.1], [0.1, 0.1, 0.1]], np.float32)
    names = ("nose", "left hand", "right hand")
    result = Keypoints(points, scores, names, np.arange(3), SIZE, ((0, 1), (0, 2)), threshold=0.3)
    path = tmp_path / "poses.coco.json"
    export(EXPORTERS["coco"], path, ExportItem(photo, None, result, {}, {}), Progress())
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(path))
        loaded = read.loadRes(list(read.anns.values()))
    (category,) = read.cats.values()
    assert (category["keypoints"], category["skeleton"]) == (list(names), [[1, 2], [1, 3]])
    first, second = read.anns.values()
    assert first["keypoints"] == [10, 20, 2, 30.5, 40, 2, 50, 60, 2]
    assert (second["keypoints"], second["num_keypoints"]) == ([1, 2, 2, 3, 4, 2, 0, 0, 0], 2)
    assert first["bbox"] == [10, 20, 40, 40]
    assert first["score"] == pytest.approx(0.7)
    assert len(loaded.anns) == 2
    labelled = ANNOTATION_FORMATS["coco"].read(path)
    assert labelled.categories[0].keypoints == names
