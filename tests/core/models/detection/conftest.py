"""The detection chain on a picture in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.stages import Providers, Request, run_chain
from cvstudio.data.samples import Image
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.host import Host
from cvstudio.results.detections import Detections

Detect = Callable[..., Detections]
Unfilled = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def unfilled() -> Unfilled:
    """`with unfilled(): ...`: networks that are built have no random numbers, as a checkpoint fills them at once.

    To draw 35 million numbers takes seconds. What is not filled holds anything, which no comparison survives.
    """

    @contextmanager
    def context() -> Iterator[None]:
        import torch

        names = ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "xavier_uniform_")
        with pytest.MonkeyPatch.context() as patch:
            for name in names:
                patch.setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)
            yield

    return context


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host("cpu", precision="float32")
    yield host
    host.close()


@pytest.fixture
def detect(host: Host) -> Detect:
    """`detect(image, model, weights=None, cache=None, **values)`: the whole chain, as every caller runs it."""

    def run(image: Image, model: str, weights: Path | None = None, cache: Cache | None = None, **values: Any) -> Any:
        analysis, spec = ANALYSES["detect"], MODELS[model]
        request = Request(
            analysis.key,
            analysis.stages,
            (("picture", str(id(image)), None),),
            analysis.make_params(values, spec),
            host.network_key(spec, weights),
        )
        providers = Providers(lambda: {"picture": image}, lambda: host.network(spec, weights, Progress()))
        (result,) = run_chain(request, providers, cache or Cache(), Progress())
        return result

    return run
