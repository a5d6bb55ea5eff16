"""Registration of the user's custom models, see `cvstudio.models.custom`."""

from __future__ import annotations

from cvstudio.foundation.errors import CustomModelError
from cvstudio.models import MODELS
from cvstudio.models.custom.declaration import read_declaration
from cvstudio.models.custom.store import list_path, registered, spec_of


def _register_all() -> None:
    try:
        paths = registered()
    except CustomModelError as error:
        MODELS.add_broken(list_path().name, str(error))
        return
    for path in paths:
        # A missing or wrong one is listed as broken; the others work.
        try:
            MODELS.register(spec_of(read_declaration(path)))
        except (CustomModelError, ValueError) as error:
            MODELS.add_broken(path.name, str(error))


_register_all()
