"""Whether a change of the code changes any pixel of any painting.

    python -m benchmarks.replay before.json     # writes it, at the commit to compare with
    python -m benchmarks.replay before.json     # compares, after the change

Every shipped style paints pictures of several sizes, whole and in strips, coarse to fine and in one pass, by every
instruction set of this processor. What is compared are checksums, so the file is small.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from artlives import Stylizer, core, styles
from artlives.engines import compiled
from artlives.files import sample_photos

# Height and width in pixels: odd, small enough to be enlarged, large enough for several passes and bands.
SIZES = ((67, 93), (480, 640), (901, 1207))
# Bytes that the network may use: with the first the largest picture is painted whole, with the second in strips that
# keep fp32, with the third in strips that keep fp16.
MEMORY = {"whole": None, "fp32 strips": 130 << 20, "fp16 strips": 112 << 20}
# The portable instruction set is twenty times slower: it paints the smallest size alone.
SLOW = "plain"


def paintings() -> Iterator[tuple[str, np.ndarray]]:
    """Each painting with the name of its case."""
    photo = Image.open(sorted(sample_photos().glob("*.jpg"))[0]).convert("RGB")
    for instructions, entry in (core.instruction_sets() | core.bf16_instruction_sets()).items():
        with patch.object(compiled, "instructions_for", lambda precision, entry=entry: entry):
            for name in styles.shipped():
                for height, width in SIZES[:1] if instructions == SLOW else SIZES:
                    pixels = np.asarray(photo.resize((width, height)))
                    for way, memory in MEMORY.items():
                        for one_pass in (False, True):
                            paint = Stylizer(name, device="cpu", memory=memory, one_pass=one_pass)
                            passes = "one pass" if one_pass else "coarse to fine"
                            yield (
                                f"{instructions}, {name}, {width} x {height}, {way}, {passes}",
                                paint(pixels),
                            )


def main() -> None:
    path = Path(sys.argv[1])
    found = {case: hashlib.sha256(painting.tobytes()).hexdigest() for case, painting in paintings()}
    if not path.exists():
        path.write_text(json.dumps(found, indent=1))
        print(f"wrote {len(found)} checksums to {path}")
        return
    before = json.loads(path.read_text())
    changed = [case for case in found.keys() | before.keys() if found.get(case) != before.get(case)]
    print(*sorted(changed), f"{len(changed)} of {len(found)} paintings have changed", sep="\n")
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
