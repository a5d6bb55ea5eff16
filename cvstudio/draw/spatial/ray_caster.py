"""Pictures of scenes without a graphics card: surfaces by casting rays (Embree), points and lines by a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.picture import (
    AMBIENT,
    EYE_DOME_STRENGTH,
    HEAD,
    KEY,
    KEY_LIGHT,
    SKY,
    DrawnPart,
    Hit,
    SpatialPicture,
)
from cvstudio.draw.spatial.prepared import PreparedPoints
from cvstudio.draw.spatial.surface import PreparedSurface, SurfaceLevel, unit

Floats = NDArray[np.float32]

MOVING_POINTS = 200_000
"""Points that are drawn while the view moves: a random sample looks like all."""
MOST_EDGES = 100_000
"""Triangles from which the edges of a stand-in are drawn."""
_STEP_PIXELS = 0.7
_MOST_STEPS = 4000
_LINE_BIAS = 2e-3
"""Share of its depth by which an edge lies before the surface that it belongs to."""
_PICK_PIXELS = 4


def shaded(normals: Floats, albedo: Floats) -> Floats:
    """RGB 0..1 (n, 3) of surfaces with unit `normals` (n, 3) in the camera's frame, facing the eye.

    The light is that of all around, brighter from above, of a key light, and of one beside the eye.
    """
    key = np.array(KEY_LIGHT, np.float32)
    diffuse = np.maximum(normals @ (key / np.linalg.norm(key)), 0)
    light = AMBIENT * (1 + SKY * normals[:, 1]) + KEY * diffuse + HEAD * normals[:, 2] ** 2
    return np.asarray(albedo * light[:, None], np.float32)


@dataclass(eq=False)
class _Canvas:
    """Colours float32 (h, w, 3), and depths in front of the eye float32 (h, w), infinite where nothing is."""

    colours: Floats
    depths: Floats


class RayCaster:
    """Draws scenes. It keeps the surfaces of the last one. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._kept: tuple[PreparedSurface, ...] = ()
        self._scene: Any = None

    def render(self, picture: SpatialPicture, *, samples: float = 2.0) -> NDArray[np.uint8]:
        """Draw a picture, uint8 RGB (h, w, 3).

        Parameters
        ----------
        samples : pixels along each side of a pixel that are averaged; fewer than 1 for a picture while the view moves,
            which is coarser, and shows a sample of large clouds
        """
        import cv2

        size = Size(max(1, round(picture.size.width * samples)), max(1, round(picture.size.height * samples)))
        pixels = self._draw(picture.resized(size, samples), moving=samples < 1)
        if size == picture.size:
            return pixels
        mode = cv2.INTER_LINEAR if samples < 1 else cv2.INTER_AREA
        return np.asarray(cv2.resize(pixels, tuple(picture.size), interpolation=mode), np.uint8)

    def _draw(self, picture: SpatialPicture, *, moving: bool) -> NDArray[np.uint8]:
        size = picture.size
        background = np.array(picture.background, np.float32) / 255
        colours = np.broadcast_to(background, (size.height, size.width, 3)).astype(np.float32)
        canvas = _Canvas(colours, np.full((size.height, size.width), np.inf, np.float32))
        filled = [part for part in picture.parts if isinstance(part.prepared, PreparedSurface) and part.filled]
        if filled:
            self._cast(picture, filled, canvas)
        for part in picture.parts:
            prepared = part.prepared
            if isinstance(prepared, PreparedSurface):
                _edges_and_vertices(picture, part, prepared, canvas)
            elif isinstance(prepared, PreparedPoints):
                count = min(len(prepared.positions), MOVING_POINTS) if moving else len(prepared.positions)
                _points(picture, part, prepared, canvas, count)
            else:
                ends = prepared.positions.reshape(-1, 2, 3)
                of_ends = None if part.colours is None else _at_both_ends(part.colours)
                _lines(picture, part, prepared.origin, ends, of_ends, part.colour, canvas, 0.0)
        if picture.eye_dome and any(isinstance(part.prepared, PreparedPoints) for part in picture.parts):
            canvas.colours *= _eye_dome(canvas.depths, picture)[..., None]
        return np.asarray(np.clip(canvas.colours * 255 + 0.5, 0, 255).astype(np.uint8))

    # Surfaces -------------------------------------------------------------------------------------------------------

    def _surfaces(self, picture: SpatialPicture, filled: list[DrawnPart]) -> Any:
        """Open3D's scene of these parts, in the order of their numbers there, about the centre of the picture."""
        import open3d

        surfaces = tuple(part.prepared for part in filled if isinstance(part.prepared, PreparedSurface))
        key = (*(id(surface) for surface in surfaces), hash(picture.centre.tobytes()))
        if key != self._key:
            self._scene = open3d.t.geometry.RaycastingScene()
            for surface in surfaces:
                level = surface.levels[0]
                places = (level.positions + (surface.origin - picture.centre)).astype(np.float32)
                tensor: Any = open3d.core.Tensor
                self._scene.add_triangles(tensor(places), tensor(level.triangles.astype(np.uint32)))
            # The surfaces are kept, so that no other gets the identity of one that is gone.
            self._key, self._kept = key, surfaces
        return self._scene

    def _rays(self, picture: SpatialPicture) -> Floats:
        """Rays float32 (h, w, 6) about the centre of the picture; a step of length 1 is one of depth 1."""
        camera, size = picture.camera, picture.size
        rotation = camera.rotation.astype(np.float32)
        step = 2 * camera.half_angle_tan / min(size)
        x = ((np.arange(size.width) + 0.5 - size.width / 2) * step).astype(np.float32)
        y = ((size.height / 2 - np.arange(size.height) - 0.5) * step).astype(np.float32)
        across = x[None, :, None] * rotation[0] + y[:, None, None] * rotation[1]
        rays = np.empty((size.height, size.width, 6), np.float32)
        eye = (camera.eye - picture.centre).astype(np.float32)
        if camera.orthographic:
            rays[..., :3] = eye + across * np.float32(camera.distance)
            rays[..., 3:] = -rotation[2]
        else:
            rays[..., :3] = eye
            rays[..., 3:] = across - rotation[2]
        return rays

    def _hits(self, picture: SpatialPicture, filled: list[DrawnPart], rays: Floats) -> dict[str, NDArray[Any]]:
        """Depth, triangle, surface and place in the triangle of the first hit of each ray, by Open3D's names."""
        import open3d

        scene = self._surfaces(picture, filled)
        tensor: Any = open3d.core.Tensor
        start = np.zeros(rays.shape[:-1], np.float32)
        end = np.full(rays.shape[:-1], np.inf, np.float32)
        if picture.clip is not None:
            normal = picture.clip.normal.astype(np.float32)
            offset = np.float32(picture.clip.offset - picture.clip.normal @ picture.centre)
            above, climb = rays[..., :3] @ normal - offset, rays[..., 3:] @ normal
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = -above / climb
            hidden = above > 0
            # From the hidden half a ray comes in where it goes down; from the shown one it leaves where it climbs.
            start = np.where(hidden, np.where(climb < 0, crossing, np.inf), 0).astype(np.float32)
            end = np.where(~hidden & (climb > 0), crossing, np.inf).astype(np.float32)
            rays = rays.copy()
            rays[..., :3] += np.where(np.isfinite(start), start, 0)[..., None] * rays[..., 3:]
        cast = {name: value.numpy() for name, value in scene.cast_rays(tensor(rays)).items()}
        cast["t_hit"] = np.where(np.isfinite(start), cast["t_hit"] + start, np.inf)
        cast["t_hit"] = np.where(cast["t_hit"] <= end, cast["t_hit"], np.inf)
        return cast

    def _cast(self, picture: SpatialPicture, filled: list[DrawnPart], canvas: _Canvas) -> None:
        rays = self._rays(picture)
        hits = self._hits(picture, filled, rays)
        canvas.depths[:] = hits["t_hit"]
        seen = np.isfinite(hits["t_hit"])
        if not picture.camera.orthographic:
            seen &= hits["t_hit"] > 0
        rotation = picture.camera.rotation.astype(np.float32)
        for number, part in enumerate(filled):
            mine = seen & (hits["geometry_ids"] == number)
            if not mine.any():
                continue
            assert isinstance(part.prepared, PreparedSurface)
            level = part.prepared.levels[0]
            corners = level.triangles[hits["primitive_ids"][mine].astype(np.int64)]
            u, v = hits["primitive_uvs"][mine].T
            weights = np.stack([1 - u - v, u, v], axis=1)[..., None]
            outside = _outside(level, corners, weights, flat=part.shading == "flat")
            # The side that faces the eye is lit.
            facing = _face_normals(level, corners)
            away = np.einsum("ij,ij->i", facing, rays[mine][:, 3:]) > 0
            albedo = _albedo(part, level, corners, weights, outside)
            if part.shading != "none":
                lit = np.where(away[:, None], -outside, outside) @ rotation.T
                albedo = shaded(lit.astype(np.float32), albedo)
            canvas.colours[mine] = albedo

    # Picking --------------------------------------------------------------------------------------------------------

    def at(self, picture: SpatialPicture, x: float, y: float) -> Hit | None:
        """What is seen at a place of a picture; None where nothing is."""
        best, depth = None, np.inf
        numbered = [
            (number, part)
            for number, part in enumerate(picture.parts)
            if isinstance(part.prepared, PreparedSurface) and part.filled
        ]
        if numbered:
            start, direction = picture.camera.ray(x, y, picture.size)
            ray = np.concatenate([start - picture.centre, direction]).astype(np.float32)[None]
            hits = self._hits(picture, [part for _, part in numbered], ray)
            if np.isfinite(hits["t_hit"][0]):
                best = Hit(numbered[int(hits["geometry_ids"][0])][0], int(hits["primitive_ids"][0]))
                depth = float(hits["t_hit"][0] * (direction @ -picture.camera.rotation[2]))
        for number, part in enumerate(picture.parts):
            if not isinstance(part.prepared, PreparedPoints):
                continue
            reach = max(part.point_size / 2, _PICK_PIXELS)
            places = picture.camera.places(part.prepared.positions + part.prepared.origin, picture.size)
            away = (places[:, 0] - x) ** 2 + (places[:, 1] - y) ** 2
            near = (away <= reach**2) & _shown(picture, part, part.prepared.positions)
            if near.any():
                depths = np.where(near, places[:, 2], np.inf)
                row = int(depths.argmin())
                if depths[row] < depth:
                    best, depth = Hit(number, int(part.prepared.order[row])), float(depths[row])
        return best


