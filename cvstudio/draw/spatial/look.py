"""How things in space are drawn: style, colours, sizes, the cutting plane, guides and the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cvstudio.foundation.params import Choices, Doc, Range, Text

STYLES = ("smooth", "flat", "edges", "wireframe", "points")
COLOUR_SOURCES = ("own", "plain", "normals", "x", "y", "z", "scalar")
CUTS = ("none", "x", "y", "z")


@dataclass(frozen=True)
class SpatialLook:
    """Drawing style of scenes, the same on screen and in files."""

    style: Annotated[
        str,
        Choices(STYLES, ("Smooth", "Flat", "With edges", "Wireframe", "Points")),
        Doc(
            "Style",
            "How surfaces are drawn: shaded smoothly up to sharp edges, each triangle flat, with its edges, its edges "
            "alone, or its vertices alone.",
            "Flat shows each triangle of a coarse mesh.",
        ),
    ] = "smooth"
    colour_by: Annotated[
        str,
        Choices(COLOUR_SOURCES, ("Own colours", "One colour", "Normals", "x", "y", "z", "Scalar field")),
        Doc(
            "Colour by",
            "What colours the objects: their own colours or texture, one colour, the direction of their surface, a "
            "coordinate, or a measured value of each point.",
            "Choose z to see heights.",
        ),
    ] = "own"
    scalar: Annotated[
        str,
        Text(longest=80, example="first one"),
        Doc(
            "Scalar field",
            "Name of the measured values that colour the objects; empty takes the first of each object.",
            "Try Distance after comparing two meshes.",
        ),
    ] = ""
    colour_map: Annotated[
        str,
        Choices(("viridis", "magma", "cividis", "grey")),
        Doc("Colours", "How values are mapped to colours; all are perceptually uniform.", "Try magma."),
    ] = "viridis"
    point_size: Annotated[
        float,
        Range(1, 16, step=0.5, unit="px"),
        Doc("Point size", "Diameter of points.", "Larger ones close the gaps of a sparse cloud."),
    ] = 2.0
    depth_shading: Annotated[
        bool,
        Doc(
            "Depth shading",
            "Darkens what lies behind its surroundings (eye-dome lighting), which shows the shape of clouds without "
            "normals.",
        ),
    ] = True
    cut: Annotated[
        str,
        Choices(CUTS, ("None", "Across x", "Across y", "Across z")),
        Doc("Cutting plane", "Hides all on one side of a plane across this axis.", "See into a closed mesh."),
    ] = "none"
    cut_at: Annotated[
        float,
        Range(0, 1, step=0.005),
        Doc("Cut at", "Where the plane cuts, as a share of the extent along its axis.", "Drag to slice through."),
    ] = 0.5
    cut_other_side: Annotated[bool, Doc("Other side", "Shows what lies beyond the plane, and hides the rest.")] = False
    grid: Annotated[bool, Doc("Grid", "Shows a grid on the ground below all objects.")] = True
    axes: Annotated[bool, Doc("Axes", "Shows the extent of the scene along x, y and z, with coordinates.")] = False
    orthographic: Annotated[
        bool,
        Doc("Orthographic", "Keeps parallel lines parallel, so that lengths can be compared; 5 switches."),
    ] = False
    up_axis: Annotated[
        str,
        Choices(("auto", "y", "z"), ("As the file", "y", "z")),
        Doc(
            "Up",
            "The axis that points up: what is usual for the format of the file, or the one that is chosen here.",
            "Choose z for surveys and machine parts that lie on their side.",
        ),
    ] = "auto"
    rotation: Annotated[
        str,
        Choices(("turntable", "free"), ("Turntable", "Free")),
        Doc(
            "Rotation",
            "Turntable keeps the horizon level; free turns about any axis, as a trackball does.",
            "Choose free to look at an object upside down.",
        ),
    ] = "turntable"
