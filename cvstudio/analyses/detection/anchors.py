"""Anchors at a place, proposals and final boxes of an anchor-based detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.proposals import Proposals

MOST_LEVELS = 12
"""Maximum number of feature levels."""


@dataclass(frozen=True)
class ProposalsParams:
    """Selection of the boxes that are shown."""

    show: Annotated[
        str,
        Choices(
            ("anchors", "before", "after", "both"),
            ("anchors at a place", "proposals, before the head", "boxes, after the head", "both, and how they moved"),
        ),
        Doc(
            "Show",
            "The boxes that the network starts from, or the regions before and after its last step.",
            "Look at both to see how far a box moves.",
        ),
    ] = "anchors"
    place: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Place", "Where the anchors are shown; the centre if no position is picked.", "Click on an object."),
    ] = None
    level: Annotated[
        int,
        Range(0, MOST_LEVELS, step=1, from_input="picture"),
        Doc("Level", "Shows the anchors of one feature map only; 0 shows all.", "1 is the finest map."),
    ] = 0
    count: Annotated[
        int,
        Range(1, 300, step=1),
        Doc(
            "Maximum regions",
            "Shows at most this many regions, the best first.",
            "Raise it to see how many the network considers.",
        ),
    ] = 20


def look(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Proposals]:
    """Stage: picture -> anchors, proposals and refined boxes of the network, with their source."""
    proposals: Proposals = inputs.network.inside(inputs.samples["picture"], progress)
    yield dataclasses.replace(proposals, source=inputs.source)


def choose(inputs: Inputs, params: ProposalsParams, progress: Progress) -> Iterator[Proposals]:
    """Stage: proposals -> the selected ones."""
    proposals: Proposals = inputs.previous
    place = params.place or (proposals.size.width / 2, proposals.size.height / 2)
    level = min(params.level, len(proposals.levels))
    yield proposals.shown(show=params.show, place=place, level=level, count=params.count)


def input_facts(first: Proposals, values: Mapping[str, Any]) -> InputFacts:
    """Bounds of the level: as many as the network has."""
    return InputFacts(ranges={"level": Range(0, len(first.levels), step=1)})


def pick(first: Proposals, x: float, y: float) -> Mapping[str, Any]:
    """Parameters that a click at x, y in image pixels sets: the place of the anchors."""
    place = min(max(x, 0.0), float(first.size.width)), min(max(y, 0.0), float(first.size.height))
    return {"place": place}


ANALYSES.register(
    Analysis(
        key="anchors",
        title="Anchors and proposals",
        summary="Shows the boxes a detector starts from, and its regions before and after the head.",
        action="Look inside a detector",
        icon="layout-grid",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("look", look, NoParams, where="accelerator", uses_network=True),
            Stage("choose", choose, ProposalsParams, where="main"),
        ),
        result=Proposals,
        order=62,
        task="detect",
        needs=frozenset({"anchors"}),
        samples={"picture": "cat"},
        keywords=(
            *("anchors", "anchor boxes", "default boxes", "prior boxes", "proposals", "region proposals", "RPN"),
            *("region proposal network", "two-stage detector", "objectness", "앵커", "영역 제안"),
        ),
        input_facts=input_facts,
        pick=pick,
        step_parameter="level",
    )
)
