"""What an input is called in a sentence."""

from __future__ import annotations

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE, PICTURE_OR_VIDEO


@pytest.mark.parametrize(
    ("slot", "title", "named"),
    [
        (PICTURE, "Picture", "Picture"),
        (PICTURE, "picture", "picture"),
        (PICTURE_OR_VIDEO, "picture", "picture or video"),
        (ANALYSES["refocus"].slot("depth"), "depth map", "depth map or depth of another analysis"),
        (ANALYSES["labelled-boxes"].slot("labels"), "labelled set", "labelled set (labels)"),
        # In the user's language the title alone says it, too.
        (PICTURE, "사진", "사진"),
        (ANALYSES["refocus"].slot("depth"), "깊이 맵", "깊이 맵 (depth map or depth of another analysis)"),
        (PICTURE_OR_VIDEO, "사진", "사진 (picture or video)"),
    ],
)
def test_an_input_is_called_what_it_is_once(slot, title, named) -> None:
    assert slot.named(title) == named
