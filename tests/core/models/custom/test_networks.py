from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import CustomModelError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.reader_pool import Readers
from cvstudio.models.custom.declaration import read_declaration
from cvstudio.models.custom.infer_declaration import infer_declaration
from cvstudio.models.custom.inference import open_session
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.custom.networks import cut_out, load, peaks

GREY = Image(np.full((48, 96, 3), 90, np.uint8))


def f32(*values: Any) -> np.ndarray:
    return np.array(values, np.float32)


def predict(model: CustomModel, image: Image) -> Any:
    return load(model, "cpu").predict(image, NoParams(), Progress())


def picture(path: Path) -> Image:
    with Readers() as readers:
        return readers.get(open_media(path)).read()


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "corner"])
def test_boxes_come_back_to_the_picture_through_each_way_of_resizing(
    resize: str, constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    # Of a picture of 96 x 48 the input of 64 x 64 shows 64 x 32, but for "stretch".
    top = {"stretch": 0, "letterbox": 16, "corner": 0}[resize]
    high = 64 if resize == "stretch" else 32
    box = [16, top + high / 4, 48, top + high / 2]
    path = declare(constant({"out": f32([[*box, 0.9, 1]])}), "detect", "rows", ["a", "b"], input={"resize": resize})
    found = predict(read_declaration(path), GREY)
    assert found.boxes.tolist() == [pytest.approx([24, 12, 72, 24], abs=1e-4)]
    assert (found.label(0), found.size) == ("b", GREY.size)


def test_a_segmenter_tells_the_window_of_the_picture_in_its_maps(by_colour: Path, declare: Callable[..., Path]) -> None:
    pixels = np.zeros((48, 96, 3), np.uint8)
    pixels[:, :48, 0], pixels[:, 48:, 2] = 255, 255
    model = read_declaration(declare(by_colour, "segment", "class-logits", "names.txt", input={"resize": "letterbox"}))
    maps = predict(model, Image(pixels))
    assert maps.window == (0, 4, 16, 12)
    assert maps.logits[:, 8, 3].tolist() == [255, 0, 0]
    assert maps.logits[:, 8, 12].tolist() == [0, 0, 255]
    assert maps.logits[:, 1, 3].tolist() == [114, 114, 114]


@pytest.fixture(autouse=True)
def names(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")


def test_an_input_of_bytes_or_halves_is_given_what_it_takes(
    constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    for number, kind in enumerate((TensorProto.UINT8, TensorProto.FLOAT16, TensorProto.DOUBLE)):
        path = constant({"out": f32([1, 2, 3])}, kind=kind, name=f"{number}.onnx")
        found = predict(read_declaration(declare(path, "classify", "logits", ["a", "b", "c"])), GREY)
        assert found.values.tolist() == [1, 2, 3]


def test_what_the_file_takes_and_the_declaration_makes_are_compared(
    constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    path = declare(constant({"out": f32([1, 2])}), "classify", "logits", ["a", "b"], input={"size": [32, 64]})
    with pytest.raises(CustomModelError, match="takes 1x3x64x64, but the declaration makes 1x3x64x32"):
        load(read_declaration(path), "cpu").warm_up(Progress())
    path = declare(constant({"out": f32([1, 2])}), "classify", "logits", ["a", "b"], input={"layout": "NHWC"})
    with pytest.raises(CustomModelError, match="makes 1x64x64x3"):
        load(read_declaration(path), "cpu").warm_up(Progress())


def test_a_wrong_decoder_is_told_when_the_model_is_warmed_up(
    constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    path = declare(constant({"out": np.zeros((1, 84, 7), np.float32)}), "detect", "yolox", "coco-80")
    with pytest.raises(CustomModelError, match=r"expects 1x84x85 .*, found out 1x84x7"):
        load(read_declaration(path), "cpu").warm_up(Progress())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be opened"),
        (b"no network at all", "cannot be opened"),
        (b"PK\x03\x04 damaged", "tensors only or is damaged"),
    ],
)
def test_a_file_that_is_no_network_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(CustomModelError, match=told) as error:
        open_session(path)
    assert "\n" not in str(error.value)
    with pytest.raises(CustomModelError, match=r"cannot be read .* put it back"):
        open_session(tmp_path / "gone.onnx")


def test_a_state_dict_is_not_taken_for_a_program(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "net.pt")
    with pytest.raises(CustomModelError, match="holds tensors only"):
        open_session(tmp_path / "net.pt")


class Doubles(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"probabilities": x.mean(dim=(2, 3)), "other": x[0, 0, 0, :2]}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "program.pt"
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Doubles()).save(str(path))
    return path


def test_torchscript_answers_by_name(script: Path, declare: Callable[..., Path]) -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[..., 1] = 204
    path = declare(script, "classify", "probabilities", "names.txt", input={"scale": 1 / 255})
    found = predict(read_declaration(path), Image(pixels))
    assert np.exp(found.values) == pytest.approx([0, 0.8, 0], abs=1e-6)


def test_torchscript_that_does_not_fit_is_told_in_one_sentence(script: Path, declare: Callable[..., Path]) -> None:
    path = declare(script, "classify", "logits", "names.txt", input={"layout": "HWC"})
    with pytest.raises(CustomModelError, match="does not take 64x64x3") as error:
        predict(read_declaration(path), GREY)
    assert "\n" not in str(error.value)


def test_a_scripted_detector_of_torchvision_gives_torchvisions_boxes(tmp_path: Path) -> None:
    import warnings

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(4)
        reference = ssdlite320_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=5, score_thresh=0.02
        ).eval()
        torch.jit.script(reference).save(str(tmp_path / "ssdlite.pt"))
    model = infer_declaration(tmp_path / "ssdlite.pt")
    assert (model.task, model.decoder, model.input.layout) == ("detect", "ssd", "CHW")
    labels = ("a", "b", "c", "d")
    model = CustomModel(**{**vars(model), "labels": labels, "first_label": 1})
    random = np.random.default_rng(2)
    pixels = random.integers(0, 255, (model.input.size[1], model.input.size[0], 3), np.uint8)
    found = predict(model, Image(pixels))
    with torch.inference_mode():
        (expected,) = reference([torch.from_numpy(pixels).permute(2, 0, 1) / 255])
    assert len(found) == len(expected["boxes"]) > 5
    assert np.allclose(found.scores, expected["scores"].numpy(), atol=1e-5)
    assert np.allclose(found.boxes, expected["boxes"].numpy(), atol=1e-2)
    assert np.array_equal(found.classes + 1, expected["labels"].numpy())


# Key points -----------------------------------------------------------------------------------------------------------


def test_a_peak_leans_a_quarter_of_a_cell_towards_the_higher_neighbour() -> None:
    maps = np.zeros((2, 6, 8), np.float32)
    maps[0, 2, 3], maps[0, 2, 4], maps[0, 1, 3] = 0.8, 0.5, 0.2
    maps[1, 0, 7] = 1.3
    places, scores = peaks(maps)
    assert places.tolist() == [[3.75, 2.25], [7.5, 0.5]]
    assert scores.tolist() == [pytest.approx(0.8), 1]


def test_a_cut_out_has_the_inputs_shape_and_knows_where_it_lies() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[40:60, 90:110] = 255
    cut, origin, scale = cut_out(pixels, f32(90, 40, 110, 60)[0:4].reshape(4), (48, 64), 1.5)
    # 20 x 20 becomes 20 x 26.67 in the shape of the input, then half as large again.
    assert origin == (pytest.approx(85), pytest.approx(30))
    assert scale == pytest.approx(48 / 30)
    rows, columns = np.nonzero(cut[..., 0] > 127)
    expected = [(90 - 85) * scale, (40 - 30) * scale, (110 - 85) * scale, (60 - 30) * scale]
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert found == pytest.approx(expected, abs=0.51)


def test_points_of_the_whole_picture_come_back_to_it(
    constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    maps = np.zeros((1, 2, 16, 16), np.float32)
    maps[0, 0, 4, 2], maps[0, 1, 11, 15] = 0.7, 0.4
    path = declare(constant({"out": maps}), "keypoints", "heat-maps", ["tip", "tail"], skeleton=[["tip", "tail"]])
    found = predict(read_declaration(path), GREY)
    # Cells of 6 x 3 pixels of the picture of 96 x 48.
    assert found.points[0].tolist() == [pytest.approx([15, 13.5]), pytest.approx([93, 34.5])]
    assert found.scores[0].tolist() == [pytest.approx(0.7), pytest.approx(0.4)]
    assert (found.skeleton, found.boxes) == (((0, 1),), None)


def test_a_region_label_that_the_detector_lacks_is_told(
    constant: Callable[..., Path], declare: Callable[..., Path]
) -> None:
    path = constant({"out": np.zeros((1, 1, 16, 16), np.float32)})
    model = read_declaration(
        declare(path, "keypoints", "heat-maps", ["tip"], regions="pyramid-5", region_label="giraffe")
    )
    with pytest.raises(CustomModelError, match="found 'giraffe'; there are: person, car"):
        predict(model, GREY)


def test_simplepose_is_anatomically_right(data: Callable[..., Path]) -> None:
    model = infer_declaration(data("weights", "simplepose_coco17.onnx"))
    assert (model.task, model.decoder, model.regions) == ("keypoints", "heat-maps", "pyramid-lite0")
    image = picture(data("photos", "person.jpg"))
    found = predict(model, image)
    assert len(found) == 1
    assert found.scores.min() > 0.4
    x, y = (
        dict(zip(found.labels, found.points[0, :, 0], strict=True)),
        dict(zip(found.labels, found.points[0, :, 1], strict=True)),
    )
    for side in ("left", "right"):
        order = [y[f"{side} {part}"] for part in ("ear", "shoulder", "elbow", "wrist")]
        assert order == sorted(order)
        order = [y[f"{side} {part}"] for part in ("shoulder", "hip", "knee", "ankle")]
        assert order == sorted(order)
    # The person is seen from behind: left is at the left.
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert x[f"left {part}"] < x[f"right {part}"]
    # YOLO's own example picture: the person stands at about x 190 to 275, y 98 to 378.
    assert 190 <= min(x.values()) < max(x.values()) <= 275
    assert 98 <= min(y.values()) < max(y.values()) <= 378


def test_yolox_nano_reaches_its_figures_through_a_guess(data: Callable[..., Path]) -> None:
    model = infer_declaration(data("weights", "yolox_nano_coco.onnx"))
    assert (model.task, model.decoder, model.label_set) == ("detect", "yolox", "coco-80")
    found = predict(model, picture(data("photos", "dog.jpg")))
    best = {found.label(row): float(found.scores[row]) for row in reversed(range(len(found)))}
    assert best["dog"] == pytest.approx(0.86, abs=0.01)
    assert best["bicycle"] == pytest.approx(0.80, abs=0.01)
    assert best["car"] == pytest.approx(0.80, abs=0.01)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_squeezenet_through_onnx_reaches_torchvisions_accuracy(data: Callable[..., Path], tmp_path: Path) -> None:
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    reference = squeezenet1_1(weights=None)
    reference.load_state_dict(torch.load(data("weights", "squeezenet1_1_imagenet.pth"), weights_only=True))
    reference.eval()
    path = tmp_path / "squeezenet.onnx"
    torch.onnx.export(reference, (torch.zeros(1, 3, 224, 224),), path, dynamo=True)
    model = infer_declaration(path)
    assert (model.task, model.decoder, model.label_set) == ("classify", "logits", "imagenet-1000")
    network = load(model, "cpu")
    prepare = SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()
    right, theirs, same = [], [], []
    paths = sorted(data("imagenet_samples").glob("*.*"))
    for file in paths:
        number = int(file.name.split("_")[0].split("-")[0])
        image = picture(file)
        found = int(network.predict(image, NoParams(), Progress()).values.argmax())
        with torch.inference_mode():
            batch = prepare(torch.from_numpy(image.rgb8.transpose(2, 0, 1).copy()))[None]
            expected = int(reference(batch).argmax())
        right.append(found == number)
        theirs.append(expected == number)
        same.append(found == expected)
    assert len(right) >= 200
    assert abs(np.mean(right) - np.mean(theirs)) < 0.02
    assert np.mean(same) > 0.93
    assert np.mean(right) == pytest.approx(0.61, abs=0.05)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_yolox_nano_reaches_its_average_precision_by_cocos_own_evaluation(data: Callable[..., Path]) -> None:
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from cvstudio.data.boxes import nms

    network = load(infer_declaration(data("weights", "yolox_nano_coco.onnx")), "cpu")
    labels = data("coco128", "object_detection", "labels", "train2017")
    images: list[Any] = []
    truth: list[Any] = []
    found: list[Any] = []
    for number, path in enumerate(sorted(data("coco128", "images", "train2017").glob("*.jpg"))):
        image = picture(path)
        width, height = image.size
        images.append({"id": number, "width": width, "height": height})
        text = labels / f"{path.stem}.txt"
        for row in np.loadtxt(text, ndmin=2) if text.is_file() and text.stat().st_size else ():
            box = [(row[1] - row[3] / 2) * width, (row[2] - row[4] / 2) * height, row[3] * width, row[4] * height]
            truth.append(
                {"id": len(truth) + 1, "image_id": number, "category_id": int(row[0]), "bbox": box, "iscrowd": 0}
                | {"area": box[2] * box[3]}
            )
        boxes = network.predict(image, NoParams(), Progress())
        # The likeliest class of each place alone, as the reading that gave the figure took it.
        boxes = boxes.take(np.sort(np.unique(boxes.boxes, axis=0, return_index=True)[1]))
        boxes = boxes.take(nms(boxes.boxes, boxes.scores, boxes.classes, 0.45))
        found += [
            {"image_id": number, "category_id": int(kind), "score": float(score)}
            | {"bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]}
            for (x1, y1, x2, y2), score, kind in zip(boxes.boxes, boxes.scores, boxes.classes, strict=True)
        ]
    assert len(images) == 128
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        categories = [{"id": number, "name": name} for number, name in enumerate(network.labels)]
        reference.dataset = {"images": images, "annotations": truth, "categories": categories}
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[1] == pytest.approx(0.505, abs=0.005)
