// The person's picture: the file itself, and smaller copies of it to paint quickly.

import { stylize } from "./api.js";
import { Problem } from "./dom.js";

const UNDERSTOOD = new Set(["image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif", "image/tiff"]);
const MAX_BYTES = 25e6; // the service's limits
const MAX_PIXELS = 50e6;
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

  get longSide() {
    return Math.max(this.bitmap.width, this.bitmap.height);
  }

  get ratio() {
    return this.bitmap.width / this.bitmap.height;
  }

  /** The picture with a longer side of at most `side` pixels, as a Blob; the file itself where it is no larger. */
  scaled(side) {
    if (side >= this.longSide) return Promise.resolve(this.file);
    if (!this.copies.has(side)) {
      this.copies.set(side, draw(this.bitmap, (this.bitmap.width * side) / this.longSide));
    }
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
  return draw(bitmap, bitmap.width * Math.min(1, Math.sqrt(MAX_PIXELS / pixels)));
}

/** A bitmap at this width, as a Blob. */
export function draw(bitmap, width, type = "image/jpeg") {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round((width * bitmap.height) / bitmap.width));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  if (type === "image/jpeg") {
    context.fillStyle = "white"; // under what is transparent, which a JPEG cannot be
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas, type, QUALITY);
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