def _face_normals(level: SurfaceLevel, corners: NDArray[np.integer]) -> Floats:
    a, b, c = (level.positions[corners[:, corner]] for corner in range(3))
    return unit(np.cross(b - a, c - a).astype(np.float32))


def _outside(level: SurfaceLevel, corners: NDArray[np.integer], weights: Floats, *, flat: bool) -> Floats:
    if flat:
        return _face_normals(level, corners)
    return unit((level.normals[corners][..., :3].astype(np.float32) * weights).sum(axis=1) / np.float32(32767))


def _albedo(
    part: DrawnPart, level: SurfaceLevel, corners: NDArray[np.integer], weights: Floats, outside: Floats
) -> Floats:
    if part.textured and level.uv is not None:
        assert isinstance(part.prepared, PreparedSurface)
        pixels = part.prepared.mesh.texture
        if pixels is not None:
            return _texels(pixels, (level.uv[corners] * weights).sum(axis=1))
    if part.normal_colours:
        return np.asarray(0.5 + 0.5 * outside, np.float32)
    if part.colours is not None:
        painted = part.colours[level.source[corners]].astype(np.float32) / np.float32(255)
        return np.asarray((painted * weights).sum(axis=1), np.float32)
    return np.broadcast_to(np.array(part.colour, np.float32) / np.float32(255), outside.shape)


