"""Textures of opened meshes: pictures beside a file, and several materials joined into one texture."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.meshes.surfaces import Notes

MOST_PIXELS = 8192 * 4096
"""Pixels of a joined texture; what is larger is shrunk."""
_MOST_PICTURE_PIXELS = 16384 * 16384
_MOST_TILES = 64
"""Times that a picture is repeated in a joined texture along each side."""
_BORDER = 4
"""Pixels of its own edge around each picture of a joined texture, so that none shines into another."""
_FLOAT = np.float32
_ENCODINGS = ("utf-8", "cp949", "latin-1")
"""Of the names of files; the last one decodes anything."""


@dataclass(frozen=True, eq=False)
class SurfaceMaterial:
    """What a part of a surface looks like.

    Parameters
    ----------
    picture : uint8 (h, w, 3), sRGB; None for a colour alone
    colour : sRGB, of what has no picture; None where the file names none
    """

    picture: NDArray[np.uint8] | None = None
    colour: tuple[int, int, int] | None = None


def decoded(content: bytes) -> NDArray[np.uint8]:
    """The pixels of a picture, uint8 (h, w, 3). Raises OSError or ValueError where it is none, or too large."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        if picture.width * picture.height > _MOST_PICTURE_PIXELS:
            raise ValueError(f"a picture of {picture.width} x {picture.height} pixels")
        return np.array(picture.convert("RGB"), np.uint8)


def spellings(name: bytes) -> tuple[str, ...]:
    """A name as text in the encodings in which programs write it, the likeliest first."""
    texts = []
    for encoding in _ENCODINGS:
        with contextlib.suppress(UnicodeDecodeError):
            texts.append(name.decode(encoding))
    return tuple(dict.fromkeys(texts))


def read_beside(folder: Path | None, name: bytes) -> bytes | None:
    """The content of a file that another in `folder` names, by its path from there or by its own name alone; None where
    there is none. Nothing outside of the folder is opened, as the name comes from a file of others."""
    if folder is None or not name.strip():
        return None
    for text in spellings(name):
        parts = [part for part in text.strip().strip('"').replace("\\", "/").split("/") if part not in ("", ".")]
        for tried in (parts, parts[-1:]):
            if ".." in tried or not tried:
                continue
            path = _without_case(folder, tried)
            if path is not None and path.resolve().is_relative_to(folder.resolve()):
                return path.read_bytes()
    return None


def _without_case(folder: Path, parts: Sequence[str]) -> Path | None:
    """A file below `folder`, also where its name is written in other letters, as Windows allows."""
    path = folder
    for part in parts:
        if not (path / part).exists():
            if not path.is_dir():
                return None
            same = [entry for entry in path.iterdir() if entry.name.casefold() == part.casefold()]
            if not same:
                return None
            part = same[0].name
        path = path / part
    return path if path.is_file() else None


def picture_beside(folder: Path | None, name: bytes, notes: Notes) -> NDArray[np.uint8] | None:
    """The texture of a name, or None, which `notes` tell."""
    content, title = read_beside(folder, name), spellings(name)[0]
    if content is not None:
        try:
            return decoded(content)
        except (OSError, ValueError):
            notes["Texture"] = f"{title}, which is no picture that can be read"
            return None
    notes["Texture"] = f"{title} was not found beside the file"
    return None


def joined(
    materials: Sequence[SurfaceMaterial], owner: NDArray[np.integer], uv: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]] | None:
    """One texture of all materials that are used.

    Parameters
    ----------
    owner : int (m,), material of each triangle
    uv : float32 (m, 3, 2), place of each corner in the picture of its material

    Returns
    -------
    uv : float32 (m, 3, 2), in the texture
    texture : uint8 (h, w, 3)
        None in place of both where a single colour, or nothing, is named
    """
    used = np.unique(owner).tolist()
    pictures = [materials[number].picture for number in used]
    if all(picture is None for picture in pictures) and len({materials[number].colour for number in used}) < 2:
        return None
    if len(used) == 1 and pictures[0] is not None:
        return uv, pictures[0]
    uv = np.where(np.isfinite(uv), uv, 0).astype(_FLOAT)
    blocks = [_block(materials[number], uv, owner == number) for number in used]
    scale = min(1.0, math.sqrt(MOST_PIXELS / sum(block.pixels for block in blocks)))
    drawn = [block.drawn(scale) for block in blocks]
    corners, (width, height) = _shelves([(pixels.shape[1], pixels.shape[0]) for pixels in drawn])
    texture = np.full((height, width, 3), 255, np.uint8)
    places = np.empty_like(uv)
    for block, pixels, (left, top) in zip(blocks, drawn, corners, strict=True):
        tall, wide = pixels.shape[:2]
        texture[top : top + tall, left : left + wide] = pixels
        inner = np.array([wide - 2 * _BORDER, tall - 2 * _BORDER], _FLOAT)
        across = block.uv / np.array(block.tiles, _FLOAT) * inner
        x, y = left + _BORDER + across[..., 0], top + tall - _BORDER - across[..., 1]
        places[block.rows] = np.stack([x / width, 1 - y / height], axis=-1)
    return places, texture


@dataclass(frozen=True, eq=False)
class _Block:
    """A material in a joined texture: its triangles (m,), their `uv` within its `tiles`, and the picture."""

    rows: NDArray[np.bool_]
    uv: NDArray[np.float32]
    tiles: tuple[int, int]
    picture: NDArray[np.uint8]

    @property
    def pixels(self) -> int:
        """Of the whole block."""
        height, width = self.picture.shape[:2]
        return int((height * self.tiles[1] + 2 * _BORDER) * (width * self.tiles[0] + 2 * _BORDER))

    def drawn(self, scale: float) -> NDArray[np.uint8]:
        import cv2

        picture = self.picture
        if scale < 1:
            small = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
            picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.uint8)
        tiled = np.tile(picture, (self.tiles[1], self.tiles[0], 1))
        return np.pad(tiled, ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0)), mode="edge")


def _block(material: SurfaceMaterial, uv: NDArray[np.float32], rows: NDArray[np.bool_]) -> _Block:
    if material.picture is None:
        plain = np.full((1, 1, 3), material.colour or (255, 255, 255), np.uint8)
        return _Block(rows, np.full((int(rows.sum()), 3, 2), 0.5, _FLOAT), (1, 1), plain)
    # Whole repeats of the picture make no difference to a triangle.
    local = uv[rows] - np.floor(uv[rows].min(axis=1, keepdims=True))
    wide, tall = (min(_MOST_TILES, max(1, math.ceil(most))) for most in local.reshape(-1, 2).max(axis=0).tolist())
    return _Block(rows, np.minimum(local, np.array([wide, tall], _FLOAT)), (wide, tall), material.picture)


def _shelves(sizes: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Upper left corners at which pictures of these (width, height) stand in rows, and the size around all."""
    widest = max(max(width for width, _ in sizes), math.ceil(math.sqrt(sum(width * height for width, height in sizes))))
    corners = [(0, 0)] * len(sizes)
    left = top = tallest = 0
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number][1]):
        width, height = sizes[number]
        if left + width > widest:
            left, top, tallest = 0, top + tallest, 0
        corners[number] = (left, top)
        left, tallest = left + width, max(tallest, height)
    return corners, (widest, top + tallest)
