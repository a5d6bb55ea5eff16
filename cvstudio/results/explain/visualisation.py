"""A picture that a network was asked for, by gradient ascent."""

from __future__ import annotations

from dataclasses import dataclass

from cvstudio.results.picture import Picture


@dataclass(frozen=True, eq=False)
class Visualisation(Picture):
    """A picture that raises the score of a class or the activation of a unit.

    Parameters
    ----------
    subject : the class, or layer and unit
    score : what the network says of the picture: the logit, or the mean activation of the unit
    probability : of the class, 0..1; NaN for a unit
    step : number of steps of gradient ascent
    """

    subject: str = ""
    score: float = float("nan")
    probability: float = float("nan")
    step: int = 0

    def headline(self) -> str:
        sure = f", {self.probability:.1%}" if self.probability == self.probability else ""
        return f"{self.subject}{sure}, step {self.step}"
