"""One small result of each type, made by hand, for tests that go over all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.analyses.detection.suppress import suppression
from cvstudio.data.geometry import Rect, Size
from cvstudio.data.samples import DepthMap, PointCloud, TriangleMesh
from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.line_set import path_of
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.results.activation_maps import ActivationMaps
from cvstudio.results.classification import Classification, Logits
from cvstudio.results.detections import Detections
from cvstudio.results.explain.curves import ScoreCurves
from cvstudio.results.explain.filter_bank import FilterBank
from cvstudio.results.explain.visualisation import Visualisation
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.hog_cells import HogCells
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.masks import PrototypeMasks
from cvstudio.results.neighbours import Neighbours
from cvstudio.results.picture import LinearPicture, Picture
from cvstudio.results.proposals import Level, Proposals
from cvstudio.results.scene3d import LinkedPixels, Object3D, Scene3D
from cvstudio.results.segmentation import ClassMaps, Segmentation
from cvstudio.results.separation import ScoredSeparation, Separation, SourceScore
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.sound.power_spectrum import PowerSpectrum
from cvstudio.results.sound.wave_envelope import WaveEnvelope
from cvstudio.results.spatial.depth import Depth
from cvstudio.results.spatial.nearness import NearnessMap
from cvstudio.results.spectrogram import Spectrogram
from cvstudio.results.triangulation import Triangulation

SIZE = Size(160, 120)
WHOLE = Rect(0.0, 0.0, 160.0, 120.0)
NAMES = ('=사람, "a"', "person", "-cat")


def detections(*, masks: bool = False, followed: bool = False) -> Detections:
    """Three boxes, of which two overlap."""
    boxes = np.array([[10.25, 20.5, 60.1, 90.7], [12, 22, 62, 88], [70, 30, 150, 110]], np.float32)
    ellipse = 1.5 - np.hypot(*np.mgrid[-2:2:12j, -2:2:16j])[None]
    inside = PrototypeMasks(ellipse.astype(np.float32), np.ones((3, 1), np.float32), (0.1, 0.1)) if masks else None
    return Detections(
        boxes,
        np.array([0.93, 0.5, 0.1], np.float32),
        np.array([1, 1, 0]),
        NAMES,
        np.array([41, 3, 7]),
        SIZE,
        masks=inside,
        track_ids=np.array([5, -1, 2]) if followed else None,
    )


def labels(threshold: float = 0.2) -> Classification:
    """Three guesses, of which one is believed."""
    return Classification(np.array([2, 0, 1]), np.array([0.71, 0.15, 0.1], np.float32), NAMES, SIZE, threshold)


def landmarks() -> Keypoints:
    """Two things of three points, one of which is not believed."""
    points = np.array([[[20, 20], [40.5, 20], [30, 60]], [[100, 30], [120, 30], [110, 70]]], np.float32)
    scores = np.array([[0.9, 0.8, 0.1], [0.7, 0.95, 0.6]], np.float32)
    return Keypoints(points, scores, ("left eye", "right eye", "=nose"), np.array([4, 9]), SIZE, threshold=0.3)


def neighbours() -> Neighbours:
    """Three neighbours, of which one has no class."""
    return Neighbours(
        np.array([0.1, 0.25, 0.5], np.float32),
        np.array([1, -1, 0]),
        NAMES,
        Path("gallery"),
        ("person/a.png", "=b.png", "c.png"),
        (np.zeros((4, 4, 3), np.uint8), None, None),
        "cosine",
        Classification(np.array([1, 0]), np.array([0.75, 0.25], np.float32), NAMES, SIZE),
        SIZE,
        3,
        5,
        1,
    )


def segmentation() -> Segmentation:
    """Three classes in a map of 3 x 4, and a cell where none is believed."""
    classes = np.array([[0, 0, 1, 1], [0, 2, 1, 1], [0, 2, -1, 1]], np.int16)
    return Segmentation(classes, ("background", "person", "=sky"), SIZE, background=0)


def class_maps() -> ClassMaps:
    """Logits of three classes at 3 x 4 places."""
    logits = np.random.default_rng(3).normal(0, 3, (3, 3, 4)).astype(np.float32)
    return ClassMaps(logits, ("background", "person", "=sky"), (0.0, 0.0, 4.0, 3.0), SIZE)


def proposals(show: str = "before") -> Proposals:
    """Two regions of a network with two levels."""
    levels = (Level(2, 2, 1, (40.0, 30.0), (80.0, 60.0), 0), Level(1, 1, 1, (80.0, 60.0), (160.0, 120.0), 4))
    middles = [(40, 30), (120, 30), (40, 90), (120, 90), (80, 60)]
    anchors = np.array([[x - 20, y - 20, x + 20, y + 20] for x, y in middles], np.float32)
    return Proposals(
        anchors,
        levels,
        np.array([[10, 20, 60, 90], [70, 30, 150, 110]], np.float32),
        np.array([0.8, 0.4], np.float32),
        np.array([[12, 22, 58, 88], [72, 34, 148, 108]], np.float32),
        np.array([0.6, 0.9], np.float32),
        np.array([1, 0]),
        NAMES,
        SIZE,
        True,
        show,  # type: ignore[arg-type]
        (40.0, 30.0),
    )


def hog_cells() -> HogCells:
    """12 x 15 cells of 9 directions."""
    random = np.random.default_rng(5)
    blocks = random.uniform(0, 1, (11, 14, 2, 2, 9)).astype(np.float32)
    return HogCells(blocks, random.uniform(0, 1, (12, 15, 9)).astype(np.float32), 10, False, SIZE)


def heat_map() -> HeatMap:
    """A map of 3 x 4 with one bright place."""
    values = np.zeros((3, 4), np.float32)
    values[1, 2] = 1
    return HeatMap(values, WHOLE, SIZE, 0.0, 1.0, "cat", 0.8, "Grad-CAM")


def picture() -> Picture:
    """Grey, of which the upper half is in focus."""
    mask = np.zeros((120, 160), bool)
    mask[:60] = True
    return Picture(np.full((120, 160, 3), 90, np.uint8), WHOLE, 1.0, SIZE, mask)


def light_picture() -> LinearPicture:
    """The same in linear light."""
    shown = picture()
    return LinearPicture(shown.pixels, WHOLE, 1.0, SIZE, shown.mask, light=np.full((120, 160, 3), 0.1, np.float32))


def separation() -> Separation:
    """Two stems, of which the second is nearly silent."""
    stems = np.stack([np.full(9600, 0.5), np.full(9600, 0.001)]).astype(np.float32)
    levels = np.random.default_rng(2).integers(0, 256, (3, 65, 300), np.uint8)
    spectra = tuple(Spectrogram(part, 8_000, 32, 128, -120.0, 0.0, 300) for part in levels)
    return Separation(stems, 8_000, ("=voice 1", "voice 2"), 16_000, 19_200, spectra, gains=(1.0, 0.0, 0.5))


def scored_separation() -> ScoredSeparation:
    """The same of a test mixture, of which one source was found."""
    known = {field.name: getattr(separation(), field.name) for field in dataclasses.fields(Separation)}
    scores = (
        SourceScore("first", "=voice 1", 0.5, 12.25, 0.75, 13.5, 0.7, 0.95, 3.1),
        SourceScore("second", "voice 2", -0.5, float("-inf"), -0.25, -12.0),
    )
    return ScoredSeparation(**known, scores=scores)


def spectrogram() -> Spectrogram:
    """Noise of 300 columns, of which 250 are computed."""
    levels = np.random.default_rng(1).integers(0, 256, (65, 300), np.uint8)
    return Spectrogram(levels, 16_000, 32, 128, -120.0, 0.0, 250)


def scene3d(*, side_by_side: bool = False) -> Scene3D:
    """One object of each kind, far from the origin, and a link from the cloud to the picture."""
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) + np.array([412_345.678, 5_650_000.125, 99.5])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    error = ScalarField("Error", np.array([0.5, np.nan, 1, 2], np.float32), "mm")
    cloud = PointCloud(corners, np.full((4, 3), 200, np.uint8), scalars=(error,))
    origin = corners[0].copy()
    camera = PosedCamera(SIZE, np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]]), np.eye(4))
    objects = (
        Object3D("=surface", TriangleMesh(corners, faces), "Forms", colour=(80, 140, 255)),
        Object3D("cloud", cloud, "Forms/Points", note="measured"),
        Object3D("voxels", VoxelGrid(np.eye(3, dtype=bool)[None], origin, 0.25), "Forms"),
        Object3D("nothing", VoxelGrid(np.zeros((2, 2, 2), bool), origin, 0.25), "Forms"),
        Object3D("field", DistanceField(np.zeros((2, 3, 4), np.float32), origin, 0.5), visible=False),
        Object3D("camera", camera, visible=False),
        Object3D("path", path_of(corners)),
    )
    places = np.array([[20, 30], [np.nan, np.nan], [80, 60], [150, 110]], np.float32)
    return Scene3D(objects, SIZE, up="z", unit="m", side_by_side=side_by_side, linked=LinkedPixels("cloud", places))


def mel_spectrogram() -> Spectrogram:
    """The same with rows that are bands."""
    return dataclasses.replace(spectrogram(), axis="mel", band_limits_hz=(100.0, 8_000.0))


def cepstrum() -> Cepstrum:
    """Three coefficients with their first derivatives, of 300 columns, of which 250 are computed."""
    coefficients = np.random.default_rng(3).normal(0, 10, (6, 300)).astype(np.float32)
    return Cepstrum(coefficients, ("c0", "c1", "c2", "Δc0", "Δc1", "Δc2"), 16_000, 32, 128, 250)


def wave_envelope() -> WaveEnvelope:
    """Two channels, of which three quarters are read; the second clips."""
    pyramid = WavePyramid(2, 4_000, 8_000)
    wave = np.sin(np.arange(3_000) / 20).astype(np.float32)
    pyramid.append(np.stack([wave / 2, np.clip(2 * wave, -1, 1)]))
    return WaveEnvelope.of(pyramid)


def power_spectrum() -> PowerSpectrum:
    """One line on noise."""
    levels = np.random.default_rng(4).normal(-60, 3, 129).astype(np.float32)
    levels[30] = -3
    return PowerSpectrum(np.arange(129) * 62.5, levels, 0.5, 1.5, 16_000, 256, 120)


def triangulation() -> Triangulation:
    """Two matched points and one that was clicked."""
    points = np.array([[0.0, 0, 4], [1, 0.5, 5], [-1, 0, 3]])
    camera = PosedCamera(SIZE, np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]]), np.eye(4))
    seen = camera.project(points)[:, :2].astype(np.float32)
    return Triangulation(
        (Object3D("Points", PointCloud(points)), Object3D("Camera 1", camera, "Cameras")),
        SIZE,
        "3 points",
        "-y",
        places=seen + np.float32(0.5),
        projected=seen,
        points=points,
        errors_px=np.full(3, np.hypot(0.5, 0.5), np.float32),
        angles_deg=np.array([5, 0.5, 9], np.float32),
        chosen=np.array([False, False, True]),
    )


def logits() -> Logits:
    """Of three classes."""
    return Logits(np.array([0.5, 2.0, -1.0], np.float32), NAMES, SIZE)


def activation_maps() -> ActivationMaps:
    """Six maps of 4 x 5 places, the third over the picture, listed by their maximum."""
    maps = np.random.default_rng(5).normal(0, 1, (6, 4, 5)).astype(np.float32)
    order = np.argsort(-maps.max(axis=(1, 2)), kind="stable")
    return ActivationMaps(maps, Rect(20, 10, 100, 80), SIZE, "stage 2", 2, order)


def curves() -> ScoreCurves:
    """Two curves over three places."""
    values = np.array([[0, 0.75, 1], [1, 0.5, 0.25]], np.float32)
    names = ("=Insertion", "Deletion")
    return ScoreCurves(np.array([0.0, 50, 100]), names, values, "Pixels in %", "Probability", 0, 1, "insertion 0.62")


def filter_bank() -> FilterBank:
    """Five filters that see colours, listed by their norm."""
    tiles = np.random.default_rng(5).normal(0, 1, (5, 3, 3, 3)).astype(np.float32)
    norms = np.sqrt((tiles**2).sum(axis=(1, 2, 3)))
    order = np.argsort(-norms, kind="stable")
    answers = np.arange(5, dtype=np.float32)
    return FilterBank(tiles[order], order, norms[order], answers, "conv1", "in colour", (5, 3, 3, 3))


def visualisation() -> Visualisation:
    """A picture of a class."""
    made = picture()
    return Visualisation(
        made.pixels, made.rect, made.scale, made.size, subject="person", score=7.5, probability=0.9, step=64
    )


def depth() -> Depth:
    """A slope in metres with a hole."""
    values = np.tile(np.linspace(1, 4, SIZE.width, dtype=np.float32), (SIZE.height, 1))
    invalid = np.zeros(values.shape, bool)
    invalid[20:40, 30:60] = True
    return Depth(DepthMap(values, "m", invalid), "by hand")


def nearness() -> NearnessMap:
    """A slope at 3 x 4 places."""
    return NearnessMap(np.linspace(0.5, 2, 12, dtype=np.float32).reshape(3, 4), SIZE)


EXAMPLES: dict[str, Any] = {
    "depth": depth(),
    "nearness": nearness(),
    "detections": detections(),
    "detections-followed": detections(followed=True),
    "detections-masks": detections(masks=True),
    "detections-nothing": detections().take([]),
    "labels": labels(),
    "labels-unknown": labels(0.9),
    "landmarks": landmarks(),
    "neighbours": neighbours(),
    "segmentation": segmentation(),
    "class-maps": class_maps(),
    "proposals": proposals(),
    "proposals-anchors": proposals("anchors"),
    "suppression": suppression(detections(), 0.5, class_wise=True),
    "suppression-dropping": suppression(detections(), 0.5, class_wise=True).at(2),
    "hog-cells": hog_cells(),
    "heat-map": heat_map(),
    "picture": picture(),
    "light-picture": light_picture(),
    "spectrogram": spectrogram(),
    "mel-spectrogram": mel_spectrogram(),
    "cepstrum": cepstrum(),
    "wave-envelope": wave_envelope(),
    "power-spectrum": power_spectrum(),
    "separation": separation(),
    "scored-separation": scored_separation(),
    "logits": logits(),
    "activation-maps": activation_maps(),
    "curves": curves(),
    "filter-bank": filter_bank(),
    "visualisation": visualisation(),
    "scene": scene3d(),
    "triangulation": triangulation(),
    "scene-side-by-side": scene3d(side_by_side=True),
}
