"""The modules that paint in a browser, by Node, against Python's."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from artlives import Stylizer, grain, passes
from artlives.blend import blend
from artlives.site import folder
from artlives.site.network import INSTRUCTIONS

ROOT = Path(__file__).parents[2]
CORE = ROOT / "artlives/site/static/core.wasm"
WASI = Path("/usr/include/wasm32-wasi")
PAINT = """
import { readFileSync, writeFileSync } from "node:fs";
import { Core } from "./static/core.js";
import { Network } from "./static/network.js";
import { tile } from "./static/grain.js";
import { paint, sizes } from "./static/passes.js";
import { Styles, shares } from "./static/weights.js";
const { style, width, height, brush } = JSON.parse(process.argv[1]);
const site = JSON.parse(readFileSync("styles.json"));
const styles = new Styles(site.styles, async (path) => new Uint8Array(readFileSync(path)).buffer);
const core = await Core.load(readFileSync("static/core.wasm"));
const network = new Network(core, styles.find(shares(style)[0][0]).network, await styles.weights(style));
const all = brush ? sizes(width, height, brush, site.passes) : [[width, height]];
const share = all.at(-1)[0] > width ? site.passes.share_enlarged : site.passes.shares[brush ?? "default"];
const photo = { data: new Uint8Array(readFileSync("photo")), width, height };
const settings = { all, share, grain: tile(styles.grain(style), site.grain) };
const painting = await paint(core, network, photo, settings, async () => {});
writeFileSync("painting", painting.data);
const used = core.exports.memory.buffer.byteLength;
for (let i = 0; i < 5; i++) await paint(core, network, photo, settings, async () => {});
if (core.exports.memory.buffer.byteLength > used) throw new Error("memory is not given back");
"""


@pytest.fixture(scope="module")
def node():
    found = shutil.which("node")
    if found is None:
        playwright = pytest.importorskip("playwright._impl._driver", reason="there is no Node here")
        found = playwright.compute_driver_executable()[0]
    return str(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site") / "art"
    folder.write(site)
    # Node takes the modules for what they are then.
    (site / "package.json").write_text('{"type": "module"}')
    return site


@pytest.fixture
def script(node, site):
    """What a script makes of an argument, for JSON, in the site's folder."""

    def run(source, given):
        arguments = [node, "--input-type=module", "-e", source, "--", json.dumps(given)]
        result = subprocess.run(arguments, cwd=site, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout or "null")

    return run


def photo_of(width, height, name="hopper"):
    """The share of a photo that has those sides' ratio, at that size."""
    return np.asarray(Image.open(ROOT / f"images/{name}.jpg").convert("RGB").resize((width, height)))


@pytest.mark.parametrize(
    ("style", "width", "height", "brush"),
    [
        ("wave", 150, 101, None),
        ("udnie", 16, 64, None),
        ("scream", 96, 128, "broader"),
        ("rain-princess:0.25,shipwreck:0.75", 128, 80, None),
    ],
)
def test_paintings_are_those_of_python(script, site, style, width, height, brush):
    photo = photo_of(width, height)
    photo.tofile(site / "photo")
    script(PAINT, {"style": style, "width": width, "height": height, "brush": brush})
    found = np.fromfile(site / "painting", np.uint8).reshape(photo.shape)
    given = {
        name: float(share) for name, share in (part.split(":") for part in style.split(",") if ":" in part)
    }
    settings = {"brush": brush} if brush else {"one_pass": True}
    wanted = Stylizer(given or style, precision="fp32", **settings)(photo)
    assert np.abs(found.astype(int) - wanted).max() <= 2


def test_the_passes_have_the_same_sizes(script):
    sides = [
        (128, 96),
        (640, 480),
        (1000, 333),
        (2048, 1536),
        (1280, 853),
        (16, 2000),
        (899, 500),
        (1600, 1600),
    ]
    cases = [(*size, brush) for size in sides for brush in passes.SHARES]
    source = """
        import { readFileSync } from "node:fs";
        import { sizes } from "./static/passes.js";
        const site = JSON.parse(readFileSync("styles.json"));
        const found = JSON.parse(process.argv[1]).map((each) => sizes(...each, site.passes));
        console.log(JSON.stringify(found));
    """
    wanted = [
        [[width, height] for height, width in passes.sizes(high, wide, brush)] for wide, high, brush in cases
    ]
    assert script(source, cases) == wanted


@pytest.mark.parametrize(
    ("before", "after", "quick"),
    [
        ((300, 200), (640, 427), False),
        ((611, 401), (200, 131), True),
        ((500, 333), (250, 166), True),
        ((500, 333), (123, 77), False),
        ((450, 451), (32, 33), True),
        ((64, 640), (60, 200), False),
    ],
)
def test_a_picture_is_resized_as_pillow_does(script, site, before, after, quick):
    photo = photo_of(*before)
    photo.tofile(site / "photo")
    source = """
        import { readFileSync, writeFileSync } from "node:fs";
        import { resized } from "./static/resize.js";
        const [[width, height], after, quick] = JSON.parse(process.argv[1]);
        const picture = { data: new Uint8Array(readFileSync("photo")), width, height };
        writeFileSync("painting", resized(picture, ...after, quick).data);
    """
    script(source, [before, after, quick])
    wanted = passes.resized(photo, after[::-1], quick=quick)
    found = np.fromfile(site / "painting", np.uint8).reshape(wanted.shape)
    # Older releases of Pillow than 13 take rows and columns in another order, and round otherwise between them.
    assert np.abs(found.astype(int) - wanted).max() <= (0 if int(PIL.__version__.split(".")[0]) >= 13 else 1)


