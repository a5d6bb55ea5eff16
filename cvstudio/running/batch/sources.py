"""What a batch goes over: media, texts or folders of media, by what the main slot of the analysis takes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import Binding, MediaList, TextInput, files_of, open_media_list, read_text
from cvstudio.foundation.errors import BindingError, UserError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.file_identity import media_id
from cvstudio.media.folders import MediaSet

TEXT, SEVERAL = "text", "several"
"""Kinds of sources beside those of media, as a queue keeps them."""

TEXT_SUFFIX = ".txt"
"""A file of this ending holds a text, such as a prompt."""


def find_files(paths: Iterable[Path], out: Path) -> list[tuple[Path, bool]]:
    """Every file with whether it was named itself: those of folders by name, without hidden ones and the output."""
    found: dict[Path, bool] = {}
    out = out.resolve()
    for path in paths:
        if not path.is_dir():
            found[Path(os.path.abspath(path))] = True
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and Path(folder, name).resolve() != out
            )
            for name in sorted(names):
                if not name.startswith("."):
                    found.setdefault(Path(os.path.abspath(os.path.join(folder, name))), False)
    return list(found.items())


def find_sources(slot: Slot, paths: Iterable[Path], out: Path) -> list[tuple[Path, bool]]:
    """What goes into `slot` one after the other: files, of folders the texts where it takes a text, or every folder
    that holds fitting files where it takes several at once; each with whether it was named itself.

    Raises
    ------
    BindingError
        A batch cannot go over what the slot takes.
    """
    if slot.kinds:
        return find_files(paths, out)
    if slot.text is not None:
        return [(file, asked) for file, asked in find_files(paths, out) if asked or file.suffix.lower() == TEXT_SUFFIX]
    if slot.several is None:
        raise BindingError(f"A batch goes over files, and the {slot.title.lower()} is {slot.wanted}; run it alone.")
    named = {Path(os.path.abspath(path)) for path in paths}
    files = find_files(named, out)
    folders = dict.fromkeys(file.parent for file, asked in files if not asked)
    held = [folder for folder in folders if files_of(MediaSet(folder), slot.several.kinds, Progress())]
    return [*((file, True) for file, asked in files if asked), *((folder, folder in named) for folder in held)]


def open_source(slot: Slot, path: Path) -> Binding:
    """What is at `path`, for `slot`. Raises UserError."""
    if slot.kinds:
        return open_media(path, kind=next(iter(slot.kinds)) if len(slot.kinds) == 1 else None)
    if slot.text is not None:
        return read_text(path)
    assert slot.several is not None
    return open_media_list([path], slot.several.kinds, Progress())


def kind_of(binding: Binding) -> str:
    """What a queue calls its kind."""
    if isinstance(binding, Media):
        return str(binding.kind)
    return TEXT if isinstance(binding, TextInput) else SEVERAL


def identity_of(binding: Binding) -> str:
    """What a queue knows it by: another one as soon as the content is another."""
    import xxhash

    if isinstance(binding, Media):
        return binding.id
    if isinstance(binding, TextInput):
        return xxhash.xxh3_128_hexdigest(binding.text.encode())
    assert isinstance(binding, MediaList)
    return xxhash.xxh3_128_hexdigest(" ".join(item.id for item in binding.media).encode())


def is_unchanged(slot: Slot, path: Path, kind: str, identity: str) -> bool:
    """Whether the source at `path` is still the one of this identity. Raises UserError where a medium is gone."""
    if kind not in (TEXT, SEVERAL):
        return media_id(path, MediaKind(kind)) == identity
    try:
        return identity_of(open_source(slot, path)) == identity
    except UserError:
        return False
