"""HOG and Haar against OpenCV called directly, on real photographs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.models import MODELS
from cvstudio.models.detection.haar import CASCADES, HaarParams
from cvstudio.models.detection.hog import HogParams
from cvstudio.results.detections import Detections

PHOTOS = (
    *("both", "bus", "dog", "eagle", "faces_biubug6_1", "faces_biubug6_sample", "faces_data_multiface"),
    *("faces_data_test_images_angelina_jolie_1", "faces_data_test_images_kate_siegel_1"),
    *("faces_data_test_images_paul_rudd_1", "giraffe", "horses", "kite", "person", "scream", "zidane"),
)
SMALL = ("both", "person", "scream")
LARGE = ("faces_biubug6_1", "faces_data_test_images_angelina_jolie_1", "faces_data_test_images_paul_rudd_1")
EVERY_PHOTO = [pytest.param(photo, marks=[pytest.mark.long] if photo in LARGE else []) for photo in PHOTOS]
OTHERS = [cascade.key for cascade in CASCADES if cascade.key != "haar-face"]


def read(path: Path) -> Image:
    with open_reader(open_media(path)) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    return image


def rows(rects: Any, scores: Any) -> list[tuple[float, ...]]:
    """Boxes as x, y, width, height with their score, in a defined order."""
    found = np.column_stack((np.reshape(rects, (-1, 4)), np.float32(np.ravel(scores))))
    return sorted(map(tuple, found.tolist()))


def found_rows(found: Detections) -> list[tuple[float, ...]]:
    corners = found.boxes.astype(np.float64)
    return rows(np.column_stack((corners[:, :2], corners[:, 2:] - corners[:, :2])), found.scores)


def test_the_list_names_every_photo(data: Callable[..., Path]) -> None:
    assert sorted(PHOTOS) == sorted(path.stem for path in data("photos").iterdir())


@pytest.mark.parametrize("photo", EVERY_PHOTO)
def test_hog_equals_opencv(photo: str, data: Callable[..., Path], detect: Callable[..., Detections]) -> None:
    path = data("photos", f"{photo}.{'png' if photo == 'both' else 'jpg'}")
    direct = cv2.HOGDescriptor()
    direct.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    picture = read(path)
    bgr = np.ascontiguousarray(picture.rgb8[..., ::-1])
    assert found_rows(detect(picture, "hog")) == rows(*direct.detectMultiScale(bgr))


def check_cascade(key: str, path: Path, detect: Callable[..., Detections]) -> None:
    file_name = next(cascade.file_name for cascade in CASCADES if cascade.key == key)
    direct = cv2.CascadeClassifier(cv2.data.haarcascades + file_name)
    picture = read(path)
    # The pixels that the program reads: two of the photographs carry a colour profile, which `imread` leaves out.
    grey = cv2.cvtColor(picture.rgb8, cv2.COLOR_RGB2GRAY)
    boxes = direct.detectMultiScale(grey)
    found = detect(picture, key, max_count=2000)
    assert [row[:4] for row in found_rows(found)] == [row[:4] for row in rows(boxes, np.zeros(len(boxes)))]
    if path.stem in SMALL:
        assert found_rows(found) == rows(*direct.detectMultiScale2(grey))


@pytest.mark.parametrize("photo", EVERY_PHOTO)
def test_haar_faces_equal_opencv(photo: str, data: Callable[..., Path], detect: Callable[..., Detections]) -> None:
    check_cascade("haar-face", data("photos", f"{photo}.{'png' if photo == 'both' else 'jpg'}"), detect)


@pytest.mark.parametrize("key", OTHERS)
@pytest.mark.parametrize(
    "photo", [photo if photo in SMALL else pytest.param(photo, marks=pytest.mark.long) for photo in PHOTOS]
)
def test_haar_others_equal_opencv(
    key: str, photo: str, data: Callable[..., Path], detect: Callable[..., Detections]
) -> None:
    check_cascade(key, data("photos", f"{photo}.{'png' if photo == 'both' else 'jpg'}"), detect)


def test_parameters_reach_opencv(data: Callable[..., Path], detect: Callable[..., Detections]) -> None:
    path = data("photos", "person.jpg")
    image, bgr = read(path), cv2.imread(str(path))
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    expected = hog.detectMultiScale(bgr, 0.25, (4, 4), (16, 16), 1.1, 0)
    found = detect(image, "hog", hit_threshold=0.25, stride=4, padding=16, scale_step=1.1, merge=0, max_count=2000)
    assert found_rows(found) == rows(*expected)
    assert len(found) > len(detect(image, "hog"))
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_fullbody.xml")
    expected = cascade.detectMultiScale2(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), 1.05, 1, 0, (40, 40))
    found = detect(image, "haar-full-body", scale_factor=1.05, min_neighbors=1, min_size=40)
    assert found_rows(found) == rows(*expected)
    assert len(found) > 0


def test_the_face_of_the_astronaut() -> None:
    image = Image(skimage.data.astronaut())
    found = MODELS["haar-face"].load("cpu", None).predict(image, HaarParams(), Progress())
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    # The nose of the astronaut is near 224, 110.
    assert (np.abs(centres - [224, 110]).max(axis=1) < 25).any()
    assert found.label(0) == "face"
    assert found.score_kind == "neighbours"


def test_two_layers_may_search_with_one_cascade_at_once() -> None:
    network = MODELS["haar-face"].load("cpu", None)
    whole = skimage.data.astronaut()
    pictures = [Image(np.ascontiguousarray(whole[row:, row:])) for row in (0, 16, 32, 48)]

    def look(start: int) -> list[list[tuple[float, ...]]]:
        turned = [*range(start, 4), *range(start)]
        found = {place: found_rows(network.predict(pictures[place], HaarParams(), Progress())) for place in turned * 2}
        return [found[place] for place in range(4)]

    expected = look(0)
    assert all(expected)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(look, range(3))) == [expected] * 3


def test_raw_windows_of_hog_give_suppression_work(detect: Callable[..., Detections]) -> None:
    image = Image(skimage.data.astronaut())
    every = detect(image, "hog", merge=0, iou=1.0)
    thinned = detect(image, "hog", merge=0, iou=0.4)
    assert 0 < len(thinned) < len(every)
    assert set(thinned.ids.tolist()) <= set(every.ids.tolist())


@pytest.mark.parametrize(
    ("key", "size"),
    [
        *(("hog", size) for size in ((1, 1), (63, 200), (64, 127), (127, 64), (200, 20))),
        *(("haar-face", size) for size in ((1, 1), (23, 200), (200, 23))),
    ],
)
def test_a_picture_smaller_than_the_window_has_no_objects(
    key: str, size: tuple[int, int], detect: Callable[..., Detections]
) -> None:
    pixels: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert len(detect(Image(pixels), key)) == 0


def test_a_plain_picture_has_no_objects(detect: Callable[..., Detections]) -> None:
    image = Image(np.full((256, 256, 3), 128, np.uint8))
    for key in ("hog", "haar-face"):
        found = detect(image, key, iou=0.3)
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)


@pytest.mark.parametrize("key", ["hog", *(cascade.key for cascade in CASCADES)])
def test_contract(key: str) -> None:
    spec = MODELS[key]
    network = spec.load("cuda", None)  # the device is for networks; these run where OpenCV runs
    image = Image(skimage.data.astronaut())
    before = image.pixels.copy()
    found = network.predict(image, spec.params(), Progress())
    np.testing.assert_array_equal(image.pixels, before)
    assert network.labels == spec.labels == found.labels
    assert found.size == image.size
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids.tolist() == list(range(len(found)))
    assert not found.boxes.flags.writeable
    assert spec.weights == ()
    assert spec.summary.endswith(".")
    cancelled = Progress()
    cancelled.cancel()
    with pytest.raises(Cancelled):
        network.predict(image, spec.params(), cancelled)


@pytest.mark.parametrize("params", [HogParams, HaarParams])
def test_every_parameter_says_what_to_try(params: type[Any]) -> None:
    for field in fields_of(params):
        assert field.doc.what.endswith(".")
        assert field.doc.hint.endswith(".")


class TestCascadeFiles:
    def test_a_file_of_ones_own(self, tmp_path: Path) -> None:
        path = tmp_path / "얼굴 faces.xml"
        path.write_bytes((Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml").read_bytes())
        image = Image(skimage.data.astronaut())
        own = MODELS["haar-face"].load("cpu", path).predict(image, HaarParams(), Progress())
        alt2 = MODELS["haar-face-alt2"].load("cpu", None).predict(image, HaarParams(), Progress())
        assert found_rows(own) == found_rows(alt2)

    def test_missing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
        with pytest.raises(WeightsError, match=r"haarcascade_eye\.xml, but it is not in .*; install opencv-python"):
            MODELS["haar-eyes"].load("cpu", None)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"garbage",
            b"\xff\xfe\x00\x01",
            b'<?xml version="1.0"?><opencv_storage></opencv_storage>',
            b'<?xml version="1.0"?><opencv_storage><a>1</a></opencv_storage>',
            (Path(cv2.data.haarcascades) / "haarcascade_eye.xml").read_bytes()[:5000],
        ],
    )
    def test_broken(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "broken.xml"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"broken\.xml is damaged or something else") as caught:
            MODELS["haar-face"].load("cpu", path)
        assert "\n" not in str(caught.value)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError):
            MODELS["haar-face"].load("cpu", tmp_path)

    def test_hog_takes_none(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="takes no checkpoint"):
            MODELS["hog"].load("cpu", tmp_path / "svm.pth")


def test_classical_detection_imports_no_torch() -> None:
    import subprocess

    code = (
        "import sys, numpy as np\n"
        "from cvstudio.models.runtime.host import Host\nfrom cvstudio.models import MODELS\n"
        "from cvstudio.data.boxes import nms\n"
        "from cvstudio.analyses import ANALYSES\nfrom cvstudio.foundation.progress import Progress\n"
        "from cvstudio.data.samples import Image\n"
        "host = Host(); ANALYSES['detect']\n"
        "for spec in MODELS: host.network_key(spec)\n"
        "for key in ('hog', 'haar-face'):\n"
        "    network = host.network(MODELS[key], None, Progress())\n"
        "    found = network.predict(Image(np.zeros((200, 200, 3), np.uint8)), MODELS[key].params(), Progress())\n"
        "    nms(found.boxes, found.scores, found.classes, 0.5)\n"
        "host.close()\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
