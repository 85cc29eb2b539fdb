// The kernels of a network's steps in WGSL: a convolution, and what normalizes its output.
//
// Channels lie in quads: an output is (channels / 4, rows, columns) of vec4f, so that neighbouring invocations read and
// write neighbouring addresses. The limits are those that WebGPU gives everywhere.

const WORKGROUP_MEMORY = 16384; // bytes
// Sites of an invocation, one below the other. For each tap and quad it reads 8 vectors of the input and 4 of the
// weights, which neighbours read as well, from workgroup memory, for 128 multiply-adds: 0.67 a byte.
const SITES = 8;
const MERGERS = 64; // invocations that add up a quad's moments

/**
 * The convolution of a step as `described` in gpu-steps.js gives it, as {code, names}: the names of its buffers, in the
 * order of their bindings.
 *
 * A workgroup computes a tile of sites for some output quads. It goes through the input quads: the tile of the input,
 * normalized, and the taps are copied to workgroup memory, and each invocation adds up one output quad of `SITES` sites.
 */
export function convolution(step, constants) {
  const { tile, block } = step.tiling;
  const [rows, columns] = step.kernel;
  const isLast = !step.normalized;
  const hasResidual = step.residual !== null;
  const input = [0, 1].map((axis) => (tile[axis] - 1) * step.stride[axis] + step.kernel[axis]);
  const invocations = (tile[0] / SITES) * tile[1] * block;
  const inputs = Math.max(input[0] * input[1], invocations);
  const fits = 16 * (inputs + rows * columns * 4 * block) + 4 * invocations <= WORKGROUP_MEMORY;
  const staged = fits ? rows : 1;
  const names = [
    "sizes",
    "source",
    ...(step.isFirst ? [] : ["normalization"]),
    ...(hasResidual ? ["residual"] : []),
    ...(step.kept ? ["kept"] : []),
    "weights",
    ...(isLast ? ["bias", "painting"] : ["output", "moments"]),
  ];
  const numbers = {
    ROWS: rows,
    COLUMNS: columns,
    STRIDE: vector(step.stride),
    UP: vector(step.up),
    TILE: vector(tile),
    INPUT: vector(input),
    STAGED: staged, // rows of taps in workgroup memory
    SITES,
    BLOCK: block, // output quads of a workgroup
    PHASES: step.phases.length,
    INVOCATIONS: invocations,
  };
  const code = `
${Object.entries(numbers).map(([name, value]) => `const ${name} = ${value};`).join("\n")}
${declarations(names, step)}
var<workgroup> inputs: array<vec4f, ${inputs}>;
var<workgroup> taps: array<vec4f, ${Math.max(staged * columns * 4 * block, invocations)}>;
var<workgroup> counts: array<f32, INVOCATIONS>;
${isLast ? "" : MOMENTS}
${step.isFirst ? ofPicture(constants) : ofOutput(step, hasResidual)}
${PADDED}
${convolving(step.kept ? KEEPING : "", isLast ? painting(constants) : WRITING)}`;
  return { code, names };
}

/**
 * The scale and the shift that normalize an output: (x - mean) / sqrt(variance + epsilon) * gamma + beta. There is a
 * workgroup for each quad.
 */
export const normalization = (epsilon) => ({
  names: ["moments", "vectors", "normalization"],
  code: `
${MOMENTS}
${declaration("moments", 0, "read, array<Moments>")}
${declaration("vectors", 1, "read, array<vec4f>")}
${declaration("normalization", 2, "read_write, array<vec4f>")}
var<workgroup> parts: array<Moments, ${MERGERS}>;

@compute @workgroup_size(${MERGERS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) index: u32) {
  let quad = group.x;
  let count = arrayLength(&moments) / groups.x;
  var own = Moments();
  for (var i = index; i < count; i += ${MERGERS}) {
    own = merged(own, moments[quad * count + i]);
  }
  parts[index] = own;
  for (var half = ${MERGERS / 2}u; half > 0; half /= 2) {
    workgroupBarrier();
    if (index < half) {
      parts[index] = merged(parts[index], parts[index + half]);
    }
  }
  if (index == 0) {
    let whole = parts[0];
    let scale = vectors[2 * quad] / sqrt(whole.squares / whole.count + ${epsilon});
    normalization[2 * quad] = scale;
    normalization[2 * quad + 1] = vectors[2 * quad + 1] - whole.mean * scale;
  }
}`,
});

