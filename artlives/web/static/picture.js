// The person's picture: the file itself, and smaller copies of it to paint quickly.

import { stylize } from "./api.js";
import { Problem } from "./dom.js";

const UNDERSTOOD = new Set(["image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif", "image/tiff"]);
const MAX_BYTES = 25e6; // the service's limits
const MAX_PIXELS = 50e6;
const MAX_SIDE = 4096; // pixels of the longer side; the service reduces what is larger
const QUALITY = 0.92;

export class Picture {
  /** Use `Picture.of`. */
  constructor(file, bitmap) {
    this.file = file;
    this.bitmap = bitmap;
    this.url = URL.createObjectURL(file);
    this.copies = new Map();
  }

  /** The picture in a file or Blob. `anyStyle` is the name of a style, for files that only the service can read. */
  static async of(file, anyStyle) {
    if (file.type && !file.type.startsWith("image/")) {
      throw new Problem(`${file.name ?? "That"} is not a picture: choose a JPEG, PNG or WebP file.`);
    }
    try {
      const bitmap = await createImageBitmap(file);
      return new Picture(await acceptable(file, bitmap), bitmap);
    } catch {
      const photo = await stylize(file, { style: anyStyle, strength: 0 });
      return new Picture(photo, await createImageBitmap(photo));
    }
  }

  get ratio() {
    return this.bitmap.width / this.bitmap.height;
  }

  /** [width, height] of a painting at the picture's full size, as far as the service goes. */
  get fullSize() {
    return fitted(this.bitmap, MAX_SIDE);
  }

  /** The picture with a longer side of at most `side` pixels, as a Blob; the file itself where it is no larger. */
  scaled(side) {
    if (side >= Math.max(this.bitmap.width, this.bitmap.height)) return Promise.resolve(this.file);
    if (!this.copies.has(side)) this.copies.set(side, draw(this.bitmap, side));
    return this.copies.get(side);
  }

  close() {
    this.bitmap.close();
    URL.revokeObjectURL(this.url);
  }
}

/** The file, or a JPEG of it where the service would refuse it: as too large, or as HEIC from a phone. */
async function acceptable(file, bitmap) {
  const pixels = bitmap.width * bitmap.height;
  if (UNDERSTOOD.has(file.type) && file.size <= MAX_BYTES && pixels <= MAX_PIXELS) return file;
  return draw(bitmap, MAX_SIDE);
}

/** [width, height] with a longer side of at most `side`, rounded as the service does: halves to even numbers. */
function fitted({ width, height }, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [width, height].map((length) => {
    const exact = length * scale;
    return Math.max(1, exact % 1 === 0.5 ? 2 * Math.round(exact / 2) : Math.round(exact));
  });
}

/** A bitmap as a JPEG with a longer side of at most `side` pixels. */
function draw(bitmap, side) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = fitted(bitmap, side);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // under what is transparent, which a JPEG cannot be
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas, "image/jpeg", QUALITY);
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