def _texels(pixels: NDArray[np.uint8], places: Floats) -> Floats:
    """Colours 0..1 of a texture at places (n, 2) in it."""
    places = places - np.floor(places)
    height, width = pixels.shape[:2]
    column = np.minimum((places[:, 0] * width).astype(np.int64), width - 1)
    row = np.minimum(((1 - places[:, 1]) * height).astype(np.int64), height - 1)
    return np.asarray(pixels[row, column].astype(np.float32) / np.float32(255))


def _of_vertices(part: DrawnPart, level: SurfaceLevel, plain: tuple[int, int, int]) -> Floats:
    """Colours 0..1 (k, 3) of the vertices of a surface of which edges or vertices alone are drawn."""
    assert isinstance(part.prepared, PreparedSurface)
    pixels = part.prepared.mesh.texture
    if part.textured and level.uv is not None and pixels is not None:
        return _texels(pixels, level.uv)
    if part.normal_colours:
        return np.asarray(0.5 + 0.5 * level.normals[:, :3].astype(np.float32) / np.float32(32767), np.float32)
    if part.colours is not None:
        return np.asarray(part.colours[level.source].astype(np.float32) / np.float32(255))
    return np.broadcast_to(np.array(plain, np.float32) / np.float32(255), level.positions.shape)


