// A style's network on the visitor's GPU, by WebGPU: the steps of network.js, from the same weights.
//
// All steps of a picture are queued, and none is waited for: the normalization is computed on the GPU as well.

import { convolution, normalization } from "./gpu-kernels.js";
import { described, quadsOf } from "./gpu-steps.js";

const VECTOR = 16; // bytes of a quad's values for a pixel
const MOMENTS = 48; // bytes of a quad's moments
const SAMPLE = 40; // pixels a side
const ROUNDING = 2; // of 255, by which paintings in fp32 differ at most
const ERRORS = ["validation", "out-of-memory", "internal"];
const MOST_IDLE = 64e6; // bytes that stay taken for a next picture of the same size; a live frame of 640 x 480 takes 53 MB

/** A GPU and the kernels that were compiled for it. */
export class Gpu {
  /** Use `Gpu.find` or `Gpu.open`. */
  constructor(device) {
    this.device = device;
    this.pipelines = new Map(); // promises, by their code
    this.plan = null; // of the last picture
  }

  /** The visitor's GPU; null where there is none, or one in software, which is slower than WebAssembly. */
  static async find() {
    try {
      const adapter = await navigator.gpu.requestAdapter();
      return adapter.info.isFallbackAdapter ? null : await Gpu.open(adapter);
    } catch {
      return null;
    }
  }

  /** The GPU of an adapter, with buffers as large as it offers them. */
  static async open(adapter) {
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    return new Gpu(await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } }));
  }

  /** Whether the largest buffer of a network, for a picture of that size, is not too large. */
  holds({ steps, reduction }, width, height) {
    const pixels = multiple(width, reduction) * multiple(height, reduction);
    const vectors = steps.map(({ unit, scale: [down, up] }) => quadsOf(unit.outputs) * (up / down) ** 2 * pixels);
    return Math.max(...vectors) * VECTOR <= this.device.limits.maxStorageBufferBindingSize;
  }

  pipeline({ code }) {
    if (!this.pipelines.has(code)) {
      const module = this.device.createShaderModule({ code });
      this.pipelines.set(code, this.device.createComputePipelineAsync({ layout: "auto", compute: { module } }));
    }
    return this.pipelines.get(code);
  }

  buffer(bytes, usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST) {
    return this.device.createBuffer({ size: bytes, usage });
  }

  /** A buffer with a typed array's content. */
  filled(array, usage) {
    const buffer = this.buffer(array.byteLength, usage);
    this.device.queue.writeBuffer(buffer, 0, array);
    return buffer;
  }

  /** Give the memory of the last picture's plan back. */
  forget() {
    this.plan?.close();
    this.plan = null;
  }

  /** What `work()` returns. Throws what the GPU could not do meanwhile. */
  async checked(work) {
    for (const kind of ERRORS) this.device.pushErrorScope(kind);
    try {
      return await work();
    } finally {
      const errors = await Promise.all(ERRORS.map(() => this.device.popErrorScope()));
      const error = errors.find(Boolean);
      if (error) throw new Error(error.message);
    }
  }
}

/** As `Network` in network.js, on a GPU. */
export class GpuNetwork {
  constructor(gpu, core, { steps, reduction, ...constants }, weights) {
    Object.assign(this, { gpu, core, reduction });
    this.normalization = normalization(constants.epsilon);
    let at = 0;
    const take = (count) => weights.subarray(at, (at += count));
    this.steps = steps.map((each, i) => {
      const { taps, vectors, ...step } = described(each, steps[i - 1], take);
      const kernel = convolution(step, constants);
      return { ...step, convolution: kernel, weights: gpu.filled(taps), vectors: gpu.filled(vectors) };
    });
  }

  /** Give the GPU's memory back. */
  close() {
    if (this.gpu.plan?.network === this) this.gpu.forget();
    for (const { weights, vectors } of this.steps) [weights, vectors].forEach((buffer) => buffer.destroy());
  }

  /** As in network.js. What it throws, but for what `between()` does, means that the GPU cannot go on. */
  paint(picture, height, width, between) {
    return this.gpu.checked(async () => {
      const plan = await this.#planFor(height, width);
      try {
        // The core's arrays have room for whole words.
        plan.write(this.core.array(Uint8Array, picture, plan.picture.size));
        for (const commands of plan.steps) {
          plan.run(commands);
          await between();
        }
        const pixels = await plan.read();
        const target = this.core.array(Uint8Array, picture, 3 * height * width);
        for (let i = 0, j = 0; i < target.length; j++) {
          for (let k = 0; k < 3; k++) target[i++] = pixels[j++];
        }
        plan.copy.unmap();
      } finally {
        if (plan.bytes > MOST_IDLE) this.gpu.forget();
      }
    });
  }

  async #planFor(height, width) {
    const { gpu } = this;
    const { plan } = gpu;
    if (plan?.network === this && plan.height === height && plan.width === width) return plan;
    gpu.forget();
    const kernels = [this.normalization, ...this.steps.map((step) => step.convolution)];
    const pipelines = await Promise.all(kernels.map((kernel) => gpu.pipeline(kernel)));
    return (gpu.plan = new Plan(this, pipelines, height, width));
  }
}

