"""Comparison of two layers: its sides, its layout and their agreement."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.results.result import agreement
from cvstudio.session.layers import layers_on, on_canvas, with_copy, with_current, without_layer
from cvstudio.session.session import Session, State, replace_instance
from cvstudio.session.transitions import with_rival
from ui.base.translate import translated
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.pipeline import Pipeline

if TYPE_CHECKING:
    from cvstudio.results.agreements.agreement import Agreement
    from cvstudio.running.composition import Comparison

OWNER = "agreement"


class ComparisonController(QObject):
    """Part of the controller for the comparison on screen, if any. Main thread only; agreement is computed on a worker.

    Signals
    -------
    changed : the comparison began or ended, or its layout changed
    agreed : `agreement` has changed
    """

    changed = Signal()
    agreed = Signal()

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        self._ids: tuple[int, int] | None = None
        self._added: int | None = None
        self._compared: tuple[Any, Any] = (None, None)
        self.beside = True
        self.split = 0.5
        self._seen: FrameOnScreen = FrameOnScreen(None, None, ())
        self.agreement: Agreement | None = None
        session.listen(lambda old, new: self._state_changed(new))
        pipeline.job_event.connect(self._job_event)

    # What is compared -----------------------------------------------------------------------------------------------

    @property
    def sides(self) -> tuple[AnalysisInstance, AnalysisInstance] | None:
        """Left and right analysis; None without a comparison."""
        if self._ids is None:
            return None
        by_id = {item.id: item for item in self._session.state.instances}
        return by_id[self._ids[0]], by_id[self._ids[1]]

    @property
    def composition(self) -> Comparison | None:
        """The comparison for exports; None without one."""
        from cvstudio.running.composition import Comparison

        sides = self.sides
        if sides is None:
            return None
        left, right = map(self._session.state.linked, sides)
        return Comparison(left, right, None if self.beside else self.split)

    @property
    def current_side(self) -> int | None:
        """Side whose controls are shown: 0 left, 1 right; None without a comparison."""
        return None if self._ids is None else self._ids.index(self._session.state.current)

    def can_start(self) -> bool:
        """Whether the current analysis can run and shows its results on the canvas, as a comparison requires."""
        instance = self._session.state.instance
        return instance is not None and instance.complete and not instance.lacks_model and on_canvas(instance.spec)

    def layers(self) -> list[AnalysisInstance]:
        """Other layers that the current layer can be compared with."""
        state = self._session.state
        return [
            item
            for item in layers_on(state)
            if item.id != state.current and item.complete and not item.lacks_model and on_canvas(item.spec)
        ]

    def models(self) -> list[ModelSpec]:
        """Other models that the current analysis can use."""
        instance = self._session.state.instance
        return [] if instance is None else [model for model in instance.spec.models if model.key != instance.model]

    # Intents --------------------------------------------------------------------------------------------------------

    def start_settings(self) -> None:
        """Compare the current layer with a copy of it, whose settings the user then changes."""
        self.end()
        state = self._session.state
        if self.can_start():
            self._begin(self.tr("Compare settings"), with_copy(state, state.current, self._session.next_id))

    def start_model(self, key: str) -> None:
        """Compare the current layer with a copy that uses the model `key`."""
        self.end()
        state = self._session.state
        if self.can_start():
            title = self.tr("Compare with {model}").format(model=MODELS[key].title)
            self._begin(title, with_rival(state, state.current, key, self._session.next_id))

    def start_layer(self, number: int) -> None:
        """Compare the current layer with the layer with id `number`."""
        self.end()
        if self.can_start() and any(item.id == number for item in self.layers()):
            self._begin(self.tr("Compare layers"), with_current(self._session.state, number), added=False)

    def _begin(self, title: str, new: State, *, added: bool = True) -> None:
        left = self._session.state.current
        for number in (left, new.current):
            instance = next(item for item in new.instances if item.id == number)
            new = replace_instance(new, dataclasses.replace(instance, visible=True))
        self._session.change(title, new)
        self._ids = (left, new.current)
        self._added = new.current if added else None
        self._forget()
        self.changed.emit()

    def end(self) -> bool:
        """End the comparison: the current side stays, the other is hidden, or removed if added for the comparison.

        False without a comparison.
        """
        if self._ids is None:
            return False
        state = self._session.state
        other = self._ids[self._ids[0] == state.current]
        self._ids = None
        if other == self._added:
            state = without_layer(state, other)
        else:
            instance = next(item for item in state.instances if item.id == other)
            state = replace_instance(state, dataclasses.replace(instance, visible=False))
        self._added = None
        self._forget()
        self._session.change(self.tr("End the comparison"), state)
        self.changed.emit()
        return True

    def choose_side(self, side: int) -> None:
        """Show the controls of the left (0) or right (1) side."""
        if self._ids is not None and self._ids[side] != self._session.state.current:
            state = with_current(self._session.state, self._ids[side])
            self._session.change(self.tr("Choose layer"), state, undoable=False)

    def click_side(self, side: int, x: float, y: float) -> None:
        """Choose the side whose part at a pixel of the picture the user clicks on, or on whose picture its analysis is
        told a place; beside all of that the current side stays."""
        sides, layer = self.sides, self.shown[side]
        if sides is None:
            return
        part = layer.result.part_at(x, y) if layer is not None and layer.result is not None else None
        if part is not None or sides[side].spec.pick is not None:
            self.choose_side(side)

    def swap(self) -> None:
        """Swap the two sides."""
        if self._ids is not None:
            self._ids = self._ids[::-1]
            self._forget()
            self.changed.emit()

    def show_beside(self, beside: bool) -> None:
        """Show the sides next to each other, or on one picture with a dividing line."""
        if beside != self.beside:
            self.beside = beside
            self.changed.emit()

    def set_split(self, share: float) -> None:
        """Set the position of the dividing line, 0..1 of the picture's width; emits no signal."""
        self.split = min(max(share, 0.0), 1.0)

    # What they say --------------------------------------------------------------------------------------------------

    def look_at(self, shown: FrameOnScreen) -> None:
        """Take over the new results on screen, and compare them if they are final."""
        self._seen = shown
        if self._ids is not None:
            self._compare()

    @property
    def shown(self) -> tuple[LayerOnScreen | None, LayerOnScreen | None]:
        """Left and right layer on screen; None for a side without one."""
        by_id = {layer.layer.instance.id: layer for layer in self._seen.layers}
        return (by_id.get(self._ids[0]), by_id.get(self._ids[1])) if self._ids is not None else (None, None)

    def partner(self, number: int, *, of_left: bool) -> int | None:
        """Id of the matching part on the other side of the part with id `number`; None without a match."""
        return None if self.agreement is None else self.agreement.partner_of(number, of_left=of_left)

    def secs(self, side: int) -> dict[str, float]:
        """Median time of the last runs of one side in seconds, by stage; stages that did not run are left out."""
        sides = self.sides
        if sides is None:
            return {}
        names = [stage.name for stage in sides[side].spec.stages]
        timings = {name: self._pipeline.timings.get((sides[side].id, name)) for name in names}
        return {name: timing.median_secs for name, timing in timings.items() if timing is not None}

    def network_secs(self, side: int) -> float | None:
        """Median time of the network of one side in seconds, or of its slowest stage if it has no network.

        None if the network did not run, as its output came from the cache.
        """
        sides, secs = self.sides, self.secs(side)
        if sides is None:
            return None
        networks = [stage.name for stage in sides[side].spec.stages if stage.uses_network]
        if networks:
            return sum(secs[name] for name in networks) if all(name in secs for name in networks) else None
        return max(secs.values(), default=None)

    def side_titles(self) -> tuple[str, str]:
        """Titles of both sides, with the time of their networks; empty without a comparison."""
        if self.composition is None:
            return ("", "")
        texts = []
        for side, title in enumerate(self.composition.titles):
            secs = self.network_secs(side)
            texts.append(translated(title) if secs is None else f"{translated(title)} · {secs * 1000:,.0f} ms")
        return texts[0], texts[1]

    def _forget(self) -> None:
        self._compared = (None, None)
        self.agreement = None
        self._compare()
        self.agreed.emit()

    def _compare(self) -> None:
        """Compare the results on a worker, where both are final and either has changed."""
        left, right = self.shown
        if self._ids is None or left is None or right is None:
            return
        if any(side.stale or side.stopped for side in (left, right)):
            return
        results = left.result, right.result
        if any(result is None for result in results) or all(
            new is old for new, old in zip(results, self._compared, strict=True)
        ):
            return
        self._compared = results

        def work(progress: Progress) -> Iterator[Any]:
            progress.check()
            yield (agreement(*results),)

        self._pipeline.submit("pool", Job(OWNER, "", work, tag=results))

    def _job_event(self, event: Event) -> None:
        if event.job.owner == OWNER and event.kind == "output" and event.job.tag is self._compared:
            (self.agreement,) = event.value
            self.agreed.emit()

    def _state_changed(self, new: State) -> None:
        """End the comparison where a side is removed, hidden, or neither side is the current layer."""
        if self._ids is None:
            return
        visible = {item.id for item in layers_on(new) if item.visible}
        if set(self._ids) <= visible and new.current in self._ids:
            return
        self._ids = self._added = None
        self._forget()
        self.changed.emit()
