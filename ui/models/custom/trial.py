"""Work of the custom model dialog: reading a network's file, and running it on a picture."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.stages import Providers, Request, run_chain
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.models import ModelSpec
from cvstudio.models.custom.declaration import SUFFIXES, declaration_path, read_declaration
from cvstudio.models.custom.inference import is_program
from cvstudio.models.custom.model import CustomModel
from ui.views.result_rows import named_fractions

MOST_NAMED = 3
"""How many entries of the result are named beside the preview."""


@dataclass(frozen=True, eq=False)
class Declared:
    """Result of reading a file: its declaration, whether that was inferred, and whether the file is a program."""

    model: CustomModel
    guessed: bool
    program: bool


@dataclass(frozen=True, eq=False)
class Tried:
    """Result of running a declared network on a picture.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3), the picture with the result drawn on it
    headline : the result in words
    first : the first entries of the result, each a name with its score or share 0..1
    elapsed_secs : duration of the network alone
    """

    pixels: NDArray[np.uint8]
    headline: str
    first: tuple[tuple[str, float], ...]
    elapsed_secs: float


@dataclass(frozen=True)
class Refused:
    """A `UserError` as an output: the form shows its text, and the job does not count as failed."""

    text: str


def refusing(work: Iterator[Any]) -> Iterator[Any]:
    """Yield the outputs of `work`, and a `Refused` in place of a UserError."""
    try:
        yield from work
    except UserError as error:
        yield Refused(str(error))


def declare(path: Path, progress: Progress) -> Iterator[Declared]:
    """Yield the declaration of a file, read from beside it or inferred. Raises CustomModelError."""
    from cvstudio.models.custom.infer_declaration import infer_declaration

    declaration = path if path.suffix.lower() in SUFFIXES else declaration_path(path)
    model = read_declaration(declaration) if declaration is not None else infer_declaration(path, progress)
    yield Declared(model, guessed=declaration is None, program=is_program(model.file))


def attempt(model: CustomModel, spec: ModelSpec, image: Image, size: Size, progress: Progress) -> Iterator[Tried]:
    """Run `model` on `image` with the default parameters of its analysis; the result is drawn to fit into `size`.

    Raises
    ------
    UserError
        The network does not match its declaration.
    """
    from cvstudio.draw import Look, render
    from cvstudio.models.custom.networks import load

    progress(None, model.title)
    analysis = next(item for item in ANALYSES if item.task == model.task)
    network = load(model, "cpu")
    network.warm_up(progress)
    slot = analysis.main_slot.name
    request = Request(analysis.key, analysis.stages, ((slot, "trial", None),), analysis.make_params({}, spec))
    providers, cache = Providers(lambda: {slot: image}, lambda: network), Cache()
    first = dataclasses.replace(request, stages=request.stages[:1], params=request.params[:1])
    began = time.perf_counter()
    deque(run_chain(first, providers, cache, progress), maxlen=0)
    elapsed_secs = time.perf_counter() - began
    *_, result = run_chain(request, providers, cache, progress)
    scale = min(size.width / image.size.width, size.height / image.size.height, 2.0)
    whole = View(Rect(0.0, 0.0, float(image.size.width), float(image.size.height)), scale)
    table = result.table()
    likeliest = () if table is None else tuple(named_fractions(table, MOST_NAMED))
    yield Tried(render(image, [(result, Look())], whole), result.headline(), likeliest, elapsed_secs)
