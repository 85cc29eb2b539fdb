// The C core of artlives, compiled to WebAssembly: its memory, its structures and its functions.

export const FLOAT32 = 0; // the types of arrays, as abi.h has them
export const UINT8 = 1;
const LINE = 64; // bytes of a cache line, which arrays begin with
const FLOATS = new Set(["gain", "offset"]); // of four bytes, as pointers are

export class Core {
  /** Use `Core.load`. */
  constructor(exports) {
    this.exports = exports;
    this.layouts = this.#layouts();
    const set = exports.artlives_instructions(0n);
    this.lanes = Number(this.view.getBigInt64(set + this.layouts.Instructions.lanes.offset, true));
    const run = this.view.getUint32(set + this.layouts.Instructions.run.offset, true);
    this.run = exports.__indirect_function_table.get(run);
  }

  /** The core from the bytes of core.wasm. */
  static async load(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Core(instance.exports);
  }

  /** All memory; it is another one whenever the memory has grown. */
  get view() {
    return new DataView(this.exports.memory.buffer);
  }

  /** The address of so many bytes of undefined content, aligned to a cache line. Throws a RangeError without memory. */
  allocate(bytes) {
    const address = this.exports.aligned_alloc(LINE, Math.ceil(Math.max(bytes, 1) / LINE) * LINE) >>> 0;
    if (!address) throw new RangeError("no memory");
    return address;
  }

  free(address) {
    this.exports.free(address);
  }

  /** A copy of a typed array in the core's memory. */
  place(array) {
    const address = this.allocate(array.byteLength);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    this.array(Uint8Array, address, array.byteLength).set(bytes);
    return address;
  }

  /** What lies at an address, until the memory grows. */
  array(Type, address, length) {
    return new Type(this.exports.memory.buffer, address, length);
  }

  /** The address of structures of abi.h one after the other, with these fields; others are 0. */
  structures(name, all) {
    const layout = this.layouts[name];
    const size = layout[""].size;
    const start = this.allocate(size * all.length);
    this.array(Uint8Array, start, size * all.length).fill(0);
    const { view } = this;
    all.forEach((fields, i) => {
      for (const [field, value] of Object.entries(fields)) {
        const address = start + i * size + layout[field].offset;
        if (layout[field].size === 8) view.setBigInt64(address, BigInt(value), true);
        else if (FLOATS.has(field)) view.setFloat32(address, value, true);
        else view.setUint32(address, value, true);
      }
    });
    return start;
  }

  /** {structure: {field: {offset, size}}}; the field "" is the whole structure. */
  #layouts() {
    const found = {};
    for (let i = 0n, at; (at = this.exports.artlives_abi(i)); i++) {
      const [structure, field] = [at, at + 4].map((pointer) => this.#text(this.view.getUint32(pointer, true)));
      const [offset, size] = [at + 8, at + 16].map((number) => Number(this.view.getBigInt64(number, true)));
      found[structure] ??= {};
      found[structure][field] = { offset, size };
    }
    return found;
  }

  #text(address) {
    const bytes = new Uint8Array(this.exports.memory.buffer, address);
    return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
  }
}
