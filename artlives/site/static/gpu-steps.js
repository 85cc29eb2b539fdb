// A network's steps as the GPU takes them: channels in quads, and weights in the order in which its kernels read them.
//
// Kernels of 3 x 3 are convolved directly. Winograd's algorithm, which the core takes, multiplies less, but would hold four
// times as many values a pixel in workgroup memory, which is what bounds the tiles here.

const QUAD = 4; // channels
const MOST_QUADS = 6; // of a workgroup's output: more would share its input, but leave small pictures few workgroups

/** How many quads hold so many channels. */
export const quadsOf = (channels) => Math.ceil(channels / QUAD);

/**
 * A step of styles.json for the GPU; `before` is the one whose output it reads, or undefined, and `take(count)` gives the
 * next weights. Added or other than there are
 * - quads, outputQuads: of its input and its output;
 * - kernel, stride, up: [vertical, horizontal]; a site of the kernel gives a square of `up` pixels, one in each phase;
 * - places: of each phase, row and column of site (0, 0)'s first tap in the input, and of its pixel in the square;
 * - tiling: the sites, [rows, columns], and the output quads that a workgroup computes;
 * - isFirst: whether it reads the picture;
 * - rectified, residual: else, what its input is before it is convolved; the latter is the step whose input is added;
 * - taps, vectors: its weights; the latter are gamma and beta of each output quad in turn, or the bias.
 */
export function described(step, before, take) {
  const { unit } = step;
  const together = unit.winograd ? 2 : 1; // pixels a side that Winograd's algorithm gives at once
  const outputs = unit.outputs / (unit.columns_as_channels || 1);
  const phases = step.phases.map(({ rows, columns, ...phase }) => ({
    ...phase,
    rows: rows + 1 - together,
    columns: columns + 1 - together,
  }));
  const [rows, columns] = ["rows", "columns"].map((side) => Math.max(...phases.map((phase) => phase[side])));
  const found = {
    ...step,
    phases,
    quads: quadsOf(unit.channels),
    outputQuads: quadsOf(outputs),
    kernel: [rows, unit.columns_as_channels || columns],
    stride: [unit.stride_rows / together, unit.stride_columns / together],
    up: [unit.up_rows / together, unit.up_columns / together],
    places: phases.flatMap(({ row, column, top, left }) => [row - step.before, column - step.before, top, left]),
    tiling: tiling(quadsOf(outputs)),
    isFirst: !before,
    rectified: before?.relu,
    residual: before?.adds ?? null,
  };
  const taps = packed(found, outputs, take);
  const vectors = step.normalized ? [take(outputs), take(outputs)] : [take(unit.outputs).subarray(0, outputs)];
  return { ...found, taps, vectors: interleaved(vectors) };
}

function tiling(outputQuads) {
  let quads = Math.min(outputQuads, MOST_QUADS);
  while (outputQuads % quads) quads--;
  // Few quads leave few invocations: a larger tile makes up for them.
  return { tile: quads < 4 ? [16, 32] : [8, 16], block: quads };
}

/**
 * The taps as (phases, blocks of output quads, quads, rows, columns, channels of the quad, quads of the block, channels
 * of the output quad), of those in styles.json: (phases, blocks of output channels, rows, columns, channels, channels of
 * the block). Where columns of the kernel are output channels there, they become columns again.
 */
function packed({ unit, planes, phases, kernel, quads, outputQuads, tiling: { block } }, outputs, take) {
  const [rows, columns] = kernel;
  const result = new Float32Array(phases.length * outputQuads * quads * rows * columns * QUAD * QUAD);
  const place = (phase, output, channel, row, column) => {
    const [quad, outputQuad] = [channel, output].map((index) => Math.floor(index / QUAD));
    let at = phase * (outputQuads / block) + Math.floor(outputQuad / block);
    at = ((at * quads + quad) * rows + row) * columns + column;
    return ((at * QUAD + (channel % QUAD)) * block + (outputQuad % block)) * QUAD + (output % QUAD);
  };
  phases.forEach((phase, index) => {
    const taps = take(phase.values);
    let from = 0;
    let first = 0; // output channel of the block
    for (const plane of planes) {
      const width = plane / unit.channels;
      const count = Math.min(width, unit.outputs - first);
      for (let row = 0; row < phase.rows; row++) {
        for (let column = 0; column < phase.columns; column++) {
          for (let channel = 0; channel < unit.channels; channel++, from += width) {
            for (let i = 0; i < count; i++) {
              const output = (first + i) % outputs;
              const aside = Math.floor((first + i) / outputs);
              result[place(index, output, channel, row, column + aside)] = taps[from + i];
            }
          }
        }
      }
      first += width;
    }
  });
  return result;
}

/** Vectors of a value for each channel, quad by quad in turn. */
function interleaved(vectors) {
  const quads = quadsOf(vectors[0].length);
  const result = new Float32Array(quads * vectors.length * QUAD);
  vectors.forEach((vector, k) =>
    vector.forEach((value, i) => (result[(Math.floor(i / QUAD) * vectors.length + k) * QUAD + (i % QUAD)] = value)),
  );
  return result;
}
