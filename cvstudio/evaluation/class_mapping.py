"""Mapping of a model's class names to the categories of a labelled set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.json_text import json_text
from cvstudio.media.file_identity import quoted
from cvstudio.models.shared.class_names import are_imagenets, common_names, spelling

FORMAT = "cvstudio-class-mapping"


@dataclass(frozen=True)
class ClassMapping:
    """Which category of a set each label of a model stands for.

    Parameters
    ----------
    labels : names of all classes of the model
    categories : names of all categories of the set
    pairs : category by label; a label that is missing stands for none. Several labels may share a category.

    Raises
    ------
    ParamsError
        A pair names a label or a category that there is not.
    """

    labels: tuple[str, ...]
    categories: tuple[str, ...]
    pairs: Mapping[str, str]

    def __post_init__(self) -> None:
        for label, category in self.pairs.items():
            for name, known, owner in ((label, self.labels, "model"), (category, self.categories, "labelled set")):
                if name not in known:
                    raise ParamsError(
                        f"The mapping names the class '{name}', which the {owner} does not have; it has: "
                        f"{', '.join(known[:20])}{' …' if len(known) > 20 else ''}."
                    )
        object.__setattr__(self, "pairs", MappingProxyType(dict(self.pairs)))

    @property
    def unmatched_labels(self) -> tuple[str, ...]:
        """Labels of the model that stand for no category: what they predict is left out."""
        return tuple(label for label in self.labels if label not in self.pairs)

    @property
    def unmatched_categories(self) -> tuple[str, ...]:
        """Categories of the set that the model does not know: they are not measured."""
        known = set(self.pairs.values())
        return tuple(category for category in self.categories if category not in known)

    @property
    def known(self) -> tuple[int, ...]:
        """Indices of the categories that the model knows, ascending; of several with one name that of the first."""
        names = set(self.pairs.values())
        return tuple(index for index in self.distinct if self.categories[index] in names)

    @property
    def distinct(self) -> tuple[int, ...]:
        """Indices of the first category of each name, ascending."""
        return tuple(index for index, first in enumerate(self.firsts) if first == index)

    @property
    def firsts(self) -> tuple[int, ...]:
        """For each category the index of the first one with its name, as which it is measured: a label stands for a
        name."""
        place = {category: index for index, category in reversed([*enumerate(self.categories)])}
        return tuple(place[category] for category in self.categories)

    def indices(self) -> NDArray[np.int64]:
        """Index of the category of each label, int64 (labels,); -1 for none."""
        place = {category: index for index, category in reversed(list(enumerate(self.categories)))}
        return np.array([place[self.pairs[label]] if label in self.pairs else -1 for label in self.labels], np.int64)

    def with_pair(self, label: str, category: str | None) -> ClassMapping:
        """A copy in which `label` stands for `category`, or for none."""
        pairs = {name: other for name, other in self.pairs.items() if name != label}
        return ClassMapping(self.labels, self.categories, pairs if category is None else {**pairs, label: category})

    def save(self, path: Path) -> None:
        """Write the pairs as JSON: format, version, and `classes`, category by label, null for none. Raises OSError."""
        classes = {label: self.pairs.get(label) for label in self.labels}
        text = json_text({"format": FORMAT, "version": 1, "classes": classes}, indent=1)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def with_file(self, path: Path) -> ClassMapping:
        """A copy with the pairs of a file that `save` has written, or of any JSON object of category by label.

        Labels that the file does not name stay as they are; null takes a label's category away.

        Raises
        ------
        ParamsError
            The file cannot be read, or names a class that there is not.
        """
        mapping = self
        for label, category in read_pairs(path).items():
            mapping = mapping.with_pair(label, category)
        return mapping


def read_pairs(path: Path) -> dict[str, str | None]:
    """Category by label, None for none, of a file that `ClassMapping.save` has written, or of any such JSON object.

    Raises ParamsError.
    """
    try:
        saved: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ParamsError(f"The class mapping {quoted(path)} cannot be read ({reason}); choose another file.") from None
    except (ValueError, RecursionError):
        raise ParamsError(
            f'{quoted(path)} is expected to be a class mapping in JSON, such as {{"sofa": "couch"}}, and is not JSON.'
        ) from None
    classes = saved.get("classes", saved) if isinstance(saved, dict) and saved.get("format") == FORMAT else saved
    if not isinstance(classes, dict) or not all(value is None or isinstance(value, str) for value in classes.values()):
        raise ParamsError(
            f'{quoted(path)} is expected to hold the category of each label, such as {{"sofa": "couch"}}, and holds '
            f"something else."
        )
    return classes


def suggested_mapping(labels: Sequence[str], categories: Sequence[str]) -> ClassMapping:
    """The mapping by equal names, whatever their capitals, hyphens and underscores, and by the names that COCO, VOC and
    ImageNet have for the same class. A label that fits several categories equally well stands for none."""
    imagenet = are_imagenets(labels), are_imagenets(categories)
    exact = set(categories) if imagenet[0] == imagenet[1] else set[str]()

    def names_of(name: str, side: int) -> tuple[str, ...]:
        # Among ImageNet's own classes, what COCO calls alike is not alike.
        return (spelling(name),) if all(imagenet) else common_names(name, imagenet=imagenet[side])

    by_name: dict[str, list[str]] = {}
    for category in categories:
        for name in names_of(category, 1):
            by_name.setdefault(name, []).append(category)
    pairs = {}
    for label in dict.fromkeys(labels):
        if label in exact:
            pairs[label] = label
            continue
        for name in names_of(label, 0):
            fitting = set(by_name.get(name, ()))
            if len(fitting) == 1:
                pairs[label] = fitting.pop()
                break
    return ClassMapping(tuple(labels), tuple(categories), pairs)