/** What an invocation does; `keeping` follows each value that it reads, and `writing` its sums. */
const convolving = (keeping, writing) => `
@compute @workgroup_size(TILE.y, TILE.x / SITES, BLOCK)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) own: vec3u, @builtin(local_invocation_index) index: u32) {
  let blocks = i32(groups.z) / PHASES;
  let block = i32(group.z) % blocks;
  let phase = i32(group.z) / blocks;
  let place = sizes.phases[phase];
  let first = vec2i(group.yx) * TILE; // site of the tile
  let corner = first * STRIDE + place.xy; // of the tile's input, in the source
  let row = i32(own.y) * SITES;
  let column = i32(own.x);
  ${each((i) => `var sum${i} = vec4f();`)}
  for (var quad = 0; quad < sizes.quads; quad++) {
    for (var staged = 0; staged < ROWS; staged += STAGED) {
      workgroupBarrier();
      if (staged == 0) {
        for (var i = i32(index); i < INPUT.x * INPUT.y; i += INVOCATIONS) {
          let at = corner + vec2i(i / INPUT.y, i % INPUT.y);
          let value = padded(at, quad);
          inputs[i] = value;
          ${keeping}
        }
      }
      let start = ((i32(group.z) * sizes.quads + quad) * ROWS + staged) * COLUMNS * 4 * BLOCK;
      for (var i = i32(index); i < STAGED * COLUMNS * 4 * BLOCK; i += INVOCATIONS) {
        taps[i] = weights[start + i];
      }
      workgroupBarrier();
      for (var tap = 0; tap < STAGED * COLUMNS; tap++) {
        let t = tap * 4 * BLOCK + i32(own.z);
        let kernel = mat4x4f(taps[t], taps[t + BLOCK], taps[t + 2 * BLOCK], taps[t + 3 * BLOCK]);
        let at = (row * STRIDE.x + staged + tap / COLUMNS) * INPUT.y + column * STRIDE.y + tap % COLUMNS;
        ${each((i) => `sum${i} += kernel * inputs[at + ${i} * STRIDE.x * INPUT.y];`)}
      }
    }
  }
  var sums = array(${each((i) => `sum${i},`)});
  let outputQuad = block * BLOCK + i32(own.z);
  let pixel = (first + vec2i(row, column)) * UP + place.zw; // of the first of its sites
  // Rows of its sites that lie in the output.
  let inside = select(0, min((sizes.output.x - pixel.x + UP.x - 1) / UP.x, SITES), pixel.y < sizes.output.y);
  ${writing}
}`;

const vector = ([down, across]) => `vec2i(${down}, ${across})`;

/** A statement for each of an invocation's sites. */
const each = (statement) => Array.from({ length: SITES }, (_, i) => statement(i)).join("\n  ");

