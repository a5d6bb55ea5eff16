"""Labels beside predictions: one class has one colour, and labels that were accepted are seen above."""

from __future__ import annotations

import numpy as np

from cvstudio.data.geometry import Size, View
from cvstudio.draw import Look, render
from cvstudio.draw.palette import class_colour, shared_labels
from cvstudio.models.shared.labels import COCO_80
from cvstudio.results.detections import Detections

SIZE = Size(60, 40)


def boxes(labels, classes, box, kind):
    count = len(classes)
    return Detections(
        np.array([box] * count, np.float32).reshape(count, 4),
        np.full(count, 0.9 if kind == "probability" else 1.0, np.float32),
        np.array(classes, np.int64),
        labels,
        np.arange(count),
        SIZE,
        kind,
    )


def colours_of(layers):
    pixels = render(None, layers, View.whole(SIZE), background=(0, 0, 0))
    return {tuple(map(int, colour)) for colour in np.unique(pixels.reshape(-1, 3), axis=0)}


KNOWN = tuple(f"class {number}" for number in range(40))


def differing():
    """A class whose colour among those that the model knows is another one than alone."""
    return next(name for name in KNOWN if class_colour(name, KNOWN) != class_colour(name, (name,)))


def test_a_label_has_the_colour_of_predictions_of_its_class():
    name, look = differing(), Look(show_labels=False, show_scores=False, opacity=1.0)
    truth = boxes(("cow", name), [1], (5, 5, 30, 30), "certain")
    alone, shared = class_colour(name, truth.labels), class_colour(name, KNOWN)
    assert shared in colours_of([(boxes(KNOWN, [KNOWN.index(name)], (5, 5, 30, 30), "probability"), look)])
    predicted = boxes(KNOWN, [], (0, 0, 1, 1), "probability")
    for layers in ([(truth, look), (predicted, look)], [(predicted, look), (truth, look)]):
        found = colours_of(layers)
        assert shared in found
        assert alone not in found
    assert alone in colours_of([(truth, look)]), "without predictions it has its own"


def test_classes_that_the_model_does_not_know_come_behind_its_own():
    labels = ("zebra crossing", "car")
    shared = shared_labels(COCO_80, labels)
    assert shared == (*COCO_80, "zebra crossing")
    assert [class_colour(name, shared) for name in COCO_80] == [class_colour(name, COCO_80) for name in COCO_80]
