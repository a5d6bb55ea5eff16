"""How media are read: as what, the unit of a depth map, the choice among several sound tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Field, check_value, fields_of
from cvstudio.media.base import Media, MediaKind
from cvstudio.media.formats import FORMATS


def reading_names() -> tuple[str, ...]:
    """Names of all readings that formats may offer, in their order."""
    return tuple(dict.fromkeys(name for entry in FORMATS if entry.suffixes for name in entry.reading_names))


def check_reading(key: str) -> None:
    """Raise ParamsError where no file is ever read as `key`."""
    if key.partition("=")[0] not in reading_names():
        raise ParamsError(f"Read as expects one of {', '.join(reading_names())}, found {key!r}.")


def reading_field(media: Media) -> Field | None:
    """The choice of what `media` is read as, with the likeliest as its default; None where nothing is open."""
    if len(media.readings) < 2:
        return None
    keys = tuple(reading.key for reading in media.readings)
    titles = tuple(reading.title for reading in media.readings)
    doc = Doc("Read as", "What the content of the file is taken for.", media.readings[0].summary)
    return Field("read_as", "choice", keys[0], doc, choices=Choices(keys, titles))


def settings_fields(media: Media) -> tuple[Field, ...]:
    """Read settings that apply to `media`, with the choices that it offers."""
    return FORMATS[media.format].settings_for(media) if media.format else ()


def with_settings(media: Media, values: Mapping[str, Any]) -> Media:
    """`media` with other read settings; nothing is decoded.

    Parameters
    ----------
    values : all settings that differ from their defaults, by name

    Raises
    ------
    ParamsError
        `media` has no such setting, or the value is not allowed.
    """
    bare = media.with_choices(media.reading, {})
    declared = {field.name: field for field in settings_fields(bare)}
    chosen = {}
    for name, value in values.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise ParamsError(f"{media.name} has no setting '{name}'; there are: {known}.")
        checked = check_value(declared[name], value)
        if checked != declared[name].default:
            chosen[name] = checked
    if not chosen:
        return FORMATS[media.format].configure(bare) if media.format else bare
    return FORMATS[media.format].configure(bare.with_choices(bare.reading, chosen))


def settings_types(kinds: frozenset[MediaKind]) -> tuple[type[Any], ...]:
    """Classes of the read settings of all formats of `kinds`, without duplicates."""
    types = (entry.settings for entry in FORMATS if entry.kind in kinds and entry.settings is not None)
    return tuple(dict.fromkeys(types))


def split_settings(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split `values` by name into parameters of analyses and models, and read settings of media."""
    names = {field.name for declared in settings_types(frozenset(MediaKind)) for field in fields_of(declared)}
    params = {name: value for name, value in values.items() if name not in names}
    return params, {name: value for name, value in values.items() if name in names}


def apply_settings(bindings: Mapping[str, Media], values: Mapping[str, Any]) -> dict[str, Media]:
    """`bindings` by slot, with each setting applied to the media that have it.

    Raises
    ------
    ParamsError
        No medium has the setting, or the value is not allowed.
    """
    bound = dict(bindings)
    for name in values:
        takers = [slot for slot, media in bound.items() if name in {field.name for field in settings_fields(media)}]
        if not takers:
            media_names = ", ".join(media.name for media in bindings.values())
            raise ParamsError(f"'{name.replace('_', ' ')}' is no setting of {media_names}; leave it out.")
    for slot, media in bound.items():
        setting_names = {field.name for field in settings_fields(media)}
        settings = {name: value for name, value in values.items() if name in setting_names}
        if settings:
            bound[slot] = with_settings(media, {**media.settings, **settings})
    return bound
