// The person's picture: the file itself, and smaller copies of it to paint quickly.

import { LARGEST, stylize } from "./api.js";
import { Problem } from "./dom.js";

const UPRIGHT = new Set(["image/jpeg", "image/png"]); // shown as the service reads them, in every browser
const MAX_BYTES = 25e6; // the service's limits
const MAX_PIXELS = 50e6;
const MIN_SIDE = 16; // pixels of the shorter side
const QUALITY = 0.92;
const HEIF = /hei[cf]/i; // photos of phones, which have no transparency
const PROBE = 256; // pixels of the longer side of what is looked at for transparency

/** How a picture is painted until somebody changes it; the styles are chosen on the stage. */
const DEFAULTS = { strength: 1, brush: "default", keepColors: false };

export class Picture {
  /** Use `Picture.of`. */
  constructor(file, shown, bitmap, stem) {
    this.file = file; // what is painted and saved
    this.bitmap = bitmap;
    this.url = URL.createObjectURL(shown);
    this.stem = stem; // of the names of its paintings' files
    this.isSeeThrough = isSeeThrough(bitmap);
    this.settings = { ...DEFAULTS };
    this.mix = null; // what it was painted with last
    this.copies = new Map();
  }

  /** The picture in a file or Blob. `anyStyle` is the name of a style, for files that only the service can read. */
  static async of(file, anyStyle) {
    if (file.type && !file.type.startsWith("image/")) {
      throw new Problem(`${file.name ?? "That"} is not a picture: choose a JPEG, PNG or WebP file.`);
    }
    const stem = file.name?.replace(/\.[^.]*$/, "") || "photo";
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (bitmap && Math.min(bitmap.width, bitmap.height) < MIN_SIDE) {
      throw new Problem(`The picture is too small: it needs ${MIN_SIDE} pixels a side at least.`);
    }
    const opaque = bitmap ? !isSeeThrough(bitmap) : HEIF.test(`${file.type} ${file.name}`);
    const isAcceptable = file.size <= MAX_BYTES && (!bitmap || bitmap.width * bitmap.height <= MAX_PIXELS);
    if (bitmap && isAcceptable && UPRIGHT.has(file.type)) return new Picture(file, file, bitmap, stem);
    try {
      if (!isAcceptable) throw new Problem("The picture is too large: make it smaller first.");
      const format = opaque ? "jpeg" : "png";
      const read = await stylize(file, { style: anyStyle, strength: 0, format });
      return new Picture(file, read, await createImageBitmap(read), stem);
    } catch (error) {
      if (!bitmap) throw error;
      // What the service refuses, it gets as the browser reads it.
      const drawn = await draw(bitmap, LARGEST, opaque);
      return new Picture(drawn, drawn, bitmap, stem);
    }
  }

  get ratio() {
    return this.bitmap.width / this.bitmap.height;
  }

  /** [width, height] of a painting at the picture's full size, as far as that is painted. */
  get fullSize() {
    return fitted(this.bitmap, LARGEST);
  }

  /** The format to be shown in: one that keeps what is transparent. */
  get format() {
    return this.isSeeThrough ? "png" : "jpeg";
  }

  /** The picture with a longer side of at most `side` pixels, as a Blob; the file itself where it is no larger. */
  scaled(side) {
    if (side >= Math.max(this.bitmap.width, this.bitmap.height)) return Promise.resolve(this.file);
    if (!this.copies.has(side)) this.copies.set(side, draw(this.bitmap, side, !this.isSeeThrough));
    return this.copies.get(side);
  }

  close() {
    this.bitmap.close();
    URL.revokeObjectURL(this.url);
  }
}

/** [width, height] with a longer side of at most `side`, rounded as the service does: halves to even numbers. */
function fitted({ width, height }, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [width, height].map((length) => {
    const exact = length * scale;
    return Math.max(1, exact % 1 === 0.5 ? 2 * Math.round(exact / 2) : Math.round(exact));
  });
}

/** A bitmap on a canvas with a longer side of at most `side` pixels. */
function onCanvas(bitmap, side) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = fitted(bitmap, side);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** A bitmap with a longer side of at most `side` pixels: a JPEG, or a PNG where parts of it are transparent. */
function draw(bitmap, side, opaque) {
  return toBlob(onCanvas(bitmap, side), opaque ? "image/jpeg" : "image/png", QUALITY);
}

function isSeeThrough(bitmap) {
  const { width, height } = bitmap;
  const canvas = onCanvas(bitmap, PROBE);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, i) => i % 4 === 3 && value < 255);
}

/** Make a canvas that large, in whole pixels; what is on it stays where it is that already. */
export function resize(canvas, width, height) {
  const size = [Math.round(width), Math.round(height)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
}

export function toBlob(canvas, type, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Problem("The picture is too large for this browser."))),
      type,
      quality,
    );
  });
}
