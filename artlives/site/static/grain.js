// The grain that a photo gets before it is painted; `artlives.grain` says what it is and computes the same.

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n; // of PCG64's steps (O'Neill 2014, "PCG", section 6.3)
const MEAN = 1020; // of eight bytes' sum

const fields = new Map(); // by amplitude
let octaves = null; // their sum

/** The field of whole grey levels, an Int8Array of period x period, where each octave deviates by `amplitude`. */
export function tile(amplitude, { period, factors, deviation, state, increment }) {
  if (fields.has(amplitude)) return fields.get(amplitude);
  if (!octaves) {
    const source = new Noise(BigInt(state), BigInt(increment));
    octaves = new Int32Array(period * period);
    for (const factor of factors) add(octaves, period, source.take((period / factor) ** 2), factor);
  }
  const scale = Math.fround(amplitude / deviation);
  const field = Int8Array.from(octaves, (value) => Math.min(127, Math.max(-127, Math.round(value * scale))));
  fields.set(amplitude, field);
  return field;
}

/** NumPy's PCG64. */
class Noise {
  constructor(state, increment) {
    this.state = state;
    this.increment = increment;
  }

  /** So many whole numbers of mean 0, nearly normal: sums of eight bytes. */
  take(count) {
    return Int32Array.from({ length: count }, () => {
      this.state = BigInt.asUintN(128, this.state * MULTIPLIER + this.increment);
      const high = this.state >> 64n;
      const mixed = BigInt.asUintN(64, high ^ this.state);
      const turn = high >> 58n;
      const word = mixed >> turn | mixed << (64n - turn); // its lower 64 bits are the random ones
      return bytes(Number(BigInt.asUintN(32, word))) + bytes(Number(BigInt.asUintN(32, word >> 32n))) - MEAN;
    });
  }
}

/** The sum of a number's four bytes. */
const bytes = (word) => (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + (word >>> 24);

/** Add periodic `values`, bilinearly interpolated to `factor` times as many a side and rounded down. */
function add(field, period, values, factor) {
  const side = period / factor;
  // For each pixel along an axis: its cell, the neighbouring cell, and that one's share in parts of 2 * factor.
  const places = Array.from({ length: period }, (_, i) => {
    const cell = Math.floor(i / factor);
    const offset = 2 * (i % factor) + 1 - factor;
    return [cell, (cell + (offset > 0 ? 1 : side - 1)) % side, factor === 1 ? 0 : Math.abs(offset)];
  });
  const whole = 2 * factor;
  places.forEach(([row, otherRow, down], y) => {
    places.forEach(([column, otherColumn, across], x) => {
      const [here, there] = [column, otherColumn].map(
        (at) => values[row * side + at] * (whole - down) + values[otherRow * side + at] * down,
      );
      field[y * period + x] += Math.floor((here * (whole - across) + there * across) / whole ** 2);
    });
  });
}