/**
 * Why a network on the GPU cannot be used; null if it paints as the same one by WebAssembly does. A GPU's driver may
 * compile the kernels wrongly.
 */
export async function reasonAgainst(core, onGpu, byCore) {
  const sample = Uint8Array.from({ length: 3 * SAMPLE ** 2 }, (_, i) => (i % (3 * SAMPLE)) + (i ** 2 % 131));
  const paintings = [];
  for (const network of [onGpu, byCore]) {
    const address = core.place(sample);
    try {
      await network.paint(address, SAMPLE, SAMPLE, () => {});
      paintings.push(core.array(Uint8Array, address, sample.length).slice());
    } catch (error) {
      return error.message;
    } finally {
      core.free(address);
    }
  }
  const [one, other] = paintings;
  const isSame = one.every((value, i) => Math.abs(value - other[i]) <= ROUNDING);
  return isSame ? null : "the GPU computes something else";
}

/** The buffers and the commands for pictures of one size. */
class Plan {
  constructor(network, [normalizing, ...convolving], height, width) {
    Object.assign(this, { network, gpu: network.gpu, height, width, bytes: 0, owned: [] });
    this.padded = [height, width].map((side) => multiple(side, network.reduction));
    this.free = new Map(); // buffers that no later step reads, by their bytes
    this.picture = this.#take(multiple(3 * height * width, 4));
    this.painting = this.#take(4 * height * width);
    this.copy = this.#own(this.gpu.buffer(this.painting.size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ));
    this.kept = new Map(); // by the index of the step that read it
    this.reading = { source: this.picture };
    this.steps = network.steps.map((step, i) => this.#commands(step, i, convolving[i], normalizing));
  }

  /** What is run for a step: [{pipeline, group, workgroups}]. */
  #commands(step, index, convolving, normalizing) {
    const source = this.#sides(step.source_scale);
    const output = step.normalized ? this.#sides(step.scale) : [this.height, this.width];
    const sites = output.map((side, axis) => Math.ceil(side / step.up[axis]));
    const { tile, block } = step.tiling;
    const [rows, columns] = sites.map((side, axis) => Math.ceil(side / tile[axis]));
    const sizes = [...source, ...output, this.height, this.width, step.reflected, step.quads, ...step.places];
    const buffers = {
      ...this.reading,
      residual: this.kept.get(step.residual),
      sizes: this.#own(this.gpu.filled(Int32Array.from(sizes), GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)),
      weights: step.weights,
    };
    if (step.kept) this.kept.set(index, (buffers.kept = this.#take(step.quads * source[0] * source[1] * VECTOR)));
    const workgroups = [columns, rows, (step.phases.length * step.outputQuads) / block];
    if (!step.normalized) {
      const all = { ...buffers, bias: step.vectors, painting: this.painting };
      return [this.#command(convolving, step.convolution, all, workgroups)];
    }
    Object.assign(buffers, {
      vectors: step.vectors,
      output: this.#take(step.outputQuads * output[0] * output[1] * VECTOR),
      moments: this.#take(step.outputQuads * step.phases.length * rows * columns * MOMENTS),
    });
    const normalization = this.#take(2 * step.outputQuads * VECTOR);
    const commands = [
      this.#command(convolving, step.convolution, buffers, workgroups),
      this.#command(normalizing, this.network.normalization, { ...buffers, normalization }, [step.outputQuads]),
    ];
    this.#give(buffers.source, buffers.normalization, buffers.residual, buffers.moments);
    this.reading = { source: buffers.output, normalization };
    return commands;
  }

  #command(pipeline, { names }, buffers, workgroups) {
    const entries = names.map((name, binding) => ({ binding, resource: { buffer: buffers[name] } }));
    const group = this.gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, group, workgroups };
  }

  /** Sides of what `scale`, [pixels, per pixels], of the padded picture's stand for one of. */
  #sides([down, up]) {
    return this.padded.map((side) => (side * up) / down);
  }

  /** A buffer of so many bytes: one that was given back, or another. */
  #take(bytes) {
    return this.free.get(bytes)?.pop() ?? this.#own(this.gpu.buffer(bytes));
  }

  #give(...buffers) {
    for (const buffer of buffers.filter(Boolean)) {
      if (!this.free.has(buffer.size)) this.free.set(buffer.size, []);
      this.free.get(buffer.size).push(buffer);
    }
  }

  #own(buffer) {
    this.owned.push(buffer);
    this.bytes += buffer.size;
    return buffer;
  }

  write(bytes) {
    this.gpu.device.queue.writeBuffer(this.picture, 0, bytes);
  }

  /** Queue the commands of a step. */
  run(commands) {
    const encoder = this.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of commands) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  /** The painting, when it is ready: four bytes a pixel, until `copy` is unmapped. */
  async read() {
    const encoder = this.gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.painting, 0, this.copy, 0, this.copy.size);
    this.gpu.device.queue.submit([encoder.finish()]);
    await this.copy.mapAsync(GPUMapMode.READ);
    return new Uint8Array(this.copy.getMappedRange());
  }

  close() {
    for (const buffer of this.owned) buffer.destroy();
  }
}

/** The least multiple of `factor` that is no smaller. */
const multiple = (number, factor) => Math.ceil(number / factor) * factor;
