// Pictures at another size, bit for bit as Pillow makes them: Lanczos's filter in fixed-point arithmetic.

const LOBES = 3;
const BITS = 22; // of a weight's fraction: what 32 bits leave beside a pixel's eight and two for sums beyond 255
const COLORS = 3;

/**
 * A picture {data, width, height} of three bytes a pixel at another size. Where it is `quick`, it is first reduced by a
 * whole number, by the mean of its pixels.
 */
export function resized(picture, width, height, quick = false) {
  let [right, bottom] = [picture.width, picture.height]; // of what is shown, in pixels of the reduced picture
  if (right === width && bottom === height) return picture;
  const factors = quick ? [Math.floor(right / width) || 1, Math.floor(bottom / height) || 1] : [1, 1];
  if (Math.max(...factors) > 1) picture = reduced(picture, ...factors);
  [right, bottom] = [right / factors[0], bottom / factors[1]].map(Math.fround); // in fp32, as Pillow takes them
  const { width: oldWidth, height: oldHeight } = picture;
  const passes = [];
  if (width !== oldWidth || right !== oldWidth) passes.push([across, filters(oldWidth, right, width)]);
  if (height !== oldHeight || bottom !== oldHeight) passes.push([down, filters(oldHeight, bottom, height)]);
  // Pillow 13 takes the rows first where their number falls by more than twice as much.
  if (oldHeight > height && oldHeight - height > 2 * (oldWidth - width)) passes.reverse();
  for (const [pass, filter] of passes) picture = pass(picture, filter);
  return picture;
}

/** The means of blocks of so many pixels; those at the right and at the bottom may be smaller. */
function reduced({ data, width, height }, columns, rows) {
  const [newWidth, newHeight] = [Math.ceil(width / columns), Math.ceil(height / rows)];
  const result = new Uint8Array(newWidth * newHeight * COLORS);
  for (let y = 0; y < newHeight; y++) {
    const bottom = Math.min(height, (y + 1) * rows);
    for (let x = 0; x < newWidth; x++) {
      const right = Math.min(width, (x + 1) * columns);
      const count = (bottom - y * rows) * (right - x * columns);
      const reciprocal = Math.floor(Math.fround(2 ** 24 / count)); // Pillow's, in fp32
      for (let k = 0; k < COLORS; k++) {
        let sum = Math.floor(count / 2);
        for (let row = y * rows; row < bottom; row++) {
          for (let column = x * columns; column < right; column++) sum += data[(row * width + column) * COLORS + k];
        }
        result[(y * newWidth + x) * COLORS + k] = Math.floor((sum * reciprocal) / 2 ** 24);
      }
    }
  }
  return { data: result, width: newWidth, height: newHeight };
}

/** For each of `count` pixels along an axis, the first of the `size` pixels it is made of, and their weights. */
function filters(size, shown, count) {
  const scale = shown / count;
  const stretch = Math.max(scale, 1);
  const reach = LOBES * stretch;
  return Array.from({ length: count }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(size, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: last - first }, (_, j) => lanczos((j + first - centre + 0.5) / stretch));
    const sum = weights.reduce((a, b) => a + b);
    const fixed = weights.map((weight) => Math.trunc((weight / sum) * 2 ** BITS + (weight < 0 ? -0.5 : 0.5)));
    return { first, weights: Int32Array.from(fixed) };
  });
}

function lanczos(x) {
  return Math.abs(x) < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function across({ data, width, height }, filters) {
  const result = new Uint8ClampedArray(filters.length * height * COLORS);
  filters.forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      const from = (y * width + first) * COLORS;
      sum(data, from, COLORS, weights, result, (y * filters.length + x) * COLORS, COLORS);
    }
  });
  return { data: result, width: filters.length, height };
}

function down({ data, width }, filters) {
  const line = width * COLORS;
  const result = new Uint8ClampedArray(filters.length * line);
  filters.forEach(({ first, weights }, y) => sum(data, first * line, line, weights, result, y * line, line));
  return { data: result, width, height: filters.length };
}

/** `count` sums of values that lie `apart`, each times its weight, to `target`. */
function sum(data, from, apart, weights, target, to, count) {
  for (let i = 0; i < count; i++) {
    let total = 1 << (BITS - 1);
    for (let j = 0; j < weights.length; j++) total += data[from + i + j * apart] * weights[j];
    target[to + i] = total >> BITS;
  }
}
