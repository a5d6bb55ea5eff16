"""Progress of parts of a job."""

from __future__ import annotations

import pytest

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import PartProgress, Progress


def test_a_part_reports_its_share_and_stops_with_the_whole():
    told = []
    whole = Progress(lambda fraction, message: told.append((fraction, message)))
    part = PartProgress(whole, (0.5, 1.0))
    part(0.5, "half")
    part(None, "unknown")
    PartProgress(whole, None)(0.1, "nothing")
    assert told == [(0.75, "half"), (None, "unknown")]
    alone = PartProgress(whole, None)
    alone.cancel()
    assert not whole.cancelled
    whole.cancel()
    assert part.cancelled
    for work in (part.check, alone.check, lambda: part(0.9)):
        with pytest.raises(Cancelled):
            work()