const declaration = (name, binding, kind) => {
  const [access, type] = kind.split(", ");
  return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: ${type};`;
};

function declarations(names, { isFirst }) {
  const sizes = `
struct Sizes {
  source: vec2i, // rows and columns
  output: vec2i,
  picture: vec2i, // without what makes its sides multiples
  reflected: i32, // pixels around the source
  quads: i32, // of the source
  phases: array<vec4i, PHASES>, // the first tap's place, of site (0, 0), in the source; a site's pixel in its square
}
@group(0) @binding(0) var<uniform> sizes: Sizes;`;
  const types = {
    source: isFirst ? "read, array<u32>" : "read, array<vec4f>",
    kept: "read_write, array<vec4f>",
    painting: "read_write, array<u32>",
    output: "read_write, array<vec4f>",
    moments: "read_write, array<Moments>",
  };
  return sizes + names.map((name, i) => i && declaration(name, i, types[name] ?? "read, array<vec4f>")).slice(1).join("\n");
}

/** The source where it is the picture: three bytes a pixel, and reflected where its sides are no multiples. */
const ofPicture = ({ grey, range }) => `
fn byte(at: i32) -> f32 {
  return f32(extractBits(source[at / 4], 8 * u32(at % 4), 8));
}
fn unpadded(at: vec2i, quad: i32) -> vec4f {
  let pixel = mirrored(at, sizes.picture);
  if (any(pixel < vec2i())) {
    return vec4f();
  }
  let i = 3 * (pixel.x * sizes.picture.y + pixel.y);
  return vec4f((vec3f(byte(i), byte(i + 1), byte(i + 2)) - ${grey}) / ${range}, 0);
}`;

/** The source where it is the output of another step: it is normalized, activated, and a residual added. */
const ofOutput = ({ rectified }, hasResidual) => `
fn unpadded(at: vec2i, quad: i32) -> vec4f {
  let i = (quad * sizes.source.x + at.x) * sizes.source.y + at.y;
  var value = source[i] * normalization[2 * quad] + normalization[2 * quad + 1];
  ${rectified ? "value = max(value, vec4f());" : ""}
  ${hasResidual ? "value += residual[i];" : ""}
  return value;
}`;

/** The source, padded by reflection and beyond that by zeros. */
const PADDED = `
fn mirrored(at: vec2i, sides: vec2i) -> vec2i {
  return sides - 1 - abs(sides - 1 - abs(at));
}
fn padded(at: vec2i, quad: i32) -> vec4f {
  let pixel = mirrored(at, sizes.source);
  if (any(at < vec2i(-sizes.reflected)) || any(at >= sizes.source + sizes.reflected) || any(pixel < vec2i())) {
    return vec4f();
  }
  return unpadded(pixel, quad);
}`;

/** What was read is kept by the workgroups of the first block, each the pixels of its own tile. */
const KEEPING = `
          if (block == 0 && all(at >= first) && all(at < min(first + TILE, sizes.source))) {
            kept[(quad * sizes.source.x + at.x) * sizes.source.y + at.y] = value;
          }`;

/** Four channels' moments of some pixels: sums of squares are about the mean, or flat pictures would leave few digits. */
const MOMENTS = `
struct Moments {
  count: f32,
  mean: vec4f,
  squares: vec4f,
}
// Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", (2.1).
fn merged(a: Moments, b: Moments) -> Moments {
  let count = a.count + b.count;
  let share = b.count / max(count, 1);
  let apart = b.mean - a.mean;
  return Moments(count, a.mean + apart * share, a.squares + b.squares + apart * apart * (a.count * share));
}`;

/** The output, and the moments of the workgroup's pixels, merged by one invocation for each quad. */
const WRITING = `
  var whole = Moments();
  for (var i = 0; i < inside; i++) {
    output[(outputQuad * sizes.output.x + pixel.x + i * UP.x) * sizes.output.y + pixel.y] = sums[i];
    whole = merged(whole, Moments(1, sums[i], vec4f()));
  }
  workgroupBarrier();
  counts[index] = whole.count;
  inputs[index] = whole.mean;
  taps[index] = whole.squares;
  workgroupBarrier();
  if (own.x == 0 && own.y == 0) {
    for (var i = index + 1; i < index + INVOCATIONS / BLOCK; i++) {
      whole = merged(whole, Moments(counts[i], inputs[i], taps[i]));
    }
    let part = (u32(phase) * groups.y + group.y) * groups.x + group.x;
    let parts = groups.x * groups.y * PHASES;
    moments[u32(outputQuad) * parts + part] = whole;
  }`;

/** The painting, four bytes a pixel. Beyond 10, tanh is 1 in fp32; some GPUs' overflows for large numbers. */
const painting = ({ gain, grey }) => `
  for (var i = 0; i < inside; i++) {
    let value = tanh(clamp(sums[i] + bias[0], vec4f(-10), vec4f(10)));
    painting[(pixel.x + i) * sizes.output.y + pixel.y] = pack4x8unorm((value * ${gain} + ${grey}) / 255);
  }`;
