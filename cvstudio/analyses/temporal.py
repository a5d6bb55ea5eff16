"""What an analysis makes of frames in their order, such as identities: a chain of steps with snapshots.

A step depends on every frame before it, so what it says is only reproducible where the order is. The chain is always
in the order of presentation: a frame that comes in between loosens those behind it, which are stepped anew when they
are next asked for. Whoever goes through a video from an in-point on, as an export does, starts a chain of its own.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cvstudio.analyses.stages import Request, stage_keys

SNAPSHOT_EVERY = 30
"""Frames between two snapshots of the state: a seek repeats at most so many steps, of about half a millisecond."""
CATCH_UP = 64
"""So many loosened frames are stepped on the way to a later one; past that the way begins anew from the last one."""
MAX_FRAMES = 20_000
"""Of the frames of a camera, which never ends, the latest so many are remembered."""
USUAL_RATE = 30.0


class Temporal(ABC):
    """How an analysis follows what it finds over frames; it runs behind the last stage.

    Parameters
    ----------
    after : name of the stage whose output decides what is followed; later stages only choose what is shown

    Attributes
    ----------
    params : frozen dataclass type of `cvstudio.foundation.params` declarations, shown for what moves only; the methods
        are handed one
    """

    params: ClassVar[type[Any]]

    def __init__(self, after: str) -> None:
        self.after = after

    @abstractmethod
    def active(self, params: Any) -> bool:
        """Whether anything is followed."""

    @abstractmethod
    def identity(self, params: Any) -> Hashable:
        """The parameters that change what is followed."""

    @abstractmethod
    def reach_secs(self, params: Any) -> float:
        """How far back `finish` looks."""

    @abstractmethod
    def observe(self, result: Any, params: Any) -> Any:
        """What a step needs of the result of a frame, small and frozen."""

    @abstractmethod
    def start(self, params: Any, rate: float) -> Any:
        """The state before the first frame, at `rate` frames a second; a deep copy of a state is a snapshot."""

    @abstractmethod
    def step(self, state: Any, seen: Any, pts: float) -> Any:
        """Change `state` by what was observed of the frame at `pts`; gives the note that is remembered of the frame."""

    @abstractmethod
    def finish(self, result: Any, notes: Sequence[tuple[float, Any]], params: Any) -> Any:
        """`result` with what the notes say: (pts, note) of `reach_secs` in order, the last of this frame."""


@dataclass(eq=False)
class ChainEntry:
    """One frame of a chain; `note` is None while it is loose."""

    pts: float
    seen: Any
    note: Any = None


class Chain:
    """The frames that were followed, in order of presentation. Used by one thread."""

    def __init__(self, temporal: Temporal, params: Any, rate: float) -> None:
        self._temporal = temporal
        self._params = params
        self._rate = rate
        self._times: list[float] = []
        self._entries: list[ChainEntry] = []
        self._snapshots: dict[float, Any] = {}
        self._head: float | None = None
        self._state: Any = None
        self.version = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> Sequence[ChainEntry]:
        """All frames in order, loose ones too; not to be changed."""
        return self._entries

    def follow(self, pts: float, result: Any, *, keep: bool = True, reach_secs: float = 0.0) -> list[tuple[float, Any]]:
        """The notes of the last `reach_secs` up to the frame at `pts`, its own the last.

        The frame becomes part of the chain unless `keep` is off.

        A frame that is only looked at (`keep` off) continues from the nearest one before it and changes nothing.
        """
        place = bisect_left(self._times, pts)
        there = place < len(self._times) and self._times[place] == pts
        if there and self._entries[place].note is not None:
            return self._notes(pts - reach_secs, place + 1)
        seen = self._entries[place].seen if there else self._temporal.observe(result, self._params)
        before = self._tight_before(place)
        state = self._state_at(before, keep=keep)
        loose = self._entries[before + 1 : place] if place - before - 1 <= CATCH_UP else []
        caught = [(entry, self._temporal.step(state, entry.seen, entry.pts)) for entry in loose]
        note = self._temporal.step(state, seen, pts)
        if not keep:
            passed = [(entry.pts, made) for entry, made in caught]
            return [*self._notes(pts - reach_secs, before + 1), *passed, (pts, note)]
        for entry, made in caught:
            entry.note = made
        if not there:
            self._times.insert(place, pts)
            self._entries.insert(place, ChainEntry(pts, seen))
        self._loosen(place + 1)
        self._entries[place].note = note
        self._state, self._head = state, pts
        if place % SNAPSHOT_EVERY == 0:
            self._snapshots[pts] = copy.deepcopy(state)
        self.version += 1
        notes = self._notes(pts - reach_secs, place + 1)
        self._forget_oldest()
        return notes

    def copied(self) -> Chain:
        """A chain of its own with the same frames, for another thread."""
        made = Chain(self._temporal, self._params, self._rate)
        made._entries = [dataclasses.replace(entry) for entry in self._entries]
        made._times = [*self._times]
        # Snapshots are never changed, only copied.
        made._snapshots = {**self._snapshots}
        made._state, made._head = copy.deepcopy(self._state), self._head
        return made

    def ends_before(self, pts: float) -> bool:
        """Whether every frame is before `pts`."""
        return not self._times or self._times[-1] < pts

    def adopt(self, other: Chain) -> None:
        """Take over the frames of `other`, which followed every frame of a part; what is behind them is loosened."""
        if not other._times:
            return
        start, stop = bisect_left(self._times, other._times[0]), bisect_right(self._times, other._times[-1])
        head = [ChainEntry(entry.pts, entry.seen) for entry in self._entries[:start]]
        tail = [ChainEntry(entry.pts, entry.seen) for entry in self._entries[stop:]]
        self._entries = [*head, *other._entries, *tail]
        self._times = [entry.pts for entry in self._entries]
        self._snapshots = dict(other._snapshots)
        self._state, self._head = copy.deepcopy(other._state), other._head
        self.version += 1

    def _notes(self, since: float, stop: int) -> list[tuple[float, Any]]:
        first = bisect_left(self._times, since)
        return [(entry.pts, entry.note) for entry in self._entries[first:stop] if entry.note is not None]

    def _tight_before(self, place: int) -> int:
        """Index of the last frame before `place` that has a note; -1 where there is none."""
        for index in range(place - 1, -1, -1):
            if self._entries[index].note is not None:
                return index
        return -1

    def _state_at(self, index: int, *, keep: bool) -> Any:
        """A state to go on with behind the frame at `index`; where it is to be kept, the head gives its own away."""
        if index < 0:
            return self._temporal.start(self._params, self._rate)
        if self._head == self._times[index]:
            if not keep:
                return copy.deepcopy(self._state)
            # A step that fails leaves it half changed, so it is no frame's until the step is done.
            state, self._state, self._head = self._state, None, None
            return state
        first = index
        while first >= 0 and self._times[first] not in self._snapshots:
            first -= 1
        if first < 0:
            state, first = self._temporal.start(self._params, self._rate), -1
        else:
            state = copy.deepcopy(self._snapshots[self._times[first]])
        for entry in self._entries[first + 1 : index + 1]:
            if entry.note is not None:
                self._temporal.step(state, entry.seen, entry.pts)
        return state

    def _loosen(self, start: int) -> None:
        for entry in self._entries[start:]:
            if entry.note is not None:
                entry.note = None
                self._snapshots.pop(entry.pts, None)

    def _forget_oldest(self) -> None:
        if len(self._entries) <= MAX_FRAMES:
            return
        gone = MAX_FRAMES // 10
        for pts in self._times[:gone]:
            self._snapshots.pop(pts, None)
        del self._times[:gone], self._entries[:gone]


class Followed:
    """The chains of what is open, the longest unused out first. Used by one thread.

    Parameters
    ----------
    keep : chains that are remembered
    """

    def __init__(self, *, keep: int = 6) -> None:
        self._keep = keep
        self._chains: OrderedDict[Hashable, Chain] = OrderedDict()

    def chain(self, temporal: Temporal, params: Any, request: Request, rate: float | None) -> Chain:
        """The chain of `request`'s medium, with everything that decides what is followed in it."""
        key = chain_key(temporal, params, request)
        if key not in self._chains:
            self._chains[key] = Chain(temporal, params, rate or USUAL_RATE)
            while len(self._chains) > self._keep:
                self._chains.popitem(last=False)
        self._chains.move_to_end(key)
        return self._chains[key]

    def all(self) -> tuple[tuple[Hashable, Chain], ...]:
        """Every chain with its key."""
        return tuple(self._chains.items())

    def find(self, temporal: Temporal, params: Any, request: Request) -> Chain | None:
        """The chain that there is already; None where nothing was followed yet."""
        return self._chains.get(chain_key(temporal, params, request))

    def adopt(self, key: Hashable, chain: Chain) -> None:
        """Put the frames of `chain`, which was made elsewhere, into the one under `key`."""
        if key in self._chains:
            self._chains[key].adopt(chain)
        else:
            self._chains[key] = chain

    def result(
        self, temporal: Temporal, params: Any, request: Request, result: Any, rate: float | None, *, keep: bool = True
    ) -> Any:
        """`result` with what its place among the frames says; as it is where nothing is followed."""
        pts = request.source.pts
        if pts is None or not temporal.active(params):
            return result
        chain = self.chain(temporal, params, request, rate)
        # Behind all the others a frame disturbs none: stepping through a video that stands still is in order, too.
        notes = chain.follow(pts, result, keep=keep or chain.ends_before(pts), reach_secs=temporal.reach_secs(params))
        return temporal.finish(result, notes, params)


def chain_key(temporal: Temporal, params: Any, request: Request) -> Hashable:
    """What a chain depends on: the medium without its moment, the stages up to the followed one, and how."""
    names = [stage.name for stage in request.stages]
    keys = stage_keys(request.without_time())
    return keys[names.index(temporal.after)], temporal.identity(params)
