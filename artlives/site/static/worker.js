// The painter: it reads pictures, paints them in the order they come, and writes them, off the page's thread.
//
// The page sends {id, kind, ...}, or {abort: id}; the answer is {id, result} or {id, problem, isForPeople}.

import { blend } from "./blend.js";
import { Core } from "./core.js";
import { Problem } from "./dom.js";
import { Gpu, GpuNetwork, reasonAgainst } from "./gpu.js";
import { tile } from "./grain.js";
import { Network } from "./network.js";
import { LARGEST, paint, rounded, sizes } from "./passes.js";
import { layOut } from "./sheet.js";
import { shares, Styles } from "./weights.js";

const QUALITY = 0.92;
const MOST = 8; // networks in memory, of 5 MB each

const jobs = new Map(); // by id: {isAborted}
const networks = new Map(); // by what paints and the name of a style or a mix, the latest last
let gpu = Gpu.find(); // null for the rest of the visit, once it failed
let isGpuRight = false; // known by its first network
let last = Promise.resolve(); // the last job's end
const loading = load();

async function load() {
  const [answer, listed] = await Promise.all(["core.wasm", "../styles.json"].map(get));
  const core = await Core.load(await answer.arrayBuffer()).catch(() => {
    throw new Problem("This browser cannot paint: it lacks WebAssembly with SIMD. A newer one can.");
  });
  const site = await listed.json();
  return { core, site, styles: new Styles(site.styles, async (path) => (await get(`../${path}`)).arrayBuffer()) };
}

async function get(path) {
  const answer = await fetch(new URL(path, import.meta.url)).catch(() => null);
  if (!answer?.ok) throw new Problem("A part of this page did not come. Is there a connection? Load it again.");
  return answer;
}

const KINDS = {
  styles: async () => (await loading).site.styles.map(({ network, file, ...told }) => told),

  stylize: async ({ picture, settings }, between) => {
    const canvas = await read(picture, settings.size);
    if (settings.strength !== 0) await onCanvas(canvas, settings, between);
    return written(canvas, settings.format);
  },

  frame: async ({ picture, style }, between) => {
    const canvas = drawn(picture, picture.width, picture.height);
    picture.close();
    await onCanvas(canvas, { style, one_pass: true }, between);
    return canvas.transferToImageBitmap();
  },

  sheet: async ({ picture, settings }, between) => {
    const tiles = [{ title: "photo", line: "", picture: await read(picture, settings.size) }];
    for (const style of (await loading).site.styles) {
      const canvas = await read(picture, settings.size);
      await onCanvas(canvas, { ...settings, style: style.name }, between);
      const line = [style.painter, style.painting, style.year].filter(Boolean).join(", ");
      tiles.push({ title: style.name, line, picture: canvas });
    }
    return written(layOut(tiles, settings.columns), settings.format);
  },
};

/** The picture of a file on a canvas, with a longer side of at most `side` pixels. */
async function read(file, side = LARGEST) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Problem("This browser cannot read the picture: choose a JPEG, PNG or WebP file.");
  });
  const scale = Math.min(1, Math.min(side, LARGEST) / Math.max(bitmap.width, bitmap.height));
  const canvas = drawn(bitmap, ...[bitmap.width, bitmap.height].map((side) => Math.max(1, rounded(side * scale))));
  bitmap.close();
  return canvas;
}

