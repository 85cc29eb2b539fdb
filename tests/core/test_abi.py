"""Python's structures are those that the core was compiled with, and others are refused."""

import ctypes
from ctypes import Structure, c_float, c_int64

import pytest

from artlives.core import abi
from artlives.core.abi import STRUCTURES, Piece, check
from artlives.errors import ArtlivesError

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(abi.library() is None, reason="the compiled core was not built"),
]

FIELDS = Piece._fields_


def test_all_structures_agree():
    assert len(STRUCTURES) > 1
    # Raises where they do not.
    assert check(abi.library(), STRUCTURES) is None


@pytest.mark.parametrize(
    "fields",
    [
        [*FIELDS, ("more", c_int64)],
        FIELDS[:-1],
        [FIELDS[0], FIELDS[2], FIELDS[1], FIELDS[3]],
        [*FIELDS[:3], ("sums", FIELDS[3][1])],
        [FIELDS[0], ("first", c_float), *FIELDS[2:]],
    ],
    ids=["one more", "one less", "another order", "another name", "another size"],
)
def test_another_structure_is_refused(fields):
    other = type("Piece", (Structure,), {"_fields_": fields})
    structures = tuple(other if structure is Piece else structure for structure in STRUCTURES)
    with pytest.raises(ArtlivesError, match=r"another version of artlives.*pip install"):
        check(abi.library(), structures)


def test_a_structure_that_one_side_lacks_is_refused():
    with pytest.raises(ArtlivesError, match="pip install"):
        check(abi.library(), STRUCTURES[1:])


def test_a_core_that_does_not_say_is_refused():
    with pytest.raises(ArtlivesError, match="pip install"):
        check(ctypes.CDLL(None), STRUCTURES)
