"""The embedded detector's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.detector_task import DetectorTask

    return DetectorTask(settings)


def _evaluation() -> RecipeEvaluation:
    from cvstudio.training import detector_evaluation

    return detector_evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    held_out = "the held-out tenth of voc5 (190 photographs)"
    elsewhere = "coco128 (128 photographs of another set, none trained on)"
    each = ", ".join(
        f"{name.removeprefix('voc5 AP50 ')} {value:.1%}"
        for name, value in figures.items()
        if name.startswith("voc5 AP50 ")
    )
    return (
        ("box mAP50", f"{figures['voc5 mAP50']:.1%}", held_out),
        ("box AP50 by class", each, held_out),
        ("box mAP50", f"{figures['coco128 mAP50']:.1%}", elsewhere),
        ("mask IoU of found boxes", f"{figures['voc5 mask IoU']:.1%}", f"{figures['voc5 masks']:.0f} of {held_out}"),
        ("mask IoU of found boxes", f"{figures['coco128 mask IoU']:.1%}", elsewhere),
        (
            "false boxes per picture",
            f"{figures['false boxes per picture']:.2f}",
            f"the {figures['pictures without']:.0f} photographs of coco128 without the five classes",
        ),
    )


RECIPES.register(
    TrainingRecipe(
        key="detector",
        title="Small detector with masks, 5 classes",
        summary="The classifier's trunk learns boxes and masks from photographs, pseudo-labels and GrabCut.",
        model="pyramid-5",
        sources=(
            TrainingSource(
                "PASCAL VOC 2007, five classes", "VOC and Flickr terms", "boxes, masks by hand, masks by GrabCut"
            ),
            TrainingSource(
                "Tiny ImageNet, 60 of its 200 classes", "ImageNet terms: research and education only", "pseudo-labels"
            ),
            TrainingSource("ImageNet, one photograph of each of 250 classes", "ImageNet terms", "pseudo-labels"),
            TrainingSource("YOLOX-nano trained on COCO", "Apache-2.0; COCO terms for its data", "teacher"),
            TrainingSource("The embedded classifier", "ImageNet terms", "trunk to start from"),
        ),
        licence="VOC, Flickr and ImageNet terms: non-commercial research and education",
        non_commercial=True,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=(
            "It knows persons, cars, cats, buses and trains only; dogs are sometimes taken for cats.",
            "It misses small and crowded things: it sees a picture at 416 pixels.",
            "Not for anything that safety or a person's rights depend on.",
        ),
        files=(
            "voc5/images",
            "voc5/masks",
            "voc5/instances.json",
            "imagenet_samples",
            "tiny_imagenet/train.tar",
            "weights/yolox_nano_coco.onnx",
        ),
    )
)
