"""Pictures of scenes by OpenGL: whole and smooth for a view at rest, with stand-ins while it turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QImage, QMatrix4x4, QVector2D, QVector3D, QVector4D
from PySide6.QtOpenGL import (
    QOpenGLFramebufferObject,
    QOpenGLFramebufferObjectFormat,
    QOpenGLShaderProgram,
    QOpenGLTexture,
    QOpenGLVertexArrayObject,
)

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.picture import DrawnPart, Hit, SpatialPicture
from cvstudio.draw.spatial.prepared import Prepared, PreparedLines, PreparedPoints
from cvstudio.draw.spatial.surface import PreparedSurface
from ui.views.spatial.opengl.buffers import UploadedPart, at, elements_of
from ui.views.spatial.opengl.context import MemoryContext
from ui.views.spatial.opengl.shaders import Programs

_CHUNK = 60_000
"""Triangles or points that are drawn at a time, so that the window does not wait for a large scene."""

_MOST_GROWTH = 2.0

_COLOUR_BIT, _DEPTH_BIT = 0x4000, 0x0100
_POINTS, _LINES, _TRIANGLES = 0x0000, 0x0001, 0x0004
_UNSIGNED_INT, _UNSIGNED_BYTE = 0x1405, 0x1401
_CULL_FACE, _DEPTH_TEST, _CLIP_DISTANCE0, _POLYGON_OFFSET_FILL = 0x0B44, 0x0B71, 0x3000, 0x8037
_FRONT_AND_BACK, _FRONT, _BACK, _LINE, _FILL = 0x0408, 0x0404, 0x0405, 0x1B01, 0x1B02
_CLOCKWISE = 0x0900
_FRAMEBUFFER, _DEPTH_ATTACHMENT, _TEXTURE_2D, _TEXTURE0 = 0x8D40, 0x8D00, 0x0DE1, 0x84C0
_BGRA, _RGBA, _BYTES_REVERSED, _RGBA8, _LINEAR = 0x80E1, 0x1908, 0x8367, 0x8058, 0x2601


@dataclass(frozen=True)
class Detail:
    """How much is drawn.

    Parameters
    ----------
    level : 0 for whole surfaces, 1 and more for coarser stand-ins, where a surface has them
    points : most points of all clouds together; None for all
    samples : pixels along each side of a pixel of the picture that are averaged
    """

    level: int = 0
    points: int | None = None
    samples: int = 1


WHOLE = Detail(samples=2)


class _Target:
    """Memory for a picture, with depths that can be read."""

    def __init__(self, context: MemoryContext, size: Size) -> None:
        self.size = size
        form = QOpenGLFramebufferObjectFormat()
        form.setInternalTextureFormat(_RGBA8)
        self.buffer = QOpenGLFramebufferObject(QSize(*size), form)
        self.depths = QOpenGLTexture(QOpenGLTexture.Target.Target2D)
        self.depths.setSize(*size)
        self.depths.setFormat(QOpenGLTexture.TextureFormat.D24)
        self.depths.setMinMagFilters(QOpenGLTexture.Filter.Nearest, QOpenGLTexture.Filter.Nearest)
        self.depths.setWrapMode(QOpenGLTexture.WrapMode.ClampToEdge)
        self.depths.allocateStorage(QOpenGLTexture.PixelFormat.Depth, QOpenGLTexture.PixelType.UInt32)
        self.buffer.bind()
        gl = context.gl
        gl.glFramebufferTexture2D(_FRAMEBUFFER, _DEPTH_ATTACHMENT, _TEXTURE_2D, self.depths.textureId(), 0)


class OpenGLRenderer:
    """Draws scenes into memory. To be used by the thread that made it.

    Raises
    ------
    OpenGLMissingError
        Also from every method that draws, where the driver gives up.
    """

    def __init__(self) -> None:
        self.context = MemoryContext()
        self._programs = Programs()
        self._uploaded: dict[int, UploadedPart] = {}
        self._targets: dict[str, _Target] = {}
        self._growth = 1.0
        self._nothing = QOpenGLVertexArrayObject()
        self._nothing.create()

    def close(self) -> None:
        self.context.make_current()
        self.keep(())
        self._targets.clear()
        self._programs.close()
        self._nothing.destroy()
        self.context.close()

    def keep(self, prepared: tuple[Prepared, ...]) -> None:
        """Give back the memory of all parts that are none of `prepared`."""
        self.context.make_current()
        numbers = {id(item) for item in prepared}
        for number in [number for number in self._uploaded if number not in numbers]:
            self._uploaded.pop(number).close()

    # Pictures -------------------------------------------------------------------------------------------------------

    def picture(self, picture: SpatialPicture, detail: Detail = WHOLE) -> QImage:
        """Draw at once."""
        steps = self.steps(picture, detail)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            image: QImage = end.value
            return image

    def steps(self, picture: SpatialPicture, detail: Detail) -> Generator[None, None, QImage]:
        """Draw in pieces of a few milliseconds, between which other pictures may be drawn; returns the image."""
        scale = detail.samples
        large = picture.resized(Size(picture.size.width * scale, picture.size.height * scale), scale)
        target = self._target(f"large {scale}", large.size)
        self._begin(target, large)
        yield from self._parts(large, detail)
        if picture.eye_dome and any(isinstance(part.prepared, PreparedPoints) for part in picture.parts):
            target = self._darkened(large, target, scale)
        return self._read(target, picture.size)

    def _target(self, name: str, size: Size) -> _Target:
        self.context.make_current()
        target = self._targets.get(name)
        if target is None or target.size != size:
            target = self._targets[name] = _Target(self.context, size)
        return target

    def _begin(self, target: _Target, picture: SpatialPicture) -> None:
        gl = self.context.gl
        target.buffer.bind()
        gl.glViewport(0, 0, *target.size)
        red, green, blue = (value / 255 for value in picture.background)
        gl.glClearColor(red, green, blue, 1.0)
        gl.glClear(_COLOUR_BIT | _DEPTH_BIT)
        gl.glEnable(_DEPTH_TEST)
        # The picture is drawn upside down, as its rows are read from below: what was counterclockwise is clockwise.
        gl.glFrontFace(_CLOCKWISE)

    def _parts(self, picture: SpatialPicture, detail: Detail) -> Iterator[None]:
        clouds = [part.prepared for part in picture.parts if isinstance(part.prepared, PreparedPoints)]
        total = sum(len(cloud.positions) for cloud in clouds)
        share = 1.0 if detail.points is None or total <= detail.points else detail.points / total
        # Fewer points are larger, so that they cover as much.
        self._growth = min(share**-0.5, _MOST_GROWTH)
        for part in picture.parts:
            yield from self._draw(picture, part, detail.level, share)

    def _draw(self, picture: SpatialPicture, part: DrawnPart, level: int, share: float) -> Iterator[None]:
        gl, prepared = self.context.gl, part.prepared
        uploaded = self._upload(prepared)
        if isinstance(prepared, PreparedSurface):
            level = min(level, len(prepared.levels) - 1)
            if part.filled:
                yield from self._filled(picture, part, uploaded, level)
            if part.edges is not None:
                names = ["CUT"] * (picture.clip_of(part) is not None)
                # Edges alone have the colours of the surface; on a surface they are told apart from it.
                names += [] if part.filled else ["UNLIT", *self._colouring(part, uploaded, level)]
                self._use(picture, part, names, part.edges)
                gl.glPolygonMode(_FRONT_AND_BACK, _LINE)
                gl.glLineWidth(max(part.width, 1.0))
                yield from self._elements(uploaded, level, _TRIANGLES)
                gl.glPolygonMode(_FRONT_AND_BACK, _FILL)
            elif not part.filled:
                yield from self._vertices(picture, part, uploaded)
            return
        names = ["CUT"] * (picture.clip_of(part) is not None) + ["PAINTED"] * (part.colours is not None)
        if isinstance(prepared, PreparedPoints):
            if prepared.normals is not None and part.shading != "none":
                names += ["SMOOTH", "POINT"]
            if part.normal_colours and prepared.normals is not None:
                names = [*names, "DIRECTIONS"]
            gl.glPointSize(max(part.point_size * self._growth, 1.0))
        else:
            gl.glLineWidth(max(part.width, 1.0))
        if part.colours is not None:
            uploaded.level(0).paint(part.colours)
        self._use(picture, part, names, part.colour)
        kind = _POINTS if isinstance(prepared, PreparedPoints) else _LINES
        yield from self._elements(uploaded, 0, kind, share if kind == _POINTS else 1.0)

    def _vertices(self, picture: SpatialPicture, part: DrawnPart, uploaded: UploadedPart) -> Iterator[None]:
        names = ["CUT"] * (picture.clip_of(part) is not None)
        names += ["SMOOTH", "POINT"] if part.shading != "none" else []
        self._use(picture, part, [*names, *self._colouring(part, uploaded, 0)], part.colour)
        self.context.gl.glPointSize(max(part.point_size, 1.0))
        yield from self._elements(uploaded, 0, _POINTS)

    def _colouring(self, part: DrawnPart, uploaded: UploadedPart, level: int) -> list[str]:
        """Make the colours of a surface ready; the names of what the program does with them."""
        texture = uploaded.texture() if part.textured else None
        if texture is not None:
            texture.bind(0)
            return ["TEXTURED"]
        if part.normal_colours:
            return ["DIRECTIONS"] if part.shading == "flat" and part.filled else ["SMOOTH", "DIRECTIONS"]
        if part.colours is None:
            return []
        uploaded.level(level).paint(part.colours)
        return ["PAINTED"]

    def _filled(self, picture: SpatialPicture, part: DrawnPart, uploaded: UploadedPart, level: int) -> Iterator[None]:
        gl, surface = self.context.gl, uploaded.prepared
        assert isinstance(surface, PreparedSurface)
        names = ["CUT"] * (picture.clip_of(part) is not None)
        names += {"smooth": ["SMOOTH"], "flat": ["FLAT"], "none": ["UNLIT"]}[part.shading]
        names += self._colouring(part, uploaded, level)
        self._use(picture, part, names, part.colour)
        # The back of a closed surface is never seen, unless it is cut open.
        if surface.facing and picture.clip is None:
            gl.glEnable(_CULL_FACE)
            gl.glCullFace(_BACK if surface.facing > 0 else _FRONT)
        if part.edges is not None:
            gl.glEnable(_POLYGON_OFFSET_FILL)
            gl.glPolygonOffset(1.0, 1.0)
        yield from self._elements(uploaded, level, _TRIANGLES)
        gl.glDisable(_CULL_FACE)
        gl.glDisable(_POLYGON_OFFSET_FILL)

    def _elements(self, uploaded: UploadedPart, level: int, kind: int, share: float = 1.0) -> Iterator[None]:
        vertices = uploaded.level(level)
        each = {_POINTS: 1, _LINES: 2, _TRIANGLES: 3}[kind]
        indexed = vertices.indexed and kind != _POINTS
        total = vertices.count if indexed else len(vertices.source)
        count = int(total // each * share) * each
        vertices.array.bind()
        for first in range(0, count, _CHUNK * each):
            size = min(_CHUNK * each, count - first)
            if indexed:
                self.context.gl.glDrawElements(kind, size, _UNSIGNED_INT, at(4 * first))
            else:
                self.context.gl.glDrawArrays(kind, first, size)
            if first + size < count:
                self.context.gl.glFlush()
                yield
        vertices.array.release()

    def _upload(self, prepared: Prepared) -> UploadedPart:
        uploaded = self._uploaded.get(id(prepared))
        if uploaded is None:
            uploaded = self._uploaded[id(prepared)] = UploadedPart(self.context.gl, prepared)
        return uploaded

    def _use(self, picture: SpatialPicture, part: DrawnPart, names: list[str], colour: tuple[int, int, int]) -> None:
        program = self._programs.surface(*names)
        self._place(program, picture, part)
        program.setUniformValue(program.uniformLocation("plain"), QVector3D(*(value / 255 for value in colour)))

    def _place(self, program: QOpenGLShaderProgram, picture: SpatialPicture, part: DrawnPart) -> None:
        """Bind a program, and tell it where the part is: all differences are taken in doubles."""
        program.bind()
        camera, origin = picture.camera, part.prepared.origin
        view = camera.view_from(origin)
        clip = camera.projection(picture.size, *camera.depths(picture.centre, picture.radius)) @ view
        clip[1] *= -1
        program.setUniformValue(program.uniformLocation("clip_from_local"), QMatrix4x4(*clip.ravel().tolist()))
        program.setUniformValue(program.uniformLocation("view_from_local"), QMatrix4x4(*view.ravel().tolist()))
        cut = picture.clip_of(part)
        gl = self.context.gl
        (gl.glDisable if cut is None else gl.glEnable)(_CLIP_DISTANCE0)
        if cut is not None:
            plane = QVector4D(QVector3D(*cut.normal.tolist()), cut.offset - float(cut.normal @ origin))
            program.setUniformValue(program.uniformLocation("cut"), plane)

    def _darkened(self, picture: SpatialPicture, source: _Target, scale: int) -> _Target:
        gl, camera = self.context.gl, picture.camera
        target = self._target(f"dark {scale}", source.size)
        target.buffer.bind()
        gl.glDisable(_DEPTH_TEST)
        gl.glDisable(_CLIP_DISTANCE0)
        program = self._programs.eye_dome()
        program.bind()
        gl.glActiveTexture(_TEXTURE0)
        gl.glBindTexture(_TEXTURE_2D, source.buffer.texture())
        source.depths.bind(1)
        program.setUniformValue1i(program.uniformLocation("colours"), 0)
        program.setUniformValue1i(program.uniformLocation("depths"), 1)
        program.setUniformValue(
            program.uniformLocation("pixel"), QVector2D(scale / source.size.width, scale / source.size.height)
        )
        program.setUniformValue(
            program.uniformLocation("planes"), QVector2D(*camera.depths(picture.centre, picture.radius))
        )
        program.setUniformValue1i(program.uniformLocation("parallel"), int(camera.orthographic))
        self._nothing.bind()
        gl.glDrawArrays(_TRIANGLES, 0, 3)
        self._nothing.release()
        return target

    def _read(self, target: _Target, size: Size) -> QImage:
        gl = self.context.gl
        if target.size != size:
            small = self._target("small", size)
            # Halving with linear filtering is the mean of each block of pixels.
            QOpenGLFramebufferObject.blitFramebuffer(
                small.buffer,
                QRect(0, 0, *size),
                target.buffer,
                QRect(0, 0, *target.size),
                _COLOUR_BIT,
                _LINEAR,
            )
            target = small
        target.buffer.bind()
        pixels = np.empty((size.height, size.width, 4), np.uint8)
        gl.glReadPixels(0, 0, *size, _BGRA, _BYTES_REVERSED, at(pixels))
        # A copy of its own, as the memory belongs to the array.
        return QImage(pixels.data, size.width, size.height, 4 * size.width, QImage.Format.Format_RGB32).copy()

    # Picking --------------------------------------------------------------------------------------------------------

    def numbers(self, picture: SpatialPicture) -> PickMap:
        """What is seen at each pixel of the whole scene, for `PickMap.at`."""
        gl = self.context.gl
        target = self._target("large 1", picture.size)
        self._begin(target, dataclasses.replace(picture, background=(0, 0, 0)))
        gl.glClearColor(0, 0, 0, 0)
        gl.glClear(_COLOUR_BIT | _DEPTH_BIT)
        firsts, first = [], 1
        for part in picture.parts:
            firsts.append(first)
            if part.owner < 0:
                continue  # guides hide nothing
            uploaded = self._upload(part.prepared)
            program = self._programs.numbers(cut=picture.clip_of(part) is not None)
            self._place(program, picture, part)
            kind = _TRIANGLES if isinstance(part.prepared, PreparedSurface) else _POINTS
            kind = _LINES if isinstance(part.prepared, PreparedLines) else kind
            gl.glPointSize(max(part.point_size, 4.0))
            gl.glLineWidth(max(part.width, 4.0))
            vertices = uploaded.level(0)
            vertices.array.bind()
            program.setUniformValue1i(program.uniformLocation("first"), first)
            if vertices.indexed:
                gl.glDrawElements(kind, vertices.count, _UNSIGNED_INT, at(0))
            else:
                gl.glDrawArrays(kind, 0, vertices.count)
            vertices.array.release()
            first += elements_of(part.prepared)
        digits = np.empty((picture.size.height, picture.size.width, 4), np.uint8)
        gl.glReadPixels(0, 0, *picture.size, _RGBA, _UNSIGNED_BYTE, at(digits))
        return PickMap(digits.view(np.uint32)[..., 0], np.array(firsts), picture)


@dataclass(frozen=True, eq=False)
class PickMap:
    """What is seen at each pixel.

    Parameters
    ----------
    numbers : uint32 (h, w), 0 for nothing
    firsts : int64 (parts,), number of the first element of each part
    picture : in which it is seen
    """

    numbers: NDArray[np.uint32]
    firsts: NDArray[np.int64]
    picture: SpatialPicture

    def at(self, x: float, y: float) -> Hit | None:
        """What is seen at a place; None where nothing is."""
        height, width = self.numbers.shape
        column, row = int(x), int(y)
        if not (0 <= column < width and 0 <= row < height) or not self.numbers[row, column]:
            return None
        number = int(self.numbers[row, column])
        index = int(np.searchsorted(self.firsts, number, side="right")) - 1
        element = number - int(self.firsts[index])
        prepared = self.picture.parts[index].prepared
        if isinstance(prepared, PreparedPoints):
            element = int(prepared.order[element])
        return Hit(index, element)
