"""What may go into a slot of an analysis, as the analysis panel lists it."""

from __future__ import annotations

from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import AnnotationSet, ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.session.partners import open_label_sets
from cvstudio.session.session import State
from ui.base.translate import translated
from ui.widgets.rows.input_row import InputChoice


def input_choices(slot: Slot, instance: AnalysisInstance, state: State) -> list[InputChoice]:
    """Choices for a slot: open media, open folders, and other analyses whose results fit."""
    choices = [InputChoice(media.name, media) for media in state.media if slot.takes(media)]
    if slot.several is not None:
        choices += [InputChoice(item.name, item) for item in state.sets]
    if AnnotationSet in slot.accepts:
        # Without edits, which are those of the moment at which one is chosen.
        choices += [InputChoice(item.name, item.file) for item in open_label_sets(state)]
    for item in state.instances:
        if item.id != instance.id and issubclass(item.spec.result, slot.results):
            choices.append(InputChoice(_named(item, state), ResultOf(item.id)))
    return [InputChoice("", None), *choices] if slot.optional else choices


def _named(instance: AnalysisInstance, state: State) -> str:
    """Title of an analysis in a list, with its model, and a number where several are alike."""
    model = instance.model_spec
    title = translated(instance.spec.title) + (f" · {model.title}" if model is not None else "")
    alike = [item.id for item in state.instances if (item.analysis, item.model) == (instance.analysis, instance.model)]
    return title if len(alike) == 1 else f"{title} ({alike.index(instance.id) + 1})"
