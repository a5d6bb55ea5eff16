"""The embedded classifier's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.classifier_task import ClassifierTask

    return ClassifierTask(settings)


def _evaluation() -> RecipeEvaluation:
    from cvstudio.training import classifier_evaluation

    return classifier_evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    held_out = "the held-out tenth of the 60 classes (2,400 pictures)"
    strangers = "unseen photographs of other classes"
    return (
        ("top-1", f"{figures['top-1']:.1%}", held_out),
        ("top-5", f"{figures['top-5']:.1%}", held_out),
        ("expected calibration error", f"{figures['calibration error']:.1%}", held_out),
        ("named with confidence", f"{figures['named']:.1%}", held_out),
        ("right where named", f"{figures['right where named']:.1%}", held_out),
        ("wrongly named with confidence", f"{figures['strangers named']:.1%}", strangers),
        ("wrongly named, made as coarse as 64 pixels", f"{figures['coarse strangers named']:.1%}", strangers),
    )


RECIPES.register(
    TrainingRecipe(
        key="classifier",
        title="Small residual network, 60 classes",
        summary="SqueezeNet is transferred to 60 classes and teaches a small residual network.",
        model="residual-60",
        sources=(
            TrainingSource(
                "Tiny ImageNet, 60 of its 200 classes", "ImageNet terms: research and education only", "labels"
            ),
            TrainingSource(
                "ImageNet, one photograph of each of 250 classes", "ImageNet terms", "distillation, other classes"
            ),
            TrainingSource("PASCAL VOC 2007, five classes", "VOC and Flickr terms", "distillation, without labels"),
            TrainingSource("SqueezeNet 1.1 trained on ImageNet", "ImageNet terms for its data", "teacher"),
        ),
        licence="ImageNet terms: non-commercial research and education",
        non_commercial=True,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=(
            "It knows 60 classes only; what is none of them should come out as unknown, and does not always.",
            "It learnt from pictures of 64 pixels: breeds, models and other fine differences escape it.",
            "It names the one thing that fills the picture, not small things or several.",
        ),
        files=("tiny_imagenet/train.tar", "imagenet_samples", "voc5/images", "weights/squeezenet1_1_imagenet.pth"),
    )
)
