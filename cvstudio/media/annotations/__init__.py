"""Annotation sets: the ground truth of a set of pictures, read by one `AnnotationFormat` for each form of file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.registry import Registry
from cvstudio.media.file_identity import quoted


@dataclass(frozen=True)
class AnnotationFormat:
    """How one form of labels is recognised and read.

    Parameters
    ----------
    key, title : "coco", "COCO JSON"
    recognises : callable (path) -> whether the file or folder is of this form; it reads little
    read : callable (path) -> what a stage is given: frozen, with read-only arrays. Raises MediaError
    order : lower is asked first
    """

    key: str
    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Any]
    order: int = 100


ANNOTATION_FORMATS: Registry[AnnotationFormat] = Registry(
    "annotation format", __name__, order=lambda entry: entry.order
)


def annotation_format(path: Path) -> AnnotationFormat:
    """The form of the labels at `path`. Raises MediaError where the path is gone or no form is known for it."""
    if not path.exists():
        raise MediaError(f"The labels {quoted(path)} cannot be found; check the path.")
    found = next((entry for entry in ANNOTATION_FORMATS if entry.recognises(path)), None)
    if found is None:
        known = ", ".join(entry.title for entry in ANNOTATION_FORMATS) or "none yet"
        raise MediaError(f"{quoted(path)} holds no labels of a known form; known are: {known}.")
    return found
