"""Downloads with little patience."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.weights.download import download
from cvstudio.weights.store import hub_folder


@pytest.fixture
def get(hostile: Any) -> Callable[..., Path]:
    def run(weights: Any, progress: Progress | None = None, **changes: Any) -> Path:
        patience = dataclasses.replace(hostile.QUICK, **changes)
        return download(weights, progress or Progress(), patience=patience)

    return run


@pytest.fixture
def refused(get: Callable[..., Path]) -> Callable[..., str]:
    """The one sentence that a download ends with; nothing has the final name after it."""

    def run(weights: Any, **changes: Any) -> str:
        with pytest.raises(WeightsError) as caught:
            get(weights, **changes)
        text = str(caught.value)
        assert "\n" not in text
        assert text.endswith(".")
        assert not (hub_folder() / weights.file_name).exists()
        return text

    return run