def _shown(picture: SpatialPicture, part: DrawnPart, positions: Floats) -> NDArray[np.bool_]:
    """Which of `positions` (n, 3) about the origin of a part the cutting plane leaves."""
    clip = picture.clip_of(part)
    if clip is None:
        return np.ones(len(positions), bool)
    return np.asarray(positions @ clip.normal <= clip.offset - clip.normal @ part.prepared.origin)


# Points and lines ---------------------------------------------------------------------------------------------------


def _points(picture: SpatialPicture, part: DrawnPart, cloud: PreparedPoints, canvas: _Canvas, count: int) -> None:
    positions = cloud.positions[:count]
    places = picture.camera.places(positions + cloud.origin, picture.size)
    shown = _shown(picture, part, positions)
    rows = cloud.order[:count]
    albedo = np.broadcast_to(np.array(part.colour, np.float32) / np.float32(255), (count, 3))
    if part.colours is not None:
        albedo = part.colours[rows].astype(np.float32) / np.float32(255)
    if cloud.normals is not None:
        normals = cloud.normals[:count, :3].astype(np.float32) / np.float32(32767)
        if part.normal_colours:
            albedo = np.asarray(0.5 + 0.5 * normals, np.float32)
        lit = (normals @ picture.camera.rotation.T).astype(np.float32)
        albedo = shaded(np.where(lit[:, 2:] < 0, -lit, lit), albedo)
    _splat(canvas, picture, places[shown], albedo[shown], part.point_size)


def _splat(
    canvas: _Canvas, picture: SpatialPicture, places: NDArray[np.float64], colours: Floats, diameter: float
) -> None:
    """Discs at places (n, 3) in the picture, of x, y and depth, where nothing is nearer."""
    height, width = canvas.depths.shape
    depths = places[:, 2].astype(np.float32)
    with np.errstate(invalid="ignore"):
        inside = (places[:, 0] >= -8) & (places[:, 0] < width + 8) & (places[:, 1] >= -8) & (places[:, 1] < height + 8)
    if not picture.camera.orthographic:
        inside &= depths > 0
    # Far to near, so that the nearest is written last.
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(-depths[rows], kind="stable")]
    column, row = np.floor(places[rows, :2]).astype(np.int64).T
    flat_depths, flat_colours = canvas.depths.reshape(-1), canvas.colours.reshape(-1, 3)
    for dx, dy in disc(diameter):
        x, y = column + dx, row + dy
        within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        cells, drawn = y[within] * width + x[within], rows[within]
        nearer = depths[drawn] <= flat_depths[cells]
        flat_depths[cells[nearer]] = depths[drawn[nearer]]
        flat_colours[cells[nearer]] = colours[drawn[nearer]]


