"""Frames fused into a surface: on real frames, on generated ones, and where folders are not what is expected."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvstudio.analyses.binding import MediaSamples, open_media_list
from cvstudio.analyses.space._fusion import camera_path, distances_to_frames, fused
from cvstudio.analyses.space._rgbd import RgbdFrames, read_frames
from cvstudio.foundation.errors import BindingError, GeometryError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind

KINDS = frozenset({MediaKind.IMAGE, MediaKind.DEPTH})
FARTHEST_M = 4.0


def frames_of(folder: Path, every: int = 1) -> RgbdFrames:
    media = open_media_list([folder], KINDS, Progress())
    return read_frames(MediaSamples(media.media), every, 60.0, Progress())


def without_poses(frames: RgbdFrames) -> RgbdFrames:
    return dataclasses.replace(frames, frames=tuple(dataclasses.replace(item, pose=None) for item in frames.frames))


def test_real_frames_lie_within_ten_millimetres_of_their_surface(data, capsys) -> None:  # type: ignore[no-untyped-def]
    frames = frames_of(data("rgbd"), 5)
    assert (len(frames.frames), frames.size, frames.guessed) == (10, (640, 480), False)
    poses, from_odometry = camera_path(frames, Progress())
    assert not from_odometry
    surface = fused(frames, poses, from_odometry, 0.015, FARTHEST_M, Progress())
    with capsys.disabled():
        print(f"\nTSDF surface to depth frames: median {surface.distance_mm:.1f} mm")
    assert surface.distance_mm < 10
    assert surface.views.max() <= 10
    seen = surface.seen(3)
    assert 0 < len(seen.triangles) < len(surface.mesh.triangles)


def test_real_frames_without_poses_find_their_way(data) -> None:  # type: ignore[no-untyped-def]
    frames = dataclasses.replace(frames := frames_of(data("rgbd"), 2), frames=frames.frames[:6])
    given = np.stack([item.pose for item in frames.frames if item.pose is not None])
    poses, from_odometry = camera_path(without_poses(frames), Progress())
    assert from_odometry
    relative = np.linalg.inv(given[0]) @ given
    way = float(np.linalg.norm(np.diff(relative[:, :3, 3], axis=0), axis=1).sum())
    assert np.linalg.norm(poses[:, :3, 3] - relative[:, :3, 3], axis=1).max() < 0.15 * way


def test_a_plane_is_fused_where_it_is(tmp_path: Path) -> None:
    matrix = np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]])
    np.savetxt(tmp_path / "camera-intrinsics.txt", matrix)
    for number, shift in enumerate((-0.1, 0.0, 0.1)):
        pose = np.eye(4)
        pose[:3, 3] = 1000 + shift, 2000, 0.5
        np.savetxt(tmp_path / f"f-{number}.pose.txt", pose)
        cv2.imwrite(str(tmp_path / f"f-{number}.depth.png"), np.full((120, 160), 1500, np.uint16))
        cv2.imwrite(str(tmp_path / f"f-{number}.color.png"), np.full((120, 160, 3), (10, 120, 200), np.uint8))
    frames = frames_of(tmp_path)
    poses, _ = camera_path(frames, Progress())
    surface = fused(frames, poses, False, 0.02, FARTHEST_M, Progress())
    np.testing.assert_allclose(surface.mesh.vertices[:, 2], 2.0, atol=1e-3)
    low, high = surface.mesh.vertices.min(axis=0), surface.mesh.vertices.max(axis=0)
    np.testing.assert_allclose([low[:2], high[:2]], [[998.7, 1999.1], [1001.3, 2000.9]], atol=0.05)
    assert surface.mesh.colours is not None
    wrong = np.abs(surface.mesh.colours.astype(int) - [200, 120, 10]).max(axis=1) > 2
    # At its rim Open3D mixes in voxels that no frame has coloured.
    assert wrong.mean() < 0.05
    assert surface.views.max() == 3
    assert distances_to_frames(surface.mesh, frames, poses, FARTHEST_M, Progress()).max() < 0.02
    with pytest.raises(GeometryError, match="depths below 1 m, found none"):
        fused(frames, poses, False, 0.02, 1.0, Progress())


class TestFolders:
    def folder(self, tmp_path: Path, *names: str, shape: tuple[int, int] = (12, 16)) -> Path:
        for name in names:
            depth, colour = np.full(shape, 900, np.uint16), np.full((*shape, 3), 90, np.uint8)
            cv2.imwrite(str(tmp_path / name), depth if "depth" in name else colour)
        return tmp_path

    def test_pairs_go_by_their_names(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "b_rgb.png", "b_depth.png", "a_rgb.png", "a_depth.png", "c_rgb.png")
        frames = frames_of(folder)
        assert [item.name for item in frames.frames] == ["a", "b"]
        assert frames.guessed
        assert frames.matrix[0, 0] == pytest.approx(8 / np.tan(np.radians(30)))
        assert frames.frames[0].depth_m.max() == pytest.approx(0.9)

    def test_pictures_without_depths_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(BindingError, match="found 1 pictures and 1 depth maps without a partner"):
            frames_of(self.folder(tmp_path, "x_rgb.png", "y_depth.png"))

    def test_a_damaged_pose_and_another_size_are_told(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "a.color.png", "a.depth.png")
        (folder / "a.pose.txt").write_text("1 2 three")
        with pytest.raises(MediaError, match=r"a\.pose\.txt is expected to hold 4 x 4 numbers"):
            frames_of(folder)
        (folder / "a.pose.txt").unlink()
        self.folder(tmp_path, "b.color.png", "b.depth.png", shape=(24, 32))
        with pytest.raises(MediaError, match="expected to have one size, found another for b"):
            frames_of(folder)

    def test_frames_that_share_nothing_are_told(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "a.color.png", "a.depth.png", "b.color.png", "b.depth.png", shape=(60, 80))
        lone = np.zeros((60, 80), np.uint16)
        lone[30, 40] = 900
        cv2.imwrite(str(folder / "b.depth.png"), lone)
        with pytest.raises(GeometryError, match="too little in common between a and b"):
            camera_path(frames_of(folder), Progress())
