"""Errors that are meant for the user: one sentence with what was expected, what was found and what to do."""

from __future__ import annotations


class UserError(Exception):
    """Base of every error whose text is shown to the user as it stands."""


class MediaError(UserError):
    """A file cannot be opened or read."""


class ParamsError(UserError, ValueError):
    """A parameter has a value that its declaration does not allow."""


class BindingError(UserError):
    """An analysis was given the wrong inputs."""


class WeightsError(UserError):
    """A checkpoint is missing, damaged or of another network."""


class OwnModelError(UserError):
    """A model that the user brings along is declared wrongly, or its file does not do what is declared."""


class DeviceError(UserError):
    """The device that networks are to run on is not there."""


class ExportError(UserError):
    """A result cannot be written."""


class ProjectError(UserError):
    """A project or recipe file cannot be used."""


class UnknownKeyError(UserError, KeyError):
    """Nothing is registered under a key."""

    def __str__(self) -> str:
        return str(self.args[0])


class Cancelled(BaseException):
    """A job was told to stop. A BaseException, so that no ``except Exception`` swallows it."""
