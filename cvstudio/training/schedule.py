"""Learning rate schedules."""

from __future__ import annotations

import math


def warm_cosine(step: float, total: float, warm_up: float, floor: float = 0.0) -> float:
    """Factor of the learning rate at `step` of `total`: linear warm-up over `warm_up` steps, then cosine decay.

    Loshchilov and Hutter, "SGDR", ICLR 2017 (equation 5); Goyal et al., "Accurate, Large Minibatch SGD", 2017
    (section 2.2, warm-up).

    Parameters
    ----------
    step : from 0; fractions are allowed
    total : steps of the run, from which on the factor is `floor`
    warm_up : steps until the factor is 1; it begins at 1 / (`warm_up` + 1), as the first step must not be wasted
    floor : 0..1, factor at the end
    """
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    if step >= total:
        return floor
    fraction = (step - warm_up) / (total - warm_up)
    return floor + (1 - floor) * (1 + math.cos(math.pi * fraction)) / 2


def warm_hold_decay(step: float, total: float, warm_up: float, decay: float, floor: float = 0.0) -> float:
    """Factor of the learning rate at `step` of `total`: linear warm-up, 1, and a cosine decay over the last steps.

    Until the decay it does not depend on `total`, so that a run can be made longer or shorter. Hu et al., "MiniCPM",
    COLM 2024 (section 4, warm-up, stable, decay).

    Parameters
    ----------
    step, total, warm_up, floor : as in `warm_cosine`
    decay : steps of the decay
    """
    if step < max(warm_up, total - decay):
        return min(1.0, (step + 1) / (warm_up + 1))
    return warm_cosine(step - (total - decay), decay, 0.0, floor)
