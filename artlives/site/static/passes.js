// Coarse to fine: a photo is painted small first, and that painting, mixed into the photo, again; see `artlives.passes`.

import { resized } from "./resize.js";

/** Pixels of the longer side of a painting: larger ones take over 500 MB, which not every phone gives a page. */
export const LARGEST = 2048;
const COLORS = 3;

/** [width, height] of each pass for a photo of that size, from the coarsest to the finest. */
export function sizes(width, height, brush, { brushes, coarsest, finest, smallest }) {
  const scale = brushes[brush];
  const long = Math.max(width, height);
  const last = long >= finest * scale ? long : Math.max(2 * long, finest * scale);
  const [least, most] = coarsest.map((side) => side * scale);
  const doublings = Math.max(0, Math.floor(Math.log2(last / least)));
  const first = Math.min(most, last / 2 ** doublings);
  const ratio = (last / first) ** (1 / Math.max(1, doublings));
  const sides = [...Array.from({ length: doublings }, (_, i) => first * ratio ** i), last];
  const found = sides.map((side) => [rounded((width * side) / long), rounded((height * side) / long)]);
  return found.filter((size, i) => i === found.length - 1 || Math.min(...size) >= smallest);
}

/** To the nearest whole number, to the even one of two, as Python does. */
export const rounded = (x) => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/**
 * The painting of a photo {data, width, height} of three bytes a pixel, after a pass at each of `all` sizes.
 *
 * `share` is that of each painting in what the next pass paints, in 1/64; `grain` a field as `tile` gives it.
 * `between()` is awaited between two steps; what it throws ends the work.
 */
export async function paint(core, network, photo, { all, share, grain }, between) {
  let painting = null; // {address, width, height}
  let picture = null;
  try {
    for (const [width, height] of all) {
      picture = { address: core.place(resized(photo, width, height, true).data), width, height };
      mix(core, picture, painting, share, grain);
      if (painting) core.free(painting.address);
      painting = null;
      await network.paint(picture.address, height, width, between);
      [painting, picture] = [picture, null];
    }
    const { address, width, height } = painting;
    const data = core.array(Uint8Array, address, width * height * COLORS).slice();
    return resized({ data, width, height }, photo.width, photo.height);
  } finally {
    for (const each of [painting, picture]) if (each) core.free(each.address);
  }
}

/** Mix the enlarged painting of the pass before into a picture, if there is one, and the grain. */
function mix(core, picture, painting, share, grain) {
  const tables = { grain };
  if (painting) {
    [tables.row_table, tables.row_share] = between(picture.height, painting.height);
    [tables.column_table, tables.column_share] = between(picture.width, painting.width);
  }
  const placed = Object.entries(tables).map(([name, table]) => [name, core.place(table)]);
  const task = core.structures("Mix", [
    {
      ...Object.fromEntries(placed),
      photo: picture.address,
      painting: painting?.address ?? 0,
      width: picture.width,
      painting_width: painting?.width ?? 0,
      share,
      period: Math.sqrt(grain.length),
      target: picture.address,
    },
  ]);
  const failed = core.exports.artlives_mix(task, 0n, BigInt(picture.height), 0);
  for (const address of [task, ...placed.map(([, address]) => address)]) core.free(address);
  if (failed) throw new RangeError("no memory");
}

/** For each of `large` pixels along an axis, which of `small` ones it lies at or after, and how far in 1/64. */
function between(large, small) {
  const first = new BigInt64Array(large);
  const share = new BigInt64Array(large);
  for (let i = 0; i < large; i++) {
    const exact = Math.floor(((2 * i + 1) * small * 64 + large) / (2 * large)) - 32;
    const position = Math.min(Math.max(exact, 0), (small - 1) * 64);
    first[i] = BigInt(Math.floor(position / 64));
    share[i] = BigInt(position % 64);
  }
  return [first, share];
}
