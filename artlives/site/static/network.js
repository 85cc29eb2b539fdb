// A style's network on the C core: each step reads its input normalized, convolves it, and writes its output once.
//
// It does what `artlives.engines.compiled` does for Python; the steps are those that `artlives.site.network` wrote.

import { FLOAT32, UINT8 } from "./core.js";

export class Network {
  /** `steps` are the network's plan; `weights` a Float32Array with those of all steps, in their order. */
  constructor(core, { steps, reduction, gain, grey, range, epsilon }, weights) {
    Object.assign(this, { core, reduction, gain, grey, range, epsilon });
    this.owned = [];
    let at = 0;
    const take = (count) => weights.subarray(at, (at += count));
    this.steps = steps.map((step) => this.#prepared(step, take));
  }

  /** The step with its weights in the core's memory. */
  #prepared(step, take) {
    const phases = step.phases.map(({ values, ...phase }) => {
      const taps = take(values);
      return { ...phase, weight: this.#own(step.unit.winograd ? transformed(taps, step.planes) : taps) };
    });
    const { outputs } = step.unit;
    const bias = new Float32Array(Math.ceil(outputs / this.core.lanes) * this.core.lanes);
    if (!step.normalized) bias.set(take(outputs));
    return {
      ...step,
      unit: { ...step.unit, phases: this.#ownStructures(phases), phase_count: phases.length, bias: this.#own(bias) },
      ...(step.normalized && { gamma: take(outputs), beta: take(outputs) }),
    };
  }

  #own(array) {
    const address = this.core.place(array);
    this.owned.push(address);
    return address;
  }

  #ownStructures(phases) {
    const address = this.core.structures("Phase", phases);
    this.owned.push(address);
    return address;
  }

  /** Give the weights' memory back. */
  close() {
    this.owned.forEach((address) => this.core.free(address));
  }

  /**
   * Paint a picture of `height` x `width` pixels of three bytes at an address, in place. `between()` is awaited between
   * two steps; what it throws ends the work.
   */
  async paint(picture, height, width, between) {
    const painting = new Painting(this, picture, height, width);
    try {
      for (const step of this.steps) {
        painting.take(step);
        await between();
      }
    } finally {
      painting.close();
    }
  }
}

/** One picture on its way through a network. */
class Painting {
  constructor(network, picture, height, width) {
    this.core = network.core;
    this.network = network;
    this.picture = { address: picture, sides: [height, width] };
    this.padded = [height, width].map((side) => Math.ceil(side / network.reduction) * network.reduction);
    this.held = new Set();
    this.kept = new Map(); // by the index of the step that read it
    const scale = new Float32Array(3).fill(1 / network.range);
    const shift = new Float32Array(3).fill(-network.grey / network.range);
    this.reading = { source: picture, source_type: UINT8, scale: this.#place(scale), shift: this.#place(shift) };
    this.index = 0;
  }

  /** The next step. */
  take(step) {
    const isFirst = this.index === 0;
    const size = step.normalized ? this.#sides(step.scale) : this.picture.sides;
    const values = size[0] * size[1] * step.unit.outputs;
    const target = step.normalized ? this.#allocate(4 * values) : this.picture.address;
    const sourceSides = this.#sides(step.source_scale);
    const sourceValues = sourceSides[0] * sourceSides[1] * step.unit.channels;
    const kept = step.kept ? this.#allocate(4 * sourceValues) : 0;
    if (kept) this.kept.set(this.index, kept);
    const [row_table, column_table] = [0, 1].map((axis) => this.#place(this.#table(step, axis, size, isFirst)));
    const totals = this.#run(step, size, {
      ...this.reading,
      source_width: isFirst ? this.picture.sides[1] : sourceSides[1],
      row_table,
      column_table,
      ...(kept && { kept, pad_top: step.before, pad_left: step.before }),
      target,
      target_type: step.normalized ? FLOAT32 : UINT8,
    });
    const { source, residual, scale, shift } = this.reading;
    for (const address of [row_table, column_table, scale, shift, residual, isFirst ? 0 : source]) this.#free(address);
    if (step.normalized) this.#readNext(step, target, totals, size[0] * size[1]);
    this.index++;
  }

