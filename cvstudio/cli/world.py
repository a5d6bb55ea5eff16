"""`cvstudio world`: generated sets of pictures with all their labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.names import counted
from cvstudio.foundation.progress import Progress
from cvstudio.world.recipe import KINDS, SUFFIX, SceneRecipe


def add_world(commands: Any) -> None:
    """Add the command `world` to the parser's `commands`."""
    usual = SceneRecipe()
    parser: argparse.ArgumentParser = commands.add_parser(
        "world",
        help="generate scenes: pictures or videos with depth, normals, masks, identities, key points, flow, cameras",
        description="Write a set of generated scenes into a folder, in COCO panoptic form and beside it; an "
        f"unfinished set is continued. With a target that ends in {SUFFIX}, one scene to open in the program.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help=f"a new folder, or a file that ends in {SUFFIX}")
    parser.add_argument("--kind", choices=KINDS, default=usual.kind, help=f"what is built (default: {usual.kind})")
    parser.add_argument("--count", type=int, default=1, help="number of scenes, each of the next seed (default: 1)")
    parser.add_argument("--seed", type=int, default=usual.seed, help=f"of the first scene (default: {usual.seed})")
    parser.add_argument(
        "--objects", type=int, default=usual.objects, help=f"objects in each (default: {usual.objects})"
    )
    parser.add_argument("--light", type=float, default=usual.light, help="strength of the light (default: 1)")
    parser.add_argument("--size", default="256", metavar="W[xH]", help="of the pictures in pixels (default: 256)")
    parser.add_argument("--frames", type=int, default=1, help="frames of each scene; more than 1 move (default: 1)")
    parser.add_argument("--rate", type=float, default=usual.rate, help=f"frames a second (default: {usual.rate:g})")
    parser.add_argument("--rough", action="store_true", help="one sample a pixel: faster, with hard edges")
    parser.add_argument("--meshes", action="store_true", help="write a mesh of each object, too")
    parser.add_argument("--voxels", action="store_true", help="write voxels of each object, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")


def run(options: argparse.Namespace) -> int:
    """Run the command `world` and return the exit code."""
    bar = Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        from cvstudio.foundation.atomic_files import atomic_path
        from cvstudio.world.writing import WorldSet, write_world

        recipe = recipe_of(options)
        if options.out.suffix.casefold() == SUFFIX:
            with atomic_path(options.out) as path:
                path.write_text(recipe.text(), encoding="utf-8")
            print(options.out)
            return 0
        wanted = WorldSet(recipe, options.count, meshes=options.meshes, voxels=options.voxels)
        rendered = write_world(wanted, options.out, progress)
        bar.end()
        print(options.out)
        if rendered < options.count:
            bar.note(f"cvstudio: {counted(options.count - rendered, 'scene')} of {options.count:,} were there already")
        return 0

    return guarded(work, bar, stopped="stopped; the same command goes on.")


def recipe_of(options: argparse.Namespace) -> SceneRecipe:
    """The recipe that the flags describe. Raises ParamsError."""
    width, _, height = options.size.partition("x")
    if not width.isdecimal() or not (height or width).isdecimal():
        raise ParamsError(f"--size expects a number of pixels or WIDTHxHEIGHT, found {options.size}.")
    return SceneRecipe(
        options.kind,
        options.seed,
        options.objects,
        options.light,
        int(width),
        int(height or width),
        options.frames,
        options.rate,
        not options.rough,
    )
