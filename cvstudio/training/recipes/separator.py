"""The speech separator's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource, TrainingTask
from cvstudio.training.base import LateEvaluation, RecipeEvaluation


def _make(settings: Settings) -> TrainingTask:
    from cvstudio.training.separator.task import SeparatorTask

    return SeparatorTask(settings)


def _evaluation() -> RecipeEvaluation:
    from cvstudio.training.separator import evaluation

    return evaluation


def _describe(figures: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    test = (
        f"{figures['mixtures']:.0f} clean mixtures of two of {figures['speakers']:.0f} speakers of LibriSpeech who "
        f"were not trained on, -5 to 5 dB"
    )

    def decibels(name: str) -> str:
        return f"{figures[name]:.1f} dB"

    interval = f"{decibels('SI-SDR improvement from')} to {decibels('SI-SDR improvement to')}"
    rows = [("SI-SDR improvement", f"{decibels('SI-SDR improvement')}, 90 % interval {interval}", test)]
    for part in ("close in pitch", "apart in pitch"):
        name = f"SI-SDR improvement, {part}"
        if name in figures:
            rows.append((f"the same of voices {part}", decibels(name), test))
    rows += [
        ("the same with pink noise 10 dB below the speech", decibels("SI-SDR improvement in noise"), test),
        ("mixtures improved by more than 5 dB", f"{figures['share above 5 dB']:.0%}", test),
        ("seconds of work for a second of sound", f"{figures['seconds for a second']:.3f}", "one core or more, CPU"),
    ]
    return tuple(rows)


RECIPES.register(
    TrainingRecipe(
        key="separator",
        title="Separator of two speakers",
        summary="A small Conv-TasNet learns to part two voices on mixtures that are made while it trains.",
        model="conv-tasnet-small",
        sources=(TrainingSource("LibriSpeech train-clean-100, 199 of 251 speakers", "CC BY 4.0", "speech"),),
        licence="CC BY 4.0",
        non_commercial=False,
        make=_make,
        calibrate=LateEvaluation(_evaluation).calibrate,
        evaluate=LateEvaluation(_evaluation).evaluate,
        describe=_describe,
        not_for=(
            "It hears up to 4 kHz: what is higher goes into the residual.",
            "It knows two people who read English aloud in quiet rooms: not three voices, music, noise or echo.",
            "After a pause of both, or where both voices sound alike, they may change tracks.",
            "Not for anything that safety or a person's rights depend on.",
        ),
        files=("speech_8k",),
    )
)
