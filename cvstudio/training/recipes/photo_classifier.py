"""Recipes of the default classifier and of its sister on the shared trunk: their weights are published, and only the
calibration is measured here."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, TrainingRecipe, TrainingSource
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _evaluation(model: str) -> LateEvaluation:
    def load() -> RecipeEvaluation:
        from cvstudio.training.photo_classifier.evaluation import PhotoEvaluation

        return PhotoEvaluation(model)

    return LateEvaluation(load)


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    known = f"{figures['coco128 crops']:.0f} things cut out of coco128, of classes that ImageNet has"
    strangers = f"{figures['coco128 strangers']:.0f} persons and other things of coco128 that ImageNet has no class for"
    own = "250 photographs of ImageNet, which it was trained on"
    return (
        ("top-1", f"{figures['coco128 top-1']:.1%}", known),
        ("named, not unknown", f"{figures['coco128 named']:.1%}", known),
        ("right where named", f"{figures['coco128 right where named']:.1%}", known),
        ("named all the same", f"{figures['coco128 strangers named']:.1%}", strangers),
        ("top-1", f"{figures['ImageNet top-1']:.1%}", own),
        ("top-5", f"{figures['ImageNet top-5']:.1%}", own),
    )


def _recipe(key: str, title: str, summary: str, model: str, not_for: tuple[str, ...]) -> TrainingRecipe:
    return TrainingRecipe(
        key=key,
        title=title,
        summary=summary,
        model=model,
        sources=(
            TrainingSource("ImageNet", "Apache-2.0, as its publisher states for the weights", "classes, by others"),
            TrainingSource("PASCAL VOC 2007, five classes", "VOC and Flickr terms", "temperature and threshold only"),
        ),
        licence="Apache-2.0",
        non_commercial=False,
        make=None,
        calibrate=_evaluation(model).calibrate,
        evaluate=_evaluation(model).evaluate,
        describe=_describe,
        not_for=(
            *not_for,
            "It names one thing for the whole picture: small things and crowds are for a detector.",
            "It knows ImageNet's classes: many breeds of dogs, no persons, no giraffes.",
            "Not for anything that safety or a person's rights depend on.",
        ),
        files=("voc5/images", "voc5/instances.json", "coco128", "imagenet_samples"),
    )


RECIPES.register(
    _recipe(
        "photo-classifier",
        "EfficientNet-Lite0, calibrated",
        "Published weights learn when to say that they do not know, on things cut out of photographs.",
        "efficientnet-lite0",
        (),
    )
)
RECIPES.register(
    _recipe(
        "scene-classifier",
        "EfficientNet-Lite0 for whole pictures, calibrated",
        "The same weights on the input of the default detector, whose trunk they share.",
        "efficientnet-lite0-scene",
        ("It is less accurate than EfficientNet-Lite0, which sees pictures as large as those that it was trained on.",),
    )
)
