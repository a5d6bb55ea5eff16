"""What is kept on the graphics card: vertices, triangles, colours and textures of the parts of a scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtOpenGL import QOpenGLBuffer, QOpenGLFunctions_3_3_Core, QOpenGLTexture, QOpenGLVertexArrayObject
from shiboken6 import VoidPtr

from cvstudio.draw.spatial.prepared import Prepared, PreparedLines, PreparedPoints
from cvstudio.draw.spatial.surface import PreparedSurface
from ui.views.spatial.opengl.shaders import COLOUR, NORMAL, PLACE, POSITION

_FLOAT, _SHORT, _BYTE = 0x1406, 0x1402, 0x1401
_TYPES = {"f": _FLOAT, "i": _SHORT, "u": _BYTE}
MOST_TEXELS = 8192
"""Longest side of a texture; larger ones are shrunk."""


def at(place: int | NDArray[Any]) -> Any:
    """An offset into the bound buffer, or the memory of an array, as OpenGL's functions take it: Qt's own declarations
    call both a number."""
    return VoidPtr(place) if isinstance(place, int) else place


def _buffer(kind: QOpenGLBuffer.Type, values: NDArray[Any]) -> QOpenGLBuffer:
    buffer = QOpenGLBuffer(kind)
    buffer.create()
    buffer.bind()
    content = np.ascontiguousarray(values)
    buffer.allocate(content.tobytes(), content.nbytes)
    return buffer


@dataclass(eq=False)
class Vertices:
    """Vertices of one level of detail, and what joins them.

    Parameters
    ----------
    count : number of indices, or of vertices where nothing joins them
    indexed : whether there are indices
    source : vertex of the mesh, point or line end whose colour each has
    """

    gl: QOpenGLFunctions_3_3_Core
    count: int
    indexed: bool
    source: NDArray[np.int32]
    array: QOpenGLVertexArrayObject = field(default_factory=QOpenGLVertexArrayObject)
    _buffers: dict[int, QOpenGLBuffer] = field(default_factory=dict)
    _colours: NDArray[np.uint8] | None = None

    @classmethod
    def made(
        cls,
        gl: QOpenGLFunctions_3_3_Core,
        attributes: dict[int, NDArray[Any] | None],
        indices: NDArray[np.int32] | None,
        source: NDArray[np.int32],
    ) -> Vertices:
        """Upload attributes (by location, a row for each vertex) and indices."""
        count = len(source) if indices is None else indices.size
        made = cls(gl, count, indices is not None, source)
        made.array.create()
        made.array.bind()
        for location, values in attributes.items():
            if values is not None:
                made._attribute(location, values)
        if indices is not None:
            made._buffers[-1] = _buffer(QOpenGLBuffer.Type.IndexBuffer, indices)
        made.array.release()
        return made

    def _attribute(self, location: int, values: NDArray[Any]) -> None:
        self._buffers[location] = _buffer(QOpenGLBuffer.Type.VertexBuffer, values)
        self.gl.glEnableVertexAttribArray(location)
        whole = values.dtype.kind != "f"
        self.gl.glVertexAttribPointer(location, values.shape[1], _TYPES[values.dtype.kind], int(whole), 0, at(0))

    def paint(self, colours: NDArray[np.uint8]) -> None:
        """Set the colours (n, 3) of the mesh, the cloud or the lines; the same array again costs nothing."""
        if colours is self._colours:
            return
        self._colours = colours
        padded = np.full((len(self.source), 4), 255, np.uint8)
        padded[:, :3] = colours[self.source]
        self.array.bind()
        self._attribute(COLOUR, padded)
        self.array.release()

    def close(self) -> None:
        for buffer in self._buffers.values():
            buffer.destroy()
        self.array.destroy()


class UploadedPart:
    """A surface, points or lines on the graphics card; stand-ins are uploaded with their first use."""

    def __init__(self, gl: QOpenGLFunctions_3_3_Core, prepared: Prepared) -> None:
        self.prepared = prepared
        self._gl = gl
        self._levels: dict[int, Vertices] = {}
        self._texture: QOpenGLTexture | None = None

    def level(self, number: int) -> Vertices:
        """The vertices of a level of detail; points and lines have one."""
        if number not in self._levels:
            self._levels[number] = self._upload(number)
        return self._levels[number]

    def _upload(self, number: int) -> Vertices:
        prepared = self.prepared
        attributes: dict[int, NDArray[Any] | None]
        if isinstance(prepared, PreparedSurface):
            level = prepared.levels[number]
            attributes = {POSITION: level.positions, NORMAL: level.normals, PLACE: level.uv}
            return Vertices.made(self._gl, attributes, level.triangles, level.source)
        if isinstance(prepared, PreparedPoints):
            attributes = {POSITION: prepared.positions, NORMAL: prepared.normals}
            return Vertices.made(self._gl, attributes, None, prepared.order)
        ends = np.repeat(np.arange(len(prepared.positions) // 2, dtype=np.int32), 2)
        return Vertices.made(self._gl, {POSITION: prepared.positions}, None, ends)

    def texture(self) -> QOpenGLTexture | None:
        """The texture of a mesh; None without one."""
        if self._texture is None and isinstance(self.prepared, PreparedSurface):
            pixels = self.prepared.mesh.texture
            if pixels is not None:
                self._texture = _texture(pixels)
        return self._texture

    def close(self) -> None:
        for level in self._levels.values():
            level.close()
        if self._texture is not None:
            self._texture.destroy()


def _texture(pixels: NDArray[np.uint8]) -> QOpenGLTexture:
    if max(pixels.shape[:2]) > MOST_TEXELS:
        import cv2

        scale = MOST_TEXELS / max(pixels.shape[:2])
        small = (max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale)))
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
    # Rows of a texture go upwards.
    upwards = np.ascontiguousarray(pixels[::-1])
    height, width = upwards.shape[:2]
    texture = QOpenGLTexture(QImage(upwards.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
    texture.setWrapMode(QOpenGLTexture.WrapMode.Repeat)
    texture.setMinMagFilters(QOpenGLTexture.Filter.LinearMipMapLinear, QOpenGLTexture.Filter.Linear)
    return texture


def elements_of(prepared: Prepared) -> int:
    """Number of triangles, points or segments of the whole."""
    if isinstance(prepared, PreparedSurface):
        return len(prepared.levels[0].triangles)
    return len(prepared.positions) // (2 if isinstance(prepared, PreparedLines) else 1)
