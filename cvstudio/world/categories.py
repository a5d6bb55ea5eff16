"""Classes of the generated world: COCO's names where COCO has the class, so that networks and labels meet."""

from __future__ import annotations

from cvstudio.data.labels import Category

KEYPOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""Key points of a figure, as of COCO's persons."""
SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8)),
    *((7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)

PARTS = (
    *("head", "torso", "pelvis", "left upper arm", "right upper arm", "left forearm", "right forearm"),
    *("left hand", "right hand", "left thigh", "right thigh", "left shank", "right shank", "left foot", "right foot"),
)
"""Parts of a figure; number 1 is the first of them, 0 is no figure."""

_THINGS = {
    "person": ("person",),
    "animal": ("dog",),
    "vehicle": ("car", "truck", "bicycle"),
    "outdoor": ("bench", "stop sign", "traffic light", "fire hydrant"),
    "street furniture": ("traffic sign", "street lamp", "traffic cone", "fence", "litter bin"),
    "building": ("house",),
    "plant": ("tree", "bush"),
    "furniture": ("chair", "dining table", "couch", "bed", "potted plant", "tv"),
    "more furniture": ("shelf", "cabinet", "stool", "floor lamp", "desk lamp", "picture", "window", "door", "rug"),
    "kitchen": ("bottle", "cup", "bowl", "vase"),
    "food": ("apple",),
    "everyday": ("sports ball", "book", "clock", "laptop", "box"),
}
_STUFF = ("floor", "wall", "ceiling", "backdrop", "road", "pavement", "grass", "road marking", "sky")

CATEGORIES: tuple[Category, ...] = (
    *(
        Category(
            name,
            group,
            keypoints=KEYPOINTS if name == "person" else (),
            skeleton=SKELETON if name == "person" else (),
        )
        for group, names in _THINGS.items()
        for name in names
    ),
    *(Category(name, "surroundings", is_thing=False) for name in _STUFF),
)
"""All classes of all kinds of scenes, so that sets of different kinds agree; the ids in files count from 1."""

NUMBERS = {category.name: number for number, category in enumerate(CATEGORIES)}
"""Index into `CATEGORIES` by name."""