  /** Convolve; the sums and the sums of squares of each output channel. */
  #run(step, [height, width], fields) {
    const { core, network } = this;
    const { outputs, up_rows } = step.unit;
    const padded = Math.ceil(outputs / core.lanes) * core.lanes;
    const unit = core.structures("Unit", [
      {
        ...step.unit,
        ...fields,
        gain: step.normalized ? 1 : network.gain,
        offset: step.normalized ? 0 : network.grey,
        output_rows: height,
        output_width: width,
      },
    ]);
    const totals = core.allocate(2 * padded * 8);
    try {
      if (core.run(unit, 0n, BigInt(Math.ceil(height / up_rows)), totals)) throw new RangeError("no memory");
      const sums = core.array(Float64Array, totals, 2 * padded);
      return [sums.slice(0, outputs), sums.slice(padded, padded + outputs)];
    } finally {
      core.free(unit);
      core.free(totals);
    }
  }

  /** Let the next step read this one's output normalized: (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
  #readNext(step, output, [sums, squares], pixels) {
    const scale = new Float32Array(sums.length);
    const shift = new Float32Array(sums.length);
    sums.forEach((sum, i) => {
      const mean = sum / pixels;
      const variance = Math.max(squares[i] / pixels - mean ** 2, 0);
      const factor = step.gamma[i] / Math.sqrt(variance + this.network.epsilon);
      scale[i] = factor;
      shift[i] = step.beta[i] - mean * factor;
    });
    this.reading = {
      source: output,
      source_type: FLOAT32,
      scale: this.#place(scale),
      shift: this.#place(shift),
      relu: step.relu,
      residual: step.adds === null ? 0 : this.kept.get(step.adds),
    };
  }

  /** Sides of what `scale`, [pixels, per pixels], of the padded picture's stand for one of. */
  #sides([down, up]) {
    return this.padded.map((side) => (side * up) / down);
  }

  /** For each row (axis 0) or column (1) of the padded input the one that it repeats; -1 stands for zeros. */
  #table(step, axis, size, isFirst) {
    const [strides, ups] = [
      [step.unit.stride_rows, step.unit.stride_columns],
      [step.unit.up_rows, step.unit.up_columns],
    ];
    const side = this.#sides(step.source_scale)[axis];
    const reach = (Math.ceil(size[axis] / ups[axis]) - 1) * strides[axis] + step.span[axis];
    const table = new BigInt64Array(Math.max(reach, step.before + side + step.after));
    for (let i = 0; i < table.length; i++) {
      const at = i - step.before;
      let row = at < -step.reflected || at >= side + step.reflected || at >= side + step.after ? -1 : mirrored(at, side);
      // The picture is itself padded, to a multiple of what the network reduces it by.
      if (isFirst && row >= 0) row = mirrored(row, this.picture.sides[axis]);
      table[i] = BigInt(row);
    }
    return table;
  }

  #allocate(bytes) {
    const address = this.core.allocate(bytes);
    this.held.add(address);
    return address;
  }

  #place(array) {
    const address = this.core.place(array);
    this.held.add(address);
    return address;
  }

  #free(address) {
    if (this.held.delete(address)) this.core.free(address);
  }

  close() {
    for (const address of this.held) this.core.free(address);
  }
}

/** The pixel that lies at `at` of so many, reflected at both ends. */
const mirrored = (at, side) => side - 1 - Math.abs(side - 1 - Math.abs(at));

/**
 * Kernels of 3 x 3 as the sixteen matrices of Winograd's F(2 x 2, 3 x 3): G w G^T (Lavin and Gray 2016, equation 8).
 * They come in blocks of nine planes; `planes` are the values of a plane of each block.
 */
function transformed(taps, planes) {
  const along = (a, b, c) => [a, (a + b + c) / 2, (a - b + c) / 2, c];
  const result = new Float32Array((taps.length / 9) * 16);
  let from = 0;
  let to = 0;
  for (const count of planes) {
    for (let i = 0; i < count; i++) {
      const tap = (row, column) => taps[from + (3 * row + column) * count + i];
      const columns = [0, 1, 2].map((column) => along(tap(0, column), tap(1, column), tap(2, column)));
      for (let row = 0; row < 4; row++) {
        const values = along(columns[0][row], columns[1][row], columns[2][row]);
        for (let column = 0; column < 4; column++) result[to + (4 * row + column) * count + i] = values[column];
      }
    }
    from += 9 * count;
    to += 16 * count;
  }
  return result;
}
