"""Inputs that a file brings along, such as the depth that a phone stores within a photograph."""

from __future__ import annotations

from collections.abc import Mapping

from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.binding import Binding
from cvstudio.media.base import STORED_DEPTH, Media, MediaKind


def may_be_stored(slot: Slot) -> bool:
    """Whether the medium of another slot may hold what `slot` takes."""
    return bool(slot.aligned_with) and MediaKind.DEPTH in slot.kinds


def stored_partners(spec: Analysis, bindings: Mapping[str, Binding]) -> dict[str, Media]:
    """What the bound media hold for empty slots, by slot. Nothing is said of what cannot be read."""
    # Before the first picture of the window no format is known.
    from cvstudio.media.formats.stored_depth import stored_depth

    found = {}
    for slot in spec.inputs:
        picture = bindings.get(slot.aligned_with)
        if slot.name not in bindings and may_be_stored(slot) and isinstance(picture, Media):
            stored = stored_depth(picture)
            if stored is not None:
                found[slot.name] = stored
    return found


def belongs_to_another(stored: Binding | None, picture: Binding | None) -> bool:
    """Whether `stored` lies within another photograph than `picture`."""
    if not isinstance(stored, Media) or stored.format != STORED_DEPTH:
        return False
    return not (isinstance(picture, Media) and picture.path == stored.path)
