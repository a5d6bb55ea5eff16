"""The default detector's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import Evaluation, LateEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.everyday_task import EverydayTask

    return EverydayTask(settings)


def _evaluation() -> Evaluation:
    from cvstudio.training import detector_evaluation

    return detector_evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    return ()


RECIPES.register(
    TrainingRecipe(
        key="everyday-detector",
        title="Detector of everyday things with masks",
        summary="A pyramid on EfficientNet-Lite0 learns what YOLOX-nano sees at every place of everyday photographs.",
        model="pyramid-lite0",
        sources=(
            TrainingSource("PASCAL VOC 2007, five classes", "VOC and Flickr terms", "photographs, boxes, masks"),
            TrainingSource("Flickr8k, 800 photographs", "Flickr8k research terms", "photographs"),
            TrainingSource("ImageNet, one photograph of each of 250 classes", "ImageNet terms", "photographs"),
            TrainingSource("CamVid, training part", "non-commercial", "photographs"),
            TrainingSource("NYU Depth v2", "NYU research terms", "photographs of rooms"),
            TrainingSource(
                "Tiny ImageNet, 60 of its 200 classes", "ImageNet terms: research and education only", "photographs"
            ),
            TrainingSource("YOLOX-nano trained on COCO", "Apache-2.0; COCO terms for its data", "teacher"),
            TrainingSource("EfficientNet-Lite0 trained on ImageNet", "Apache-2.0; ImageNet terms", "trunk"),
        ),
        licence="VOC, Flickr, ImageNet, CamVid and NYU terms: non-commercial research and education",
        non_commercial=True,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=("Not for anything that safety or a person's rights depend on.",),
        files=(
            "voc5/images",
            "voc5/instances.json",
            "flickr8k/images",
            "imagenet_samples",
            "camvid/train/images",
            "nyu_depth/rgb",
            "tiny_imagenet/train.tar",
            "weights/yolox_nano_coco.onnx",
        ),
    )
)
