"""Session: the state with undo and redo. States are immutable: undo is a list of them, a project file a dump of one."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvstudio.analyses.binding import Binding, ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.adjustments import Adjustments
from cvstudio.foundation.errors import BindingError
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet

MAX_UNDO = 200


@dataclass(frozen=True)
class State:
    """State that undo, redo and a project file cover.

    Parameters
    ----------
    media : open media
    active : id of the medium on the canvas; empty for none
    instances : analyses in use, in drawing order, the lowest first
    current : id of the instance whose controls are shown; 0 for none
    look : values of `cvstudio.draw.Look` by name
    spatial_look : values of `cvstudio.draw.spatial.look.SpatialLook` by name
    in_space : whether an object of the 3D view is visible, by its key; what is not named is as it begins
    names_in_space : names that the user has given to objects of the 3D view, by their keys
    eye : from where the 3D view is looked at, as `cvstudio.running.recipe.checked_eye` describes; empty where a scene
        is seen from where it begins. It is set when the project is saved, and no undo changes it
    selection : part ids in the result of the current instance
    sets : open folders
    current_set : path of the folder that is browsed; None for the open files
    browsed : id of the medium that is closed when the next file of a set is shown
    """

    media: tuple[Media, ...] = ()
    active: str = ""
    instances: tuple[AnalysisInstance, ...] = ()
    current: int = 0
    look: Mapping[str, Any] = field(default_factory=dict)
    spatial_look: Mapping[str, Any] = field(default_factory=dict)
    in_space: Mapping[str, bool] = field(default_factory=dict)
    names_in_space: Mapping[str, str] = field(default_factory=dict)
    eye: Mapping[str, Any] = field(default_factory=dict)
    selection: frozenset[int] = frozenset()
    sets: tuple[MediaSet, ...] = ()
    current_set: Path | None = None
    browsed: str = ""

    @property
    def active_media(self) -> Media | None:
        """Medium on the canvas; None where it is empty."""
        return next((media for media in self.media if media.id == self.active), None)

    @property
    def instance(self) -> AnalysisInstance | None:
        """The analysis whose controls are shown."""
        return next((instance for instance in self.instances if instance.id == self.current), None)

    def linked(self, instance: AnalysisInstance) -> AnalysisInstance:
        """Copy of `instance` with `ResultOf.upstream` set, recursively; None for an analysis that was removed."""
        return _linked(instance, {item.id: item for item in self.instances}, frozenset())

    def depends(self, instance: AnalysisInstance, number: int) -> bool:
        """Whether `instance` depends, directly or indirectly, on the result of the analysis with id `number`."""
        return any(item.id == number for item in self.linked(instance).lineage[:-1])


def _linked(
    instance: AnalysisInstance, by_id: Mapping[int, AnalysisInstance], below: frozenset[int]
) -> AnalysisInstance:
    below = below | {instance.id}
    for name, bound in instance.bindings.items():
        if isinstance(bound, ResultOf) and bound.instance_id:
            source = by_id.get(bound.instance_id) if bound.instance_id not in below else None
            upstream = _linked(source, by_id, below) if source is not None else None
            instance = instance.with_binding(name, dataclasses.replace(bound, upstream=upstream))
    return instance


def with_bound(state: State, number: int, slot: str, binding: Binding | None) -> State:
    """`state` with `binding` in a slot of the instance `number`; None empties it.

    Raises
    ------
    BindingError
        It does not fit, or it is the result of an analysis that is gone, or that itself depends on this one.
    """
    instance = next(item for item in state.instances if item.id == number)
    changed = instance.with_binding(slot, binding)
    new = replace_instance(state, changed)
    check_acyclic(new)
    bound = new.linked(changed).bindings.get(slot)
    if bound is not None:
        instance.spec.check_binding(instance.spec.slot(slot), bound)
    if slot == instance.spec.canvas_slot and isinstance(binding, Media):
        new = dataclasses.replace(new, active=binding.id, selection=frozenset())
    return new


def with_adjusted(state: State, number: int, slot: str, adjustments: Adjustments, *, alone: bool = False) -> State:
    """`state` with the medium in a slot of the instance `number` adjusted before its analysis is given it.

    Parameters
    ----------
    alone : whether they belong to this medium, in place of those of all media of the slot

    Raises
    ------
    BindingError, MediaError
        It cannot be adjusted, or the crop lies outside of the picture.
    """
    instance = next(item for item in state.instances if item.id == number)
    bound = instance.bindings.get(slot)
    file = bound.path if alone and isinstance(bound, Media) else None
    changed = instance.with_adjustments(slot, adjustments, file=file)
    if isinstance(bound, Media) and bound.size is not None:
        adjustments.pixel_map(bound.size)
    return replace_instance(state, changed)


def with_shared_adjustments(state: State, number: int, slot: str, *, of_this: bool) -> State:
    """`state` with the medium in a slot of the instance `number` adjusted like all others there.

    `of_this` : whether all get the adjustments of this medium; else it gets those of the others.
    """
    instance = next(item for item in state.instances if item.id == number)
    bound, own = instance.bindings.get(slot), instance.own_adjustments_of(slot)
    if not isinstance(bound, Media):
        return state
    if not of_this:
        return replace_instance(state, instance.without_file_adjustments(slot, bound.path))
    changed = instance.without_file_adjustments(slot)
    return replace_instance(state, changed if own is None else changed.with_adjustments(slot, own))


def check_acyclic(state: State) -> None:
    """Raise BindingError where an analysis depends on its own result."""
    needs = {
        item.id: [bound.instance_id for bound in item.bindings.values() if isinstance(bound, ResultOf)]
        for item in state.instances
    }
    for item in state.instances:
        visited: set[int] = set()
        pending = [*needs[item.id]]
        while pending:
            number = pending.pop()
            if number == item.id:
                raise BindingError(f"{item.spec.title} would depend on its own result; choose another analysis.")
            if number not in visited:
                visited.add(number)
                pending += needs.get(number, [])


Listener = Callable[[State, State], None]


_BESIDE_INSTANCES = tuple(item.name for item in dataclasses.fields(State) if item.name != "instances")
_BESIDE_VALUES = tuple(item.name for item in dataclasses.fields(AnalysisInstance) if item.name != "values")


def differ_in_values(old: State, new: State) -> bool:
    """Whether `new` was made of `old` by other parameters of the current analysis alone, as by a tick of a slider.

    False where that is not seen at once: parts of the states are compared by identity.
    """
    if len(old.instances) != len(new.instances) or not _same(old, new, _BESIDE_INSTANCES):
        return False
    changed = [pair for pair in zip(old.instances, new.instances, strict=True) if pair[0] is not pair[1]]
    return len(changed) == 1 and changed[0][1].id == new.current and _same(*changed[0], _BESIDE_VALUES)


def _same(one: object, other: object, names: tuple[str, ...]) -> bool:
    return all(getattr(one, name) is getattr(other, name) for name in names)


class Session:
    """Owner of the state. Every change goes through `change`, which calls the listeners with old and new state."""

    def __init__(self) -> None:
        self._state = State()
        self._undo: list[tuple[str, State]] = []
        self._redo: list[tuple[str, State]] = []
        self._merge_key: str | None = None
        self._listeners: list[Listener] = []
        self._saved: State | None = self._state
        self._ids = itertools.count(1)

    @property
    def state(self) -> State:
        return self._state

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def next_id(self) -> int:
        """A new id: of no instance, nor of a removed one that a binding still refers to."""
        used = {instance.id for instance in self._state.instances}
        used |= {
            bound.instance_id
            for instance in self._state.instances
            for bound in instance.bindings.values()
            if isinstance(bound, ResultOf)
        }
        return next(number for number in self._ids if number not in used)

    def change(self, title: str, new: State, *, merge: str | None = None, undoable: bool = True) -> None:
        """Set the state to `new`.

        Parameters
        ----------
        title : title of the undo step
        merge : consecutive changes with the same key are one undo step (a drag), until `end_merge`
        undoable : False for changes that are no undo step, such as highlighting a row
        """
        if new == self._state:
            return
        if undoable:
            if merge is None or merge != self._merge_key:
                self._undo.append((title, self._state))
                del self._undo[:-MAX_UNDO]
            self._merge_key = merge
            self._redo.clear()
        self._set_state(new)

    def end_merge(self) -> None:
        """End a drag: the next change is an undo step of its own."""
        self._merge_key = None

    def drop_merge(self) -> None:
        """Cancel a drag: restore the state before it and remove its undo step."""
        if self._merge_key is not None:
            self._merge_key = None
            self._set_state(self._undo.pop()[1])

    def undo(self) -> str | None:
        """Undo the last step; returns its title, or None where there is none."""
        return self._step(self._undo, self._redo)

    def redo(self) -> str | None:
        """Redo the last undone step; returns its title, or None where there is none."""
        return self._step(self._redo, self._undo)

    def _step(self, source: list[tuple[str, State]], target: list[tuple[str, State]]) -> str | None:
        if not source:
            return None
        title, state = source.pop()
        target.append((title, self._state))
        self._merge_key = None
        self._set_state(dataclasses.replace(state, eye=self._state.eye))
        return title

    @property
    def undo_title(self) -> str | None:
        return self._undo[-1][0] if self._undo else None

    @property
    def redo_title(self) -> str | None:
        return self._redo[-1][0] if self._redo else None

    def load(self, state: State, *, modified: bool = False) -> None:
        """Replace the state, as when a project is opened, and clear undo and redo; `modified` : see there."""
        self._undo.clear()
        self._redo.clear()
        self._merge_key = None
        self._saved = None if modified else state
        self._set_state(state)

    def mark_saved(self) -> None:
        """Mark the current state as saved, see `modified`."""
        self._saved = self._state

    @property
    def modified(self) -> bool:
        """Whether the state differs from the saved one, apart from the selection."""
        if self._saved is None:
            return True
        return dataclasses.replace(self._state, selection=frozenset()) != dataclasses.replace(
            self._saved, selection=frozenset()
        )

    def _set_state(self, new: State) -> None:
        old, self._state = self._state, new
        for listener in self._listeners:
            listener(old, new)


def replace_instance(state: State, instance: AnalysisInstance) -> State:
    """`state` with the instance of the same id replaced."""
    instances = tuple(instance if item.id == instance.id else item for item in state.instances)
    return dataclasses.replace(state, instances=instances)


def open_already(state: State, media: Media) -> Media | None:
    """The open medium of the file of `media`: of the same kind or, where `media` is read as what is likeliest, of the
    reading that the user has chosen instead."""
    same = next((item for item in state.media if item.file_id == media.file_id), None)
    if same is not None or media.reading_chosen:
        return same
    chosen = (item for item in state.media if item.reading_chosen and item.content_id == media.content_id)
    return next(chosen, None)


def add_media(state: State, media: Media) -> State:
    """`state` with `media` at the end of the list, unless its file is there already."""
    if open_already(state, media) is not None:
        return state
    return dataclasses.replace(state, media=(*state.media, media))


def activate(state: State, media: Media) -> State:
    """`state` with `media` on the canvas and in the first slot of the analysis that takes it.

    The other slots keep what they have, and a selection belongs to the picture before.
    """
    state = dataclasses.replace(add_media(state, media), active=media.id, selection=frozenset())
    instance = state.instance
    if instance is None:
        return state
    slot = next((slot for slot in instance.spec.inputs if slot.takes(media)), None)
    if slot is None:
        return state
    before = instance.canvas_media
    state = replace_instance(state, instance.with_binding(slot.name, media))
    return _followed(state, before, media) if slot.name == instance.spec.canvas_slot else state


def _followed(state: State, before: Media | None, media: Media) -> State:
    """`state` with the analyses that lay on `before` on `media`, so that a stack stays together from picture to
    picture. What has a second file stays: a depth map belongs to its own picture."""

    def follow(item: AnalysisInstance) -> AnalysisInstance:
        slot, bound = item.spec.canvas, item.canvas_media
        if not item.follows or slot is None or bound is None or before is None or bound.id != before.id:
            return item
        return item.with_binding(slot.name, media) if slot.takes(media) else item

    return dataclasses.replace(state, instances=tuple(follow(item) for item in state.instances))
