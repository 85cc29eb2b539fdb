import logging
import shutil

import numpy as np
import pytest
import torch

from artlives import images
from artlives.errors import ArtlivesError
from artlives.training.photos import Photos


def crops(photos, seed, size=48):
    return photos.crops(6, size, np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_crops(photos_folder):
    photos = Photos(photos_folder)
    assert len(photos.files) == 4
    first = crops(photos, 1)
    assert first.shape == (6, 48, 48, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, crops(Photos(photos_folder), 1))
    assert not np.array_equal(first, crops(photos, 2))


def test_a_crop_larger_than_the_photo_is_enlarged(photos_folder):
    assert crops(Photos(photos_folder), 1, size=160).shape == (6, 160, 160, 3)


def test_the_last_ones_are_held_out(photos_folder):
    assert [path.name for path in Photos(photos_folder, holdout=2).files] == ["a.jpg", "b.png"]


@pytest.mark.parametrize("holdout", [4, 9])
def test_a_folder_without_pictures_is_refused(photos_folder, holdout):
    with pytest.raises(ArtlivesError, match="holds no pictures"):
        Photos(photos_folder, holdout)


def test_an_unreadable_photo_is_skipped_with_one_warning(photos_folder, tmp_path, caplog):
    folder = tmp_path / "photos"
    shutil.copytree(photos_folder, folder)
    (folder / "b.png").write_text("not a picture")
    with caplog.at_level(logging.WARNING):
        assert crops(Photos(folder), 1).shape == (6, 48, 48, 3)
    assert sum("b.png" in record.getMessage() for record in caplog.records) == 1


def test_photos_are_decoded_once_where_a_gpu_would_wait(photos_folder, monkeypatch):
    decoded = []
    load = images.load
    monkeypatch.setattr(images, "load", lambda path: decoded.append(path) or load(path))
    expected = crops(Photos(photos_folder), 1)
    for device, room, times in (
        ("cuda", 1 << 30, 1),
        ("cuda", 3 * 120 * 90, 2),
        ("cuda", 100, 2),
        ("cpu", 1 << 30, 2),
    ):
        monkeypatch.setattr("artlives.training.photos.KEPT", room)
        photos = Photos(photos_folder)
        photos.keep(torch.device(device))
        decoded.clear()
        for _ in range(2):
            assert np.array_equal(crops(photos, 1), expected)
        most = max(decoded.count(path) for path in decoded)
        assert most == 1 if times == 1 else most > 1
        # One of four fits.
        assert (decoded.count(photos.files[0]) == 1) == (times == 1) or room == 3 * 120 * 90


def test_nothing_but_unreadable_photos_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture")
    with pytest.raises(ArtlivesError, match="none of the pictures"):
        crops(Photos(tmp_path), 1)


def test_paintings_beside_their_photos_are_no_photos(photos_folder):
    (photos_folder / "a-wave.jpg").write_bytes((photos_folder / "a.jpg").read_bytes())
    assert "a-wave.jpg" not in [path.name for path in Photos(photos_folder).files]
    assert "a-wave.jpg" not in [path.name for path in Photos(photos_folder, nested=False).files]
