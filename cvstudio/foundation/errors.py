"""Errors whose text the user reads: one sentence with what was expected, what was found and what to do."""

from __future__ import annotations


class UserError(Exception):
    """Base class of all errors whose text is shown to the user unchanged."""


class MediaError(UserError):
    """A file cannot be opened or read."""


class ReadingError(MediaError):
    """A file does not offer what it was to be read as."""


class GeometryError(UserError):
    """A mesh or point cloud does not have what a conversion needs."""


class ParamsError(UserError, ValueError):
    """A parameter has a value that its declaration does not allow."""


class BindingError(UserError):
    """An analysis was given the wrong inputs."""


class WeightsError(UserError):
    """A checkpoint is missing, damaged or belongs to another network."""


class CustomModelError(UserError):
    """A custom model has an invalid declaration, or its file does not behave as declared."""


class DeviceError(UserError):
    """The device selected for inference is not available."""


class ExportError(UserError):
    """A result cannot be written."""


class ProjectError(UserError):
    """A project or recipe file cannot be used."""


class UnknownKeyError(UserError, KeyError):
    """A registry has no entry under the requested key."""

    def __str__(self) -> str:
        return str(self.args[0])


class Cancelled(BaseException):
    """A job was cancelled. Derives from BaseException so that no ``except Exception`` swallows it."""
