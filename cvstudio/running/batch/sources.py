"""Sources of a batch: media, texts or folders of media, whichever the main slot of the analysis takes."""

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
from cvstudio.media.folders import MediaSet, readable_folder

TEXT, SEVERAL = "text", "several"
"""Kinds of sources beside those of media, as a queue keeps them."""

TEXT_SUFFIX = ".txt"
"""A file of this ending holds a text, such as a prompt."""


def find_files(paths: Iterable[Path], out: Path) -> list[tuple[Path, bool]]:
    """(file, whether the user named it) of all inputs; folders by name, without hidden files and the output.

    A folder that cannot be read is among the files: opening it says why.
    """
    files: dict[Path, bool] = {}
    out = out.resolve()

    def add_named(name: str) -> None:
        files[Path(os.path.abspath(name))] = True

    for path in paths:
        if not os.path.isdir(path):
            add_named(os.fspath(path))
            continue
        for folder, folders, names in os.walk(path, onerror=lambda error: add_named(error.filename)):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and Path(folder, name).resolve() != out
            )
            for name in sorted(names):
                if not name.startswith("."):
                    files.setdefault(Path(os.path.abspath(os.path.join(folder, name))), False)
    return list(files.items())


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
    fitting_folders = [folder for folder in folders if files_of(MediaSet(folder), slot.several.kinds, Progress())]
    return [
        *((file, True) for file, asked in files if asked),
        *((folder, folder in named) for folder in fitting_folders),
    ]


def open_source(slot: Slot, path: Path, read_as: str = "") -> Binding:
    """Open the source at `path` for `slot`; `read_as` is as in `open_media`. Raises UserError."""
    if slot.kinds and os.path.isdir(path):
        readable_folder(path)
    if slot.kinds:
        return open_media(path, kind=next(iter(slot.kinds)) if len(slot.kinds) == 1 else None, read_as=read_as)
    if slot.text is not None:
        return read_text(path)
    assert slot.several is not None
    return open_media_list([path], slot.several.kinds, Progress(), read_as=read_as)


def kind_of(binding: Binding) -> str:
    """Name of its kind in a queue."""
    if isinstance(binding, Media):
        return str(binding.kind)
    return TEXT if isinstance(binding, TextInput) else SEVERAL


def identity_of(binding: Binding) -> str:
    """Identity in a queue; it changes with the content. How files are read stands in the recipe of the batch."""
    import xxhash

    if isinstance(binding, Media):
        return binding.file_id
    if isinstance(binding, TextInput):
        return xxhash.xxh3_128_hexdigest(binding.text.encode())
    assert isinstance(binding, MediaList)
    return xxhash.xxh3_128_hexdigest(" ".join(item.id for item in binding.media).encode())


def is_unchanged(slot: Slot, path: Path, kind: str, identity: str, read_as: str = "") -> bool:
    """Whether the source at `path` still has this identity. Raises UserError where a medium is gone."""
    if kind not in (TEXT, SEVERAL):
        return media_id(path, MediaKind(kind)) == identity
    try:
        return identity_of(open_source(slot, path, read_as)) == identity
    except UserError:
        return False
