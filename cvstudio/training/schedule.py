"""Learning rates over a run."""

from __future__ import annotations

import math


def warm_cosine(step: float, total: float, warm_up: float, floor: float = 0.0) -> float:
    """Factor of the learning rate at `step` of `total`: up in a line over `warm_up` steps, then down half a cosine.

    Loshchilov and Hutter, "SGDR", ICLR 2017 (equation 5); Goyal et al., "Accurate, Large Minibatch SGD", 2017
    (section 2.2, warm-up).

    Parameters
    ----------
    step : from 0; a fraction is allowed
    total : steps of the run; `floor` is reached at it and kept behind it
    warm_up : steps until the factor is 1; it begins at 1 / (`warm_up` + 1), as the first step is to teach something
    floor : 0..1, factor at the end
    """
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    if step >= total:
        return floor
    share = (step - warm_up) / (total - warm_up)
    return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2
