"""Names of the same class in COCO, PASCAL VOC and ImageNet: the one table of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType

from cvstudio.models.shared.coco import LABELS
from cvstudio.models.shared.imagenet import imagenet_labels

COCO_OF_VOC: Mapping[str, str] = MappingProxyType(
    {
        "aeroplane": "airplane",
        "diningtable": "dining table",
        "motorbike": "motorcycle",
        "pottedplant": "potted plant",
        "sofa": "couch",
        "tvmonitor": "tv",
        "tv monitor": "tv",
        "tv/monitor": "tv",
    }
)
"""COCO's name of each class that PASCAL VOC calls otherwise, in VOC's spellings."""

IMAGENET_OF_COCO: dict[str, tuple[int, ...]] = {
    "bicycle": (444, 671),
    "car": (436, 468, 479, 511, 581, 609, 627, 656, 661, 751, 817),
    "motorcycle": (665, 670),
    "airplane": (404, 895),
    "bus": (654, 779, 874),
    "train": (466, 547, 565, 705, 820, 829),
    "truck": (555, 569, 675, 717, 734, 864, 867),
    "boat": (472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 871, 914),
    "traffic light": (920,),
    "stop sign": (919,),
    "parking meter": (704,),
    "bench": (703,),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": tuple(range(281, 286)),
    "dog": tuple(range(151, 269)),
    "horse": (339,),
    "sheep": (348, 349),
    "cow": (345,),
    "elephant": (101, 385, 386),
    "bear": tuple(range(294, 298)),
    "zebra": (340,),
    "backpack": (414,),
    "umbrella": (879,),
    "handbag": (636, 748),
    "tie": (457, 906),
    "skis": (795,),
    "sports ball": (429, 430, 574, 722, 768, 805, 852, 890),
    "tennis racket": (752,),
    "bottle": (440, 720, 737, 898, 907),
    "wine glass": (572, 966),
    "cup": (504, 967, 968),
    "spoon": (618, 910),
    "bowl": (659, 809),
    "banana": (954,),
    "apple": (948,),
    "sandwich": (933,),
    "orange": (950,),
    "broccoli": (937,),
    "hot dog": (934,),
    "pizza": (963,),
    "chair": (423, 559, 765, 857),
    "couch": (831,),
    "potted plant": (738,),
    "bed": (564, 831),
    "dining table": (532,),
    "toilet": (861,),
    "tv": (664, 782, 851),
    "laptop": (620, 681),
    "mouse": (673,),
    "remote": (761,),
    "keyboard": (508, 878),
    "cell phone": (487,),
    "microwave": (651,),
    "oven": (766, 827),
    "toaster": (859,),
    "sink": (896,),
    "refrigerator": (760,),
    "book": (921,),
    "clock": (409, 530, 892),
    "vase": (883,),
    "teddy bear": (850,),
    "hair drier": (589,),
}
"""ImageNet's classes of each of COCO's, by index: what a classifier may rightly call a thing that COCO names.

Classes of COCO that ImageNet has nothing for (persons, giraffes, skateboards) are missing: they are strangers.
"""


def spelling(name: str) -> str:
    """A class name without what differs between files: capitals, underscores, hyphens, doubled spaces, and the number
    in WordNet before the names of folders of ImageNet ("n02085620-Chihuahua")."""
    words = name.casefold().replace("_", " ").replace("-", " ").split()
    return " ".join(words[1:] if len(words) > 1 and _WORDNET.fullmatch(words[0]) else words)


_WORDNET = re.compile(r"n\d{8}")

_COCO_AND_VOC = frozenset({*LABELS, *COCO_OF_VOC})


@cache
def _imagenet_spellings() -> frozenset[str]:
    return frozenset(spelling(label) for label in imagenet_labels())


@cache
def _coco_of_imagenet() -> Mapping[str, tuple[str, ...]]:
    """COCO's classes of each of ImageNet's, by its name, and by its spelling where only one is spelled so: "Cardigan"
    is a dog, and "cardigan" is worn."""
    labels = imagenet_labels()
    counts = Counter(spelling(label) for label in labels)
    classes = {}
    for index, label in enumerate(labels):
        names = tuple(name for name, indices in IMAGENET_OF_COCO.items() if index in indices)
        classes[label] = names
        if counts[spelling(label)] == 1:
            classes[spelling(label)] = names
    return MappingProxyType(classes)


def are_imagenets(names: Collection[str]) -> bool:
    """Whether more of the class names are ImageNet's than COCO's or VOC's: "kite" is a bird there and a toy here."""
    spellings = {spelling(name) for name in names}
    return len(spellings & _imagenet_spellings()) > len(spellings & _COCO_AND_VOC)


def common_names(name: str, *, imagenet: bool) -> tuple[str, ...]:
    """What a class may be called elsewhere, the likeliest first: its own spelling, then COCO's name for it.

    Parameters
    ----------
    imagenet : whether it is one of ImageNet's classes, else one of COCO's, VOC's or anybody's
    """
    own = spelling(name)
    if not imagenet:
        return (own, COCO_OF_VOC[own]) if own in COCO_OF_VOC else (own,)
    coco = _coco_of_imagenet().get(name) or _coco_of_imagenet().get(own, ())
    return coco if own in _COCO_AND_VOC else (own, *coco)
