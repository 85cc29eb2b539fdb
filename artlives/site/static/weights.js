// The styles of this page: what they are called, their weights, and those of mixes.

import { Problem } from "./dom.js";

export class Styles {
  /** `all` are as in styles.json; `get(path)` is a promise of a file's ArrayBuffer. */
  constructor(all, get) {
    this.all = new Map(all.map((style) => [style.name, style]));
    this.get = get;
  }

  find(name) {
    const style = this.all.get(name);
    if (!style) throw new Problem(`There is no style ${name}.`);
    return style;
  }

  /** Grey levels of a style's or a mix's grain. */
  grain(style) {
    return shares(style).reduce((sum, [name, share]) => sum + share * this.find(name).grain, 0);
  }

  /** The weights of a style; of a mix the mean of theirs, since all descend from the same ones. */
  async weights(style) {
    let mean = null;
    for (const [name, share] of shares(style)) {
      const weights = widened(new Uint16Array(await this.get(this.find(name).file)));
      mean ??= new Float32Array(weights.length);
      for (let i = 0; i < mean.length; i++) mean[i] += weights[i] * share;
    }
    return mean;
  }
}

/** What "wave" or "wave:0.6,udnie:0.4" names, with shares that add up to 1. */
export function shares(style) {
  const parts = style.split(",").map((part) => {
    const [name, share = "1"] = part.split(":");
    return [name, Number(share)];
  });
  const total = parts.reduce((sum, [, share]) => sum + share, 0);
  return parts.map(([name, share]) => [name, share / total]);
}

/** fp16 as fp32. The exponents' biases, 127 and 15, differ by 112: multiplying by 2^112 gives the value. */
function widened(halves) {
  const bits = new Uint32Array(halves.length);
  const values = new Float32Array(bits.buffer);
  halves.forEach((half, i) => {
    bits[i] = (half & 0x7fff) << 13;
    values[i] *= 2 ** 112;
    bits[i] |= (half & 0x8000) << 16;
  });
  return values;
}
