"""Processing of consecutive frames, such as tracking: a chain of steps with snapshots of the state.

A step depends on every frame before it, so its output is reproducible only with the order of the frames. The chain is
always in presentation order: inserting a frame invalidates the later ones, which are recomputed when they are next
requested. An export that begins at an in-point starts a chain of its own.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

from cvstudio.analyses.stages import Request, stage_keys

SNAPSHOT_EVERY = 30
"""Frames between two snapshots of the state: a seek repeats at most as many steps, of about half a millisecond."""
CATCH_UP = 64
"""Invalidated frames that are recomputed before a later one; if there are more, they are skipped."""
MAX_FRAMES = 20_000
"""Length of a chain; of a camera, which never ends, the latest frames stay."""
USUAL_RATE = 30.0
"""Frames a second where the rate is unknown."""
MAX_TOTALS = 4
"""Totals of a chain, such as with different lines in two layers."""

R = TypeVar("R", bound="Total")


class Temporal(ABC):
    """Processing of the results of consecutive frames, after the last stage.

    Parameters
    ----------
    after : name of the stage whose output is processed; later stages only select what is shown

    Attributes
    ----------
    params : frozen dataclass type of `cvstudio.foundation.params` declarations, shown for moving media only; the
        `params` of the methods are an instance of it
    """

    params: ClassVar[type[Any]]

    def __init__(self, after: str) -> None:
        self.after = after

    @abstractmethod
    def active(self, params: Any) -> bool:
        """Whether it is switched on."""

    @abstractmethod
    def identity(self, params: Any) -> Hashable:
        """Cache key of the parameters that the states and notes depend on."""

    @abstractmethod
    def reach_secs(self, params: Any) -> float:
        """Duration in seconds of the notes that `finish` needs."""

    @abstractmethod
    def observe(self, result: Any, params: Any) -> Any:
        """Observation: what a step needs of the result of a frame, small and frozen."""

    @abstractmethod
    def start(self, params: Any, rate: float) -> Any:
        """State before the first frame, at `rate` frames a second; a snapshot is a deep copy of a state."""

    @abstractmethod
    def step(self, state: Any, observation: Any, pts: float) -> Any:
        """Update `state` with the observation of the frame at `pts` seconds; returns the note that is stored for it."""

    @abstractmethod
    def finish(self, result: Any, notes: Sequence[tuple[float, Any]], params: Any) -> Any:
        """Complete `result` with the notes: (pts, note) of the last `reach_secs` in order, the last of this frame."""

    def add_up(self, result: Any, chain: Chain, pts: float, params: Any, stage_params: Mapping[str, Any]) -> Any:
        """Complete `result`, which is finished, by what the frames of `chain` up to `pts` seconds add up to.

        `stage_params` are the parameters of the stages by their names. By default nothing is added. See `Chain.total`.
        """
        return result


class Total(ABC):
    """What the frames of a chain add up to, such as counts; fed once with each frame, in order."""

    @property
    @abstractmethod
    def last_secs(self) -> float:
        """Time of the last frame in seconds; -inf before the first."""

    @abstractmethod
    def feed(self, frames: Sequence[tuple[float, Any]]) -> None:
        """Add frames: (seconds, note) each, later than those before."""


@dataclass(eq=False)
class ChainEntry:
    """One frame of a chain; `note` is None while it is invalid."""

    pts: float
    observation: Any
    note: Any = None


class Chain:
    """Processed frames of a medium, in presentation order. Not thread-safe."""

    def __init__(self, temporal: Temporal, params: Any, rate: float) -> None:
        self._temporal = temporal
        self._params = params
        self._rate = rate
        self._times: list[float] = []
        self._entries: list[ChainEntry] = []
        self._snapshots: dict[float, Any] = {}
        self._head: float | None = None
        self._state: Any = None
        self._totals: dict[Hashable, Total] = {}
        self.version = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> Sequence[ChainEntry]:
        """All frames in order, also invalid ones; not to be modified."""
        return self._entries

    def follow(self, pts: float, result: Any, *, keep: bool = True, reach_secs: float = 0.0) -> list[tuple[float, Any]]:
        """Process the frame at `pts`; returns the notes of the last `reach_secs` up to it, its own last.

        The frame is added to the chain. With `keep` off it continues from the last valid frame before it, and the chain
        stays as it is.
        """
        place = bisect_left(self._times, pts)
        exists = place < len(self._times) and self._times[place] == pts
        if exists and self._entries[place].note is not None:
            return self._notes(pts - reach_secs, place + 1)
        observation = self._entries[place].observation if exists else self._temporal.observe(result, self._params)
        base = self._last_valid_before(place)
        state = self._state_at(base, keep=keep)
        invalid = self._entries[base + 1 : place] if place - base - 1 <= CATCH_UP else []
        recomputed = [(entry, self._temporal.step(state, entry.observation, entry.pts)) for entry in invalid]
        note = self._temporal.step(state, observation, pts)
        if keep:
            self._forget_totals(invalid[0].pts if invalid else pts)
        if not keep:
            recomputed_notes = [(entry.pts, entry_note) for entry, entry_note in recomputed]
            return [*self._notes(pts - reach_secs, base + 1), *recomputed_notes, (pts, note)]
        for entry, entry_note in recomputed:
            entry.note = entry_note
        if not exists:
            self._times.insert(place, pts)
            self._entries.insert(place, ChainEntry(pts, observation))
        self._invalidate_from(place + 1)
        self._entries[place].note = note
        self._state, self._head = state, pts
        if place % SNAPSHOT_EVERY == 0:
            self._snapshots[pts] = copy.deepcopy(state)
        self.version += 1
        notes = self._notes(pts - reach_secs, place + 1)
        self._forget_oldest()
        return notes

    def total(self, key: Hashable, make: Callable[[], R]) -> R:
        """The total under `key`, made by `make` where there is none, of all valid frames.

        A frame at the end is added to it; where an earlier one changes, it is made anew.
        """
        total = self._totals.get(key)
        if total is None:
            while len(self._totals) >= MAX_TOTALS:
                del self._totals[next(iter(self._totals))]
            total = self._totals[key] = make()
        first = bisect_right(self._times, total.last_secs)
        total.feed([(entry.pts, entry.note) for entry in self._entries[first:] if entry.note is not None])
        return cast(R, total)

    def _forget_totals(self, since: float) -> None:
        """Forget the totals that have counted frames from `since` seconds on."""
        self._totals = {key: total for key, total in self._totals.items() if total.last_secs < since}

    def copied(self) -> Chain:
        """Independent copy, for another thread."""
        chain = Chain(self._temporal, self._params, self._rate)
        chain._entries = [dataclasses.replace(entry) for entry in self._entries]
        chain._times = [*self._times]
        # Snapshots are never changed, only copied.
        chain._snapshots = {**self._snapshots}
        chain._state, chain._head = copy.deepcopy(self._state), self._head
        return chain

    def ends_before(self, pts: float) -> bool:
        """Whether every frame is before `pts`."""
        return not self._times or self._times[-1] < pts

    def adopt(self, other: Chain) -> None:
        """Replace a part by the frames of `other`, which has every frame of it; later frames become invalid."""
        if not other._times:
            return
        start, stop = bisect_left(self._times, other._times[0]), bisect_right(self._times, other._times[-1])
        head = [ChainEntry(entry.pts, entry.observation) for entry in self._entries[:start]]
        tail = [ChainEntry(entry.pts, entry.observation) for entry in self._entries[stop:]]
        self._entries = [*head, *other._entries, *tail]
        self._times = [entry.pts for entry in self._entries]
        self._snapshots = dict(other._snapshots)
        self._state, self._head = copy.deepcopy(other._state), other._head
        self._totals = {}
        self.version += 1

    def _notes(self, since: float, stop: int) -> list[tuple[float, Any]]:
        first = bisect_left(self._times, since)
        return [(entry.pts, entry.note) for entry in self._entries[first:stop] if entry.note is not None]

    def _last_valid_before(self, place: int) -> int:
        """Index of the last frame before `place` that has a note; -1 where there is none."""
        for index in range(place - 1, -1, -1):
            if self._entries[index].note is not None:
                return index
        return -1

    def _state_at(self, index: int, *, keep: bool) -> Any:
        """State after the frame at `index`, to be changed by the caller; with `keep` that of the head is moved out."""
        if index < 0:
            return self._temporal.start(self._params, self._rate)
        if self._head == self._times[index]:
            if not keep:
                return copy.deepcopy(self._state)
            # A failing step leaves it half changed, so it belongs to no frame until the step is done.
            state, self._state, self._head = self._state, None, None
            return state
        snapshot_index = index
        while snapshot_index >= 0 and self._times[snapshot_index] not in self._snapshots:
            snapshot_index -= 1
        if snapshot_index < 0:
            state, snapshot_index = self._temporal.start(self._params, self._rate), -1
        else:
            state = copy.deepcopy(self._snapshots[self._times[snapshot_index]])
        for entry in self._entries[snapshot_index + 1 : index + 1]:
            if entry.note is not None:
                self._temporal.step(state, entry.observation, entry.pts)
        return state

    def _invalidate_from(self, start: int) -> None:
        for entry in self._entries[start:]:
            if entry.note is not None:
                entry.note = None
                self._snapshots.pop(entry.pts, None)

    def _forget_oldest(self) -> None:
        if len(self._entries) <= MAX_FRAMES:
            return
        count = MAX_FRAMES // 10
        for pts in self._times[:count]:
            self._snapshots.pop(pts, None)
        del self._times[:count], self._entries[:count]


class TemporalChains:
    """Chains of the open media, least recently used dropped first. Not thread-safe.

    Parameters
    ----------
    keep : maximum number of chains
    """

    def __init__(self, *, keep: int = 6) -> None:
        self._keep = keep
        self._chains: OrderedDict[Hashable, Chain] = OrderedDict()

    def chain(self, temporal: Temporal, params: Any, request: Request, rate: float | None) -> Chain:
        """The chain of `request`, see `chain_key`; created where there is none."""
        key = chain_key(temporal, params, request)
        if key not in self._chains:
            self._chains[key] = Chain(temporal, params, rate or USUAL_RATE)
            while len(self._chains) > self._keep:
                self._chains.popitem(last=False)
        self._chains.move_to_end(key)
        return self._chains[key]

    def copied(self) -> TemporalChains:
        """Independent copy, for another thread."""
        chains = TemporalChains(keep=self._keep)
        for key, chain in self._chains.items():
            chains._chains[key] = chain.copied()
        return chains

    def all(self) -> tuple[tuple[Hashable, Chain], ...]:
        """(key, chain) of all chains."""
        return tuple(self._chains.items())

    def find(self, temporal: Temporal, params: Any, request: Request) -> Chain | None:
        """The existing chain of `request`; None where there is none."""
        return self._chains.get(chain_key(temporal, params, request))

    def adopt(self, key: Hashable, chain: Chain) -> None:
        """Merge the frames of `chain`, made by another thread, into the one under `key`."""
        if key in self._chains:
            self._chains[key].adopt(chain)
        else:
            self._chains[key] = chain

    def result(
        self, temporal: Temporal, params: Any, request: Request, result: Any, rate: float | None, *, keep: bool = True
    ) -> Any:
        """Complete `result` with the notes of its chain; unchanged where `temporal` is not active."""
        pts = request.source.pts
        if pts is None or not temporal.active(params):
            return result
        chain = self.chain(temporal, params, request, rate)
        # After all others a frame invalidates none: stepping through a paused video is in order, too.
        notes = chain.follow(pts, result, keep=keep or chain.ends_before(pts), reach_secs=temporal.reach_secs(params))
        result = temporal.finish(result, notes, params)
        stage_params = {stage.name: item for stage, item in zip(request.stages, request.params, strict=True)}
        return temporal.add_up(result, chain, pts, params, stage_params)


def chain_key(temporal: Temporal, params: Any, request: Request) -> Hashable:
    """Key of a chain: medium without time, stages up to `Temporal.after`, and the parameters of `temporal`."""
    names = [stage.name for stage in request.stages]
    keys = stage_keys(request.without_time())
    return keys[names.index(temporal.after)], temporal.identity(params)
