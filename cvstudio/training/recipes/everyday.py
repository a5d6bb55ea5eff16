"""The default detector's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.everyday.task import EverydayTask

    return EverydayTask(settings)


def _evaluation() -> RecipeEvaluation:
    from cvstudio.training.everyday import evaluation

    return evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    test = "coco128 (128 photographs, which only the teacher learnt from; two limits were set after a look at them)"

    def interval(name: str) -> str:
        return f"90 % interval {figures[f'{name} from']:.1%} to {figures[f'{name} to']:.1%}"

    rows = [
        ("box AP50 of persons", f"{figures['coco128 AP50 person']:.1%}, {interval('person')}", test),
        (
            f"box mAP50 of the {figures['coco128 frequent classes']:.0f} classes with at least 30 training boxes",
            f"{figures['coco128 frequent mAP50']:.1%}, {interval('frequent')}",
            test,
        ),
        (
            f"box mAP50 of all {figures['coco128 classes']:.0f} classes in it, unknown ones as 0",
            f"{figures['coco128 mAP50']:.1%}, {interval('all')}",
            test,
        ),
        ("false boxes per picture at the default score", f"{figures['false boxes per picture']:.2f}", test),
    ]
    if "coco128 mask IoU" in figures:
        found = f"{figures['coco128 masks']:.0f} found things of {test}"
        rows.append(("mask IoU", f"{figures['coco128 mask IoU']:.1%}", found))
    start = "errors in "
    worst = [f"{name.removeprefix(start)}: {value:.0f}" for name, value in figures.items() if name.startswith(start)]
    if worst:
        rows.append(("photographs with the most boxes missed or false at the default score", ", ".join(worst), test))
    return tuple(rows)


RECIPES.register(
    TrainingRecipe(
        key="everyday-detector",
        title="Detector of everyday things with masks",
        summary="YOLOX-nano's pyramid and head learn to see through the trunk of the default classifier.",
        model="pyramid-lite0",
        sources=(
            TrainingSource("PASCAL VOC 2007, five classes", "VOC and Flickr terms", "photographs, boxes, masks"),
            TrainingSource("Flickr8k, 800 photographs", "Flickr8k research terms", "photographs"),
            TrainingSource("ImageNet, one photograph of each of 250 classes", "ImageNet terms", "photographs"),
            TrainingSource("CamVid, training part", "non-commercial", "photographs, masks"),
            TrainingSource("NYU Depth v2", "NYU research terms", "photographs of rooms"),
            TrainingSource(
                "Tiny ImageNet, 60 of its 200 classes", "ImageNet terms: research and education only", "photographs"
            ),
            TrainingSource(
                "YOLOX-nano trained on COCO",
                "Apache-2.0; COCO terms for its data",
                "teacher, and the weights from which pyramid and head start",
            ),
            TrainingSource(
                "EfficientNet-Lite0 trained on ImageNet",
                "Apache-2.0; ImageNet terms",
                "trunk, and a second opinion on animals and large things",
            ),
        ),
        licence="VOC, Flickr, ImageNet, CamVid and NYU terms: non-commercial research and education",
        non_commercial=True,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=(
            "It sees a picture at 416 pixels: it misses small and crowded things.",
            "It mixes up what looks alike: a horse may be taken for a cow, and a giraffe for a dog.",
            "It answers only with classes that its training photographs showed often; YOLOX and DETR know 80.",
            "Not for anything that safety or a person's rights depend on.",
        ),
        files=(
            "voc5/images",
            "voc5/instances.json",
            "voc5/masks",
            "flickr8k/images",
            "imagenet_samples",
            "camvid/train/images",
            "camvid/train/labels",
            "nyu_depth/rgb",
            "tiny_imagenet/train.tar",
            "weights/yolox_nano_coco.onnx",
        ),
    )
)
