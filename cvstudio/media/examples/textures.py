"""A gallery of textures in folders of one kind each, for trying nearest neighbours: parts of free photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress

KINDS = (
    ("brick", "brick.png"),
    ("gravel", "gravel.png"),
    ("stars", "hubble_deep_field.jpg"),
    ("tissue", "ihc.png"),
    ("grass", "grass.png"),
)
"""Name of each kind, which is that of its folder, and the photograph in scikit-image."""

ACROSS = 3
"""Parts across and down; no two overlap."""

SIDE = 170
"""Of a part in pixels."""


def write_textures(folder: Path, photo: Callable[[str], Path], progress: Progress) -> None:
    """Cut the parts and write them as ``KIND/KIND-NUMBER.png``; the first of the last kind comes at the end.

    Parameters
    ----------
    photo : callable (file name) -> path of a photograph
    """
    from PIL import Image

    for number, (kind, name) in enumerate(KINDS):
        progress(number / len(KINDS), "Cutting textures")
        target = folder / kind
        target.mkdir(parents=True, exist_ok=True)
        with Image.open(photo(name)) as opened:
            whole = opened.convert("RGB")
        for part in reversed(range(ACROSS**2)):
            top, left = (SIDE * place for place in divmod(part, ACROSS))
            with atomic_path(target / f"{kind}-{part + 1}.png") as path:
                whole.crop((left, top, left + SIDE, top + SIDE)).save(path)
