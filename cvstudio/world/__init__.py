"""The generated world: scenes from a seed, rendered with every label that computer vision asks for.

``recipe.SceneRecipe`` says which scene, ``generate.generate_scene`` builds it, ``render.SceneRenderer`` renders it, and
``writing.write_world`` writes sets::

    from cvstudio.world import SceneRecipe, SceneRenderer, generate_scene

    view = SceneRenderer(generate_scene(SceneRecipe("room", seed=7))).render(0.0)
    view.pixels, view.depth, view.instances

Space is in metres, with x to the east, y to the north and z up. A camera looks along its z, with x to the right of the
picture and y down, as OpenCV has it; (0, 0) of a picture is the outer corner of its top left pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["RenderedView", "Scene", "SceneRecipe", "SceneRenderer", "generate_scene", "write_world"]

if TYPE_CHECKING:
    from cvstudio.world.generate import generate_scene
    from cvstudio.world.recipe import SceneRecipe
    from cvstudio.world.render import RenderedView, SceneRenderer
    from cvstudio.world.scene import Scene
    from cvstudio.world.writing import write_world

_PLACES = {
    "RenderedView": "render",
    "Scene": "scene",
    "SceneRecipe": "recipe",
    "SceneRenderer": "render",
    "generate_scene": "generate",
    "write_world": "writing",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
