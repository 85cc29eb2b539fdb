"""The folder of static files: the page, the styles, and what paints with them in a browser."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from artlives import __version__, blend, grain, passes, styles
from artlives.architecture import BRUSHES, SMALLEST
from artlives.errors import ArtlivesError
from artlives.files import TEMPORARY, sample_photos
from artlives.images import LUMA
from artlives.site.network import encoded

# As the service's own (`web.guard`), with WebAssembly. A page cannot say by itself who may frame it.
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
HEAD = f"""<head>
  <meta http-equiv="Content-Security-Policy" content="{CSP}">
  <link rel="manifest" href="manifest.webmanifest">"""
# The photos that the page offers to try it with.
SAMPLES = ("astronaut", "chelsea", "coffee")
# Those of the page's files that are about the service alone.
OF_SERVICE = {"docs.html", "docs.js", "index.html"}
# Files of the folder's top; the others here go to its static/.
AT_TOP = {"service-worker.js", "manifest.webmanifest"}
# The file by which a folder is known as one that was written here, and its key.
KNOWN_BY, KEY = "styles.json", "artlives"


def write(folder: Path) -> int:
    """Write the page with the styles that come with artlives, and return how many bytes it takes.

    A folder that an earlier call wrote gets the new files; others in it stay. Each file is written beside the folder
    first, so that none is ever half of one.

    Raises:
        ArtlivesError: there is something else at `folder`, or it cannot be written.
    """
    _check(folder)
    contents = _contents()
    temporary = folder.parent / f"{TEMPORARY}{secrets.token_hex(6)}"
    try:
        for name, data in contents.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            # The worker that has visitors fetch the others comes last.
            for name in contents:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).replace(folder / name)
        else:
            temporary.rename(folder)
    except OSError as error:
        raise ArtlivesError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sum(map(len, contents.values()))


def _check(folder: Path) -> None:
    """Raise ArtlivesError unless the page can be written to `folder`."""
    if not folder.parent.is_dir():
        raise ArtlivesError(f"{folder} cannot be written: there is no folder {folder.parent}")
    if not folder.exists():
        if not os.access(folder.parent, os.W_OK):
            raise ArtlivesError(f"{folder} cannot be written: no permission in the folder {folder.parent}")
        return
    if not folder.is_dir():
        raise ArtlivesError(f"{folder} is not a folder: name one that is not there yet")
    try:
        if any(folder.iterdir()) and KEY not in json.loads((folder / KNOWN_BY).read_text()):
            raise ValueError
    except (OSError, ValueError, TypeError):
        raise ArtlivesError(
            f"{folder} is there already and holds something else: name a folder that is empty or not there yet"
        ) from None


def _contents() -> dict[str, bytes]:
    """Each file's content by its path in the folder, the service worker last."""
    page = {path.name: path.read_bytes() for path in (files("artlives.web") / "static").iterdir()}
    own = {path.name: path.read_bytes() for path in (files("artlives.site") / "static").iterdir()}
    found = {"index.html": page["index.html"].replace(b"<head>", HEAD.encode(), 1)}
    of_page = {name: data for name, data in page.items() if name not in OF_SERVICE} | own
    found |= {name if name in AT_TOP else f"static/{name}": data for name, data in of_page.items()}
    found |= {f"samples/{name}.jpg": (sample_photos() / f"{name}.jpg").read_bytes() for name in SAMPLES}
    described, weights = _styles()
    found |= weights
    found[KNOWN_BY] = json.dumps(described, separators=(",", ":")).encode()
    worker = found.pop("service-worker.js")
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + found[name])
    digest.update(worker)
    kept = json.dumps(["./", *(name for name in sorted(found) if name != "index.html")])
    line = f'const VERSION = "{digest.hexdigest()[:16]}", FILES = {kept};\n'
    return {**found, "service-worker.js": line.encode() + worker}


def _styles() -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the page knows of the styles and of painting, for JSON, and the files with the weights, by their paths."""
    weights, listed = {}, []
    for path in styles.shipped().values():
        style = styles.read(path)
        network, data = encoded(style)
        file = f"styles/{style.name}.f16"
        weights[file] = data
        listed.append(
            {
                "name": style.name,
                "painting": style.painting,
                "painter": style.painter,
                "year": style.year,
                "licence": style.licence,
                "grain": style.grain,
                "file": file,
                "network": network,
            }
        )
    state = np.random.PCG64(grain.SEED).state["state"]
    described = {
        KEY: __version__,
        "styles": listed,
        "passes": {
            "brushes": BRUSHES,
            "coarsest": passes.COARSEST,
            "finest": passes.FINEST,
            "shares": passes.SHARES,
            "share_enlarged": passes.SHARE_ENLARGED,
            "smallest": SMALLEST,
        },
        "grain": {
            "period": grain.PERIOD,
            "factors": grain.OCTAVES,
            "deviation": grain.DEVIATION,
            # Of 128 bits, which JSON's numbers do not hold.
            "state": str(state["state"]),
            "increment": str(state["inc"]),
        },
        "blend": {"luma": LUMA, "most_contrast": blend.MOST_CONTRAST},
    }
    return described, weights