def disc(diameter: float) -> list[tuple[int, int]]:
    """Offsets (dx, dy) in pixels that fill a disc."""
    side = max(1, round(diameter))
    middle = (side - 1) / 2
    reach = (side / 2) ** 2 + 0.1
    steps = range(side)
    offsets = [(dx, dy) for dy in steps for dx in steps if (dx - middle) ** 2 + (dy - middle) ** 2 <= reach]
    return [(dx - side // 2, dy - side // 2) for dx, dy in offsets]


def _edges_and_vertices(picture: SpatialPicture, part: DrawnPart, surface: PreparedSurface, canvas: _Canvas) -> None:
    if part.edges is not None:
        level = next((level for level in surface.levels if len(level.triangles) <= MOST_EDGES), surface.levels[-1])
        pairs = np.sort(level.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        pairs = np.unique(pairs, axis=0)
        # Edges alone have the colours of the surface; on a surface they are told apart from it.
        colours = None if part.filled else _of_vertices(part, level, part.edges)[pairs]
        _lines(picture, part, surface.origin, level.positions[pairs], colours, part.edges, canvas, _LINE_BIAS)
    elif not part.filled:
        level = surface.levels[0]
        places = picture.camera.places(level.positions + surface.origin, picture.size)
        shown = _shown(picture, part, level.positions)
        albedo = _of_vertices(part, level, part.colour)
        if part.shading != "none":
            lit = level.normals[:, :3].astype(np.float32) / np.float32(32767) @ picture.camera.rotation.T
            albedo = shaded(np.where(lit[:, 2:] < 0, -lit, lit).astype(np.float32), albedo)
        _splat(canvas, picture, places[shown], albedo[shown], part.point_size)


def _at_both_ends(colours: NDArray[np.uint8]) -> Floats:
    """Colours 0..1 (m, 2, 3) of segments that have one each, uint8 (m, 3)."""
    return np.repeat(colours[:, None].astype(np.float32) / np.float32(255), 2, axis=1)


def _lines(
    picture: SpatialPicture,
    part: DrawnPart,
    origin: NDArray[np.float64],
    ends: Floats,
    colours: Floats | None,
    colour: tuple[int, int, int],
    canvas: _Canvas,
    bias: float,
) -> None:
    """Segments (m, 2, 3) about `origin`, as points that lie close enough; `colours` (m, 2, 3) are those of the ends."""
    if not len(ends):
        return
    camera, size = picture.camera, picture.size
    near, _ = camera.depths(picture.centre, picture.radius)
    kept, seen = _in_front(ends.astype(np.float64), camera.view_from(origin), near if not camera.orthographic else None)
    places = camera.places(seen.reshape(-1, 3) + origin, size)[:, :2].reshape(-1, 2, 2)
    length = np.nan_to_num(np.abs(places[:, 1] - places[:, 0]).max(axis=1))
    steps = np.clip(np.ceil(length / _STEP_PIXELS), 1, _MOST_STEPS).astype(np.int64) + 1
    owner = np.repeat(np.arange(len(seen)), steps)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps)
    share = (rank / np.repeat(steps - 1, steps))[:, None]
    positions = (seen[owner, 0] * (1 - share) + seen[owner, 1] * share).astype(np.float32)
    placed = camera.places(positions + origin, size)
    placed[:, 2] *= 1 - bias
    shown = _shown(picture, part, positions)
    painted = np.broadcast_to(np.array(colour, np.float32) / np.float32(255), positions.shape)
    if colours is not None:
        colours = colours[kept]
        painted = (colours[owner, 0] * (1 - share) + colours[owner, 1] * share).astype(np.float32)
    _splat(canvas, picture, placed[shown], painted[shown], part.width)


def _in_front(
    ends: NDArray[np.float64], view: NDArray[np.float64], near: float | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of the segments (m, 2, 3) of which some lies before the eye, and these, shortened to what does; all
    where `near` is None."""
    if near is None:
        return np.arange(len(ends)), ends
    depth = -(ends @ view[2, :3] + view[2, 3])
    kept = np.flatnonzero((depth > near).any(axis=1))
    ends, depth = ends[kept], depth[kept]
    for one, other in ((0, 1), (1, 0)):
        behind = depth[:, one] < near
        share = (near - depth[behind, one]) / (depth[behind, other] - depth[behind, one])
        ends[behind, one] += share[:, None] * (ends[behind, other] - ends[behind, one])
    return kept, ends


def _eye_dome(depths: Floats, picture: SpatialPicture) -> Floats:
    """Eye-dome lighting, a factor 0..1: darkens pixels behind their neighbours, which shows shape without normals
    (Boucheny, thesis, Grenoble 2009)."""
    near, far = picture.camera.depths(picture.centre, picture.radius)
    metric = depths - near + (far - near) / 2 if picture.camera.orthographic else depths
    known = np.isfinite(metric) & (metric > 0)
    log = np.where(known, np.log2(np.where(known, metric, 1)), 100).astype(np.float32)
    padded = np.pad(log, 1, mode="edge")
    total = np.zeros_like(log)
    for neighbour in (padded[1:-1, 2:], padded[1:-1, :-2], padded[2:, 1:-1], padded[:-2, 1:-1]):
        total += np.maximum(0, log - neighbour)
    dark = 0.3 + 0.7 * np.exp(-EYE_DOME_STRENGTH * np.minimum(total, 1.0))
    return np.asarray(np.where(known, dark, 1), np.float32)
