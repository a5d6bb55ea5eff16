"""Stages that the user has cancelled: they wait until they are told to go on."""

from __future__ import annotations

from collections.abc import Hashable

from cvstudio.analyses.stages import stage_keys
from cvstudio.session.resolve import CanvasLayer


class StoppedStages:
    """The keys of cancelled stages, by the owner of their jobs. Main thread only."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, Hashable] = {}
        self._ending: set[Hashable] = set()

    def add(self, owner: Hashable, key: Hashable) -> None:
        """Keep that the stage with this key is not to run. One of a video that plays, whose owner ends in a time, is
        not kept: the video goes on with its next frame."""
        if isinstance(owner, tuple) and owner[0] == "stage" and not isinstance(owner[-1], float):
            self._keys[owner] = key
            self._ending.add(owner)

    def ended(self, owner: Hashable, event: str) -> bool:
        """Whether the event is the end of a job that was cancelled, which may have been told to go on meanwhile."""
        if event != "cancelled" or owner not in self._ending:
            return False
        self._ending.remove(owner)
        return True

    def holds(self, owner: Hashable, key: Hashable) -> bool:
        """Whether the stage is not to run; another one of the same owner, as after a change, is."""
        if owner in self._keys and self._keys[owner] != key:
            del self._keys[owner]
        return owner in self._keys

    def hold(self, layer: CanvasLayer) -> bool:
        """Whether the layer's next stage, or one of an analysis that it depends on, is not to run."""
        if layer.request is None or layer.next_stage is None:
            return False
        if layer.upstream:
            return any(map(self.hold, layer.upstream))
        return stage_keys(layer.request)[layer.next_stage] in self._keys.values()

    def clear(self) -> None:
        """Let all go on."""
        self._keys.clear()
