"""Pictures through OpenCV, whose libraries print what they find wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.native_messages import NATIVE_MESSAGES, Messages


def imdecode(data: bytes, flags: int) -> tuple[NDArray[Any] | None, Messages]:
    """``cv2.imdecode`` of `data`; None where it is no picture, and what was printed instead of an error."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return NATIVE_MESSAGES.of(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), flags))
