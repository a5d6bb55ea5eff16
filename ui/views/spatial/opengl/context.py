"""A context of OpenGL that draws into memory: no widget of the window has to be one of OpenGL."""

from __future__ import annotations

import sys
from typing import cast

from PySide6.QtGui import QOffscreenSurface, QOpenGLContext, QSurfaceFormat
from PySide6.QtOpenGL import QOpenGLFunctions_3_3_Core, QOpenGLVersionFunctionsFactory, QOpenGLVersionProfile

VERSION = (3, 3)
_GL_RENDERER = 0x1F01
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software rasterizer", "gdi generic", "microsoft basic render")


class OpenGLMissingError(Exception):
    """This machine has no OpenGL 3.3: a remote desktop, a virtual machine, or an old driver."""


class MemoryContext:
    """A context of its own, current on the thread that made it.

    Raises
    ------
    OpenGLMissingError
    """

    def __init__(self) -> None:
        _keep_triton_out()
        wanted = QSurfaceFormat()
        wanted.setVersion(*VERSION)
        wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        # Lines wider than a pixel are deprecated, yet most drivers draw them.
        wanted.setOption(QSurfaceFormat.FormatOption.DeprecatedFunctions)
        self._surface = QOffscreenSurface()
        self._surface.setFormat(wanted)
        self._surface.create()
        self._context = QOpenGLContext()
        self._context.setFormat(wanted)
        if not self._surface.isValid() or not self._context.create() or self._context.format().version() < VERSION:
            raise OpenGLMissingError
        if not self._context.makeCurrent(self._surface):
            raise OpenGLMissingError
        profile = QOpenGLVersionProfile()
        profile.setVersion(*VERSION)
        profile.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        functions = QOpenGLVersionFunctionsFactory.get(profile, self._context)
        if functions is None or not cast(QOpenGLFunctions_3_3_Core, functions).initializeOpenGLFunctions():
            raise OpenGLMissingError
        self.gl = cast(QOpenGLFunctions_3_3_Core, functions)
        self.renderer = str(self._context.functions().glGetString(_GL_RENDERER))

    @property
    def in_software(self) -> bool:
        """Whether the processor draws, and not a graphics card."""
        return any(name in self.renderer.lower() for name in _SOFTWARE)

    def make_current(self) -> None:
        """Let the next calls go to this context. Raises OpenGLMissingError where the driver has lost it."""
        if not self._context.isValid() or not self._context.makeCurrent(self._surface):
            raise OpenGLMissingError

    def close(self) -> None:
        """Give it back; what was made in it is gone."""
        self._context.doneCurrent()
        self._surface.destroy()


def _keep_triton_out() -> None:
    """Make a later import of Triton an ImportError, which torch expects where it is not installed.

    Mesa draws with LLVM, and Triton carries another one: imported second, as torch's export does, it crashes the
    process. Nothing in this process needs it; a training, which compiles for CUDA with it, has a process of its own.
    """
    sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
