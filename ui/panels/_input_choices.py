"""What may go into the slots of an analysis, as the analysis panel lists it, and what follows from it for the form."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cvstudio.analyses.analysis import InputFacts, Slot
from cvstudio.analyses.binding import AnnotationSet, ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.params import Field
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


class FormFacts:
    """Facts of the inputs, which outlast a change of them: rows that lost their numbers and got them back would
    flicker."""

    def __init__(self) -> None:
        self._number = 0
        self._facts = InputFacts()

    def latest(self, instance: AnalysisInstance, facts: InputFacts, *, failed: bool) -> InputFacts:
        """`facts` of `instance`, or its former ones while those of another file are computed; not where that
        `failed`."""
        there = facts.ranges or facts.values or facts.histograms or facts.suggested
        if not there and not failed and self._number == instance.id:
            return self._facts
        self._number, self._facts = instance.id, facts
        return facts


def unknown_ranges(fields: Iterable[Field], known: Collection[str], instance: AnalysisInstance) -> set[str]:
    """Names of the parameters whose range follows from an input that is not chosen, or not looked at yet.

    `known` : names of those with a range
    """
    return {
        field.name
        for field in fields
        if field.range is not None and field.range.from_input and field.name not in known
        if instance.spec.input_facts is not None or field.range.from_input not in instance.bindings
    }