def test_the_grain_is_that_of_python(script, site):
    source = """
        import { readFileSync, writeFileSync } from "node:fs";
        import { tile } from "./static/grain.js";
        const site = JSON.parse(readFileSync("styles.json"));
        writeFileSync("painting", tile(JSON.parse(process.argv[1]), site.grain));
    """
    script(source, 6.5)
    wanted = grain.tile(6.5)
    assert np.array_equal(np.fromfile(site / "painting", np.int8).reshape(wanted.shape), wanted)


@pytest.mark.parametrize(("strength", "keeps_colors"), [(0.35, False), (1, True), (0.6, True)])
def test_photo_and_painting_are_blended_as_in_python(script, site, strength, keeps_colors):
    photo, painting = photo_of(60, 40), photo_of(60, 40, "lake")
    np.stack([photo, painting]).tofile(site / "photo")
    source = """
        import { readFileSync, writeFileSync } from "node:fs";
        import { blend } from "./static/blend.js";
        const site = JSON.parse(readFileSync("styles.json"));
        const both = new Uint8Array(readFileSync("photo"));
        const painting = both.slice(both.length / 2);
        blend(both.subarray(0, both.length / 2), painting, ...JSON.parse(process.argv[1]), site.blend);
        writeFileSync("painting", painting);
    """
    script(source, [strength, keeps_colors])
    found = np.fromfile(site / "painting", np.uint8).reshape(painting.shape)
    wanted = painting.copy()
    blend(photo, wanted, strength, keeps_colors)
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_a_gpu_is_taken_where_it_is_one(script):
    """Software that stands for a GPU is slower than WebAssembly."""
    source = """
        import { Gpu } from "./static/gpu.js";
        const device = { name: "device" };
        const adapter = (isFallbackAdapter) => {
            return { info: { isFallbackAdapter }, limits: {}, requestDevice: () => device };
        };
        const answers = {
            none: undefined,
            withoutAdapter: { requestAdapter: async () => null },
            software: { requestAdapter: async () => adapter(true) },
            refusing: { requestAdapter: async () => ({ ...adapter(false), requestDevice: () => Promise.reject() }) },
            gpu: { requestAdapter: async () => adapter(false) },
        };
        const found = {};
        for (const [name, gpu] of Object.entries(answers)) {
            Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
            found[name] = (await Gpu.find())?.device.name ?? null;
        }
        console.log(JSON.stringify(found));
    """
    wanted = {"none": None, "withoutAdapter": None, "software": None, "refusing": None, "gpu": "device"}
    assert script(source, None) == wanted


def test_a_picture_whose_buffers_are_too_large_is_not_for_the_gpu(script):
    source = """
        import { readFileSync } from "node:fs";
        import { Gpu } from "./static/gpu.js";
        const { network } = JSON.parse(readFileSync("styles.json")).styles[0];
        // What WebGPU has everywhere; a picture's sixteen channels of fp32 take 64 bytes a pixel.
        const gpu = new Gpu({ limits: { maxStorageBufferBindingSize: 2 ** 27 } });
        console.log(JSON.stringify([1024, 1025].map((height) => gpu.holds(network, 2048, height))));
    """
    assert script(source, None) == [True, False]


def test_a_gpu_that_reports_an_error_has_not_painted(script):
    source = """
        import { Gpu } from "./static/gpu.js";
        const kinds = [];
        const device = {
            pushErrorScope: (kind) => kinds.push(kind),
            popErrorScope: async () => (kinds.pop() === "out-of-memory" ? { message: "no memory" } : null),
        };
        const found = await new Gpu(device).checked(async () => "painted").catch((error) => error.message);
        console.log(JSON.stringify([found, kinds]));
    """
    assert script(source, None) == ["no memory", []]


def test_it_takes_less_than_8_megabytes(tmp_path):
    assert folder.write(tmp_path / "art") < 8_000_000


def test_the_core_was_compiled_from_these_sources():
    """`scripts/wasm` compiles it anew."""
    sources = ROOT / "artlives/core/csrc"
    names = [
        "abi.c",
        "instructions.c",
        "mix.c",
        *sorted(path.name for path in sources.glob("*.h")),
        "isa/wasm.h",
    ]
    digest = hashlib.sha256(b"".join((sources / name).read_bytes() for name in names)).hexdigest()
    section = b"\x00\x48\x07sources" + digest.encode()
    assert CORE.read_bytes().endswith(section)


def test_the_core_is_what_its_script_compiles(tmp_path):
    clang = shutil.which("clang")
    version = clang and subprocess.run([clang, "--version"], capture_output=True, text=True).stdout
    # Another release compiles to other bytes.
    if not (version and "version 14.0.6" in version and WASI.is_dir() and shutil.which("wasm-ld")):
        pytest.skip("Debian 12's clang, lld and wasi-libc are not installed")
    subprocess.run([ROOT / "scripts/wasm", tmp_path / "core.wasm"], check=True)
    assert (tmp_path / "core.wasm").read_bytes() == CORE.read_bytes()


def test_the_core_is_compiled_for_the_instructions_that_weights_are_packed_for(script):
    source = """
        import { readFileSync } from "node:fs";
        import { Core } from "./static/core.js";
        const core = await Core.load(readFileSync("static/core.wasm"));
        const set = core.exports.artlives_instructions(0n);
        const field = (name) => Number(core.view.getBigInt64(set + core.layouts.Instructions[name].offset, true));
        console.log(JSON.stringify(["lanes", "vectors", "element", "group", "winograd"].map(field)));
    """
    ours = INSTRUCTIONS
    assert script(source, None) == [ours.lanes, ours.vectors, ours.element, ours.group, ours.winograd]
