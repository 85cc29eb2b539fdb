// A photo and its painting blended: how strong the painting is, and whose colours are taken; see `artlives.blend`.

const COLORS = 3;

/** Turn `painting` into what is asked for; it and the photo are arrays of three bytes a pixel. */
export function blend(photo, painting, strength, keepsColors, { luma, most_contrast: mostContrast }) {
  const luminance = (data, i) => luma[0] * data[i] + luma[1] * data[i + 1] + luma[2] * data[i + 2];
  const [scale, offset] = keepsColors
    ? tone(moments(photo, luminance), moments(painting, luminance), mostContrast)
    : [1, 0];
  for (let i = 0; i < photo.length; i += COLORS) {
    const before = [photo[i], photo[i + 1], photo[i + 2]];
    let after = [painting[i], painting[i + 1], painting[i + 2]];
    if (keepsColors) {
      const bright = Math.min(255, Math.max(0, luminance(painting, i) * scale + offset));
      after = withColors(before, luminance(photo, i), bright);
    }
    before.forEach((value, k) => (painting[i + k] = Math.round(value + (after[k] - value) * strength)));
  }
}

/** The scale and the offset that give a painting's luminance the photo's mean and, if it has less, its contrast. */
function tone(photo, painting, mostContrast) {
  const contrast = painting.variance > 0 ? Math.sqrt(photo.variance / painting.variance) : 1;
  const scale = Math.min(Math.max(1, contrast), mostContrast);
  return [scale, photo.mean - scale * painting.mean];
}

function moments(data, luminance) {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < data.length; i += COLORS) {
    const value = luminance(data, i);
    sum += value;
    squares += value ** 2;
  }
  const count = data.length / COLORS;
  const mean = sum / count;
  return { mean, variance: Math.max(squares / count - mean ** 2, 0) };
}

/** A colour at another luminance. Where it does not exist there, its saturation gives way, not its hue. */
function withColors(color, own, luminance) {
  const chroma = color.map((value) => value - own);
  const fits = chroma.map((value) => (value > 0 ? 255 - luminance : luminance) / Math.max(Math.abs(value), 1e-3));
  const saturation = Math.min(1, Math.max(0, Math.min(...fits)));
  return chroma.map((value) => luminance + value * saturation);
}
