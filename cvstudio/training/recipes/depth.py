"""The embedded depth network's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.depth.task import DepthTask

    return DepthTask(settings)


def _evaluation() -> RecipeEvaluation:
    from cvstudio.training.depth import evaluation

    return evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    rooms = f"{figures['rooms']:.0f} frames of rooms of NYU Depth v2, two blocks of numbers that it has not learnt from"
    marked = "pairs marked by hand on photos and coco128, before the network was looked at"
    rows = [
        (
            "absolute relative error after median scaling",
            f"{figures['abs-rel']:.3f}, 90 % interval {figures['abs-rel from']:.3f} to {figures['abs-rel to']:.3f}",
            rooms,
        ),
        ("depths within 25 %", f"{figures['within 25 %']:.1%}", rooms),
    ]
    for place in ("indoors", "outdoors"):
        if f"pairs {place}" in figures:
            interval = f"90 % interval {figures[f'right {place} from']:.1%} to {figures[f'right {place} to']:.1%}"
            value = f"{figures[f'right {place}']:.1%}, {interval}"
            rows.append(("nearer one of a pair", value, f"{figures[f'pairs {place}']:.0f} {marked}, {place}"))
    return tuple(rows)


RECIPES.register(
    TrainingRecipe(
        key="depth",
        title="Small depth network",
        summary="A small decoder on the default classifier's trunk learns depth from rooms, streets and figures.",
        model="depth-lite0",
        sources=(
            TrainingSource("NYU Depth v2, 795 of 1,089 frames", "NYU research terms", "depth of rooms"),
            TrainingSource("The generated world", "of this program", "depth of streets, rooms and figures"),
            TrainingSource("CamVid, training part", "non-commercial", "which of two places is nearer, by its classes"),
            TrainingSource(
                "PASCAL VOC 2007, five classes, and Flickr8k",
                "VOC, Flickr and Flickr8k research terms",
                "which of two places is nearer, by the default detector's masks",
            ),
            TrainingSource("EfficientNet-Lite0 trained on ImageNet", "Apache-2.0; ImageNet terms", "trunk"),
        ),
        licence="NYU, CamVid, VOC, Flickr and ImageNet terms: non-commercial research and education",
        non_commercial=True,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=(
            "Depth is relative: it says how many times farther one thing is than another, and no metres.",
            "It learnt depth from rooms and generated streets: outdoors it says which of two things is nearer, and "
            "hardly by how much.",
            "Mirrors, windows and pictures on a wall are taken for what they show.",
            "Not for anything that safety depends on.",
        ),
        files=(
            "nyu_depth/rgb",
            "nyu_depth/depth",
            "camvid/train/images",
            "camvid/train/labels",
            "camvid/val/images",
            "camvid/val/labels",
            "voc5/images",
            "flickr8k/images",
        ),
    )
)
