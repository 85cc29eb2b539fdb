import logging
import shutil

import numpy as np
import pytest

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


def test_nothing_but_unreadable_photos_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture")
    with pytest.raises(ArtlivesError, match="none of the pictures"):
        crops(Photos(tmp_path), 1)


def test_paintings_beside_their_photos_are_no_photos(photos_folder):
    (photos_folder / "a-wave.jpg").write_bytes((photos_folder / "a.jpg").read_bytes())
    assert "a-wave.jpg" not in [path.name for path in Photos(photos_folder).files]
    assert "a-wave.jpg" not in [path.name for path in Photos(photos_folder, nested=False).files]
