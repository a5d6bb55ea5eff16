"""Arrays of results: checked once, where they are made."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays


@dataclasses.dataclass(frozen=True, eq=False)
class Owner:
    values: NDArray[Any]

    def __post_init__(self) -> None:
        check_arrays(self, {"values": (np.float32, (2, 3))})


def test_they_cannot_be_written_afterwards_and_what_came_in_still_can() -> None:
    turned = np.arange(6, dtype=np.float32).reshape(3, 2).T
    owner = Owner(turned)
    assert owner.values.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert owner.values.flags.c_contiguous
    assert not owner.values.flags.writeable
    assert turned.flags.writeable


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.zeros((3, 2), np.float32), np.zeros(6, np.float32)])
def test_another_dtype_or_shape_is_told_by_name(wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"^expected values as float32 \(2, 3\), found float\d\d \("):
        Owner(wrong)
