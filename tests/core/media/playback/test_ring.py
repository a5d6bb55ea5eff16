from __future__ import annotations

import numpy as np

from cvstudio.media.playback.player import Ring


def test_the_ring_wraps():
    ring = Ring(7, 1)
    sent = received = 0
    random = np.random.default_rng(4)
    for _ in range(500):
        count = int(random.integers(0, ring.free + 1))
        ring.write(np.arange(sent, sent + count, dtype=np.float32)[:, None])
        sent += count
        out = np.full((int(random.integers(0, 9)), 1), np.nan, np.float32)
        found = ring.read(out, 1.0)
        assert out[:, 0].tolist() == list(range(received, received + found)) + [0] * (len(out) - found)
        received += found
        assert 0 <= ring.free <= 7
    assert received > 500