function drawn(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

/** Paint what is on a canvas. */
async function onCanvas(canvas, settings, between) {
  const { site } = await loading;
  const { style, strength = 1, keep_colors: keepsColors = false } = settings;
  const context = canvas.getContext("2d");
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const photo = { data: opaque(image.data), width: canvas.width, height: canvas.height };
  const painting = await painted(photo, style, settings, between);
  if (keepsColors || strength < 1) blend(photo.data, painting.data, strength, keepsColors, site.blend);
  for (let i = 0, j = 0; i < image.data.length; i += 4, j += 3) {
    image.data.set(painting.data.subarray(j, j + 3), i);
  }
  context.putImageData(image, 0, 0);
}

/** The painting of a photo {data, width, height} of three bytes a pixel. */
async function painted(photo, style, { brush = "default", one_pass: isOnePass = false }, between) {
  const { core, site, styles } = await loading;
  const { width, height } = photo;
  const all = isOnePass ? [[width, height]] : sizes(width, height, brush, site.passes);
  const share = all.at(-1)[0] > width ? site.passes.share_enlarged : site.passes.shares[brush];
  const settings = { all, share, grain: tile(styles.grain(style), site.grain) };
  try {
    const network = await networkOf(style, all.at(-1));
    return await paint(core, network, photo, settings, between).catch(async (error) => {
      if (!(network instanceof GpuNetwork) || error instanceof RangeError) throw error;
      // An aborted job ends here.
      await between();
      forgetGpu(error.message);
      return paint(core, await networkOf(style, all.at(-1)), photo, settings, between);
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Problem("The picture is too large for this browser's memory: make it smaller first.");
  }
}

/** The network of a style or a mix for pictures of up to [width, height], as it was before or prepared anew. */
async function networkOf(style, size) {
  const { core, styles } = await loading;
  const [[name]] = shares(style);
  const { network: description } = styles.find(name);
  const found = await gpu;
  const isOnGpu = found?.holds(description, ...size);
  const key = `${isOnGpu ? "WebGPU" : "WebAssembly"} ${style}`;
  let network = networks.get(key);
  networks.delete(key);
  if (!network) {
    const weights = await styles.weights(style);
    network = isOnGpu ? new GpuNetwork(found, core, description, weights) : new Network(core, description, weights);
    if (isOnGpu && !isGpuRight) {
      const byCore = new Network(core, description, weights);
      const problem = await reasonAgainst(core, network, byCore);
      byCore.close();
      if (problem) {
        network.close();
        forgetGpu(problem);
        return networkOf(style, size);
      }
      isGpuRight = true;
    }
  }
  networks.set(key, network);
  for (const [oldest, old] of networks) {
    if (networks.size <= MOST) break;
    networks.delete(oldest);
    old.close();
  }
  return network;
}

function forgetGpu(problem) {
  console.warn("WebAssembly paints from now on:", problem);
  gpu = null;
  for (const [key, network] of networks) {
    if (network instanceof GpuNetwork && networks.delete(key)) network.close();
  }
}

/** Pixels of three bytes, of those of four. */
function opaque(data) {
  const colors = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, j = 0; i < data.length; i += 4, j += 3) {
    colors[j] = data[i];
    colors[j + 1] = data[i + 1];
    colors[j + 2] = data[i + 2];
  }
  return colors;
}

/** A canvas as a file; without transparency, on white. */
function written(canvas, format = "jpeg") {
  if (format === "jpeg") {
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  return canvas.convertToBlob({ type: `image/${format}`, quality: QUALITY });
}

const channel = new MessageChannel();
let resume = () => {};
channel.port1.onmessage = () => resume();

/** Let messages come in; a timer would wait for milliseconds. */
function turn() {
  return new Promise((resolve) => {
    resume = resolve;
    channel.port2.postMessage(null);
  });
}

async function answer(data) {
  const job = jobs.get(data.id);
  const between = async () => {
    await turn();
    if (job.isAborted) throw new DOMException("", "AbortError");
  };
  try {
    await between();
    const result = await KINDS[data.kind](data, between);
    self.postMessage({ id: data.id, result }, result instanceof ImageBitmap ? [result] : []);
  } catch (error) {
    if (!job.isAborted) self.postMessage({ id: data.id, problem: error.message, isForPeople: Boolean(error.forPeople) });
  }
  jobs.delete(data.id);
}

self.onmessage = ({ data }) => {
  if (data.abort) {
    const job = jobs.get(data.abort);
    if (job) job.isAborted = true;
    return;
  }
  jobs.set(data.id, { isAborted: false });
  last = last.then(() => answer(data));
};
