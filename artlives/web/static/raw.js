// Raw pictures of a stream: "RGBA", width and height as uint32, little-endian, and the pixels.

import { resize } from "./picture.js";

const MAGIC = [...new TextEncoder().encode("RGBA")];
const HEADER = 12; // bytes

/** Whether an ArrayBuffer holds one. */
export function isRaw(data) {
  const begin = new Uint8Array(data, 0, MAGIC.length);
  return MAGIC.every((byte, i) => begin[i] === byte);
}

/** What is on a canvas. */
export function written(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const bytes = new Uint8Array(HEADER + data.length);
  const header = new DataView(bytes.buffer);
  header.setUint32(4, width, true);
  header.setUint32(8, height, true);
  bytes.set(MAGIC);
  bytes.set(data, HEADER);
  return bytes;
}

const shown = document.createElement("canvas");

/** The picture in an ArrayBuffer, on a canvas that the next one is put on, too. */
export function read(data) {
  const [width, height] = new Uint32Array(data.slice(4, HEADER));
  resize(shown, width, height);
  shown.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(data, HEADER), width, height), 0, 0);
  return shown;
}
