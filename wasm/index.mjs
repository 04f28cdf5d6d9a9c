// The core for JavaScript: types, errors and memory around the C exports of exports.cpp. Runs in workers, pages and
// Node. Every result is copied into memory of JavaScript's own before its C++ object is freed.
import createModule from '../build/wasm/wasm/beralih_core.mjs';

const BUILT_WASM = new URL('../build/wasm/wasm/beralih_core.wasm', import.meta.url);
const BUILT_SCALAR_WASM = new URL('../build/wasm/wasm/beralih_core_scalar.wasm', import.meta.url);

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
const WITH_SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);
const NULL = 0;

/** An error of the core: `code` is one of its error codes, `message` is for people. */
class BeralihError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'CoreError';
    this.code = code;
  }
}

async function download(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new BeralihError('unavailable', `the core could not be loaded from ${url}: the network failed`, {cause});
  }
  if (!response.ok) {
    throw new BeralihError('unavailable', `the core could not be loaded from ${url}: HTTP ${response.status}`);
  }
  return response.arrayBuffer();
}

/** Whether beralih_core.wasm runs here; beralih_core_scalar.wasm, which computes the same, runs without too. */
export function supportsSimd() {
  return WebAssembly.validate(WITH_SIMD);
}

/**
 * Loads the core: from `wasmBinary` where given (Node has no other way), else from `wasmUrl`, else from where the
 * build put it, with SIMD where it runs. Both modules fit the one script.
 */
export async function loadCore({wasmBinary, wasmUrl} = {}) {
  const binary = wasmBinary ?? (await download(wasmUrl ?? (supportsSimd() ? BUILT_WASM : BUILT_SCALAR_WASM).href));
  let module;
  try {
    // What it would print on the console arrives as an exception too.
    module = await createModule({wasmBinary: binary, printErr: () => {}});
  } catch (cause) {
    throw new BeralihError('unavailable', `the core could not be started: ${cause.message}`, {cause});
  }
  return new Core(module);
}

/** Memory of the module. Its views are read anew every time: they change when the memory grows. */
class Memory {
  constructor(module) {
    this.module = module;
  }

  text(pointer) {
    const data = this.module._beralih_text_data(pointer);
    const bytes = this.module.HEAPU8.subarray(data, data + this.module._beralih_text_size(pointer));
    return new TextDecoder('utf-8', {ignoreBOM: true}).decode(bytes);
  }

  /** The text of an object that the core made for us. */
  takeText(pointer) {
    const text = this.text(this.checked(pointer));
    this.module._beralih_text_free(pointer);
    return text;
  }

  /** A copy of `size` bytes. */
  bytes(pointer, size) {
    return this.module.HEAPU8.slice(pointer, pointer + size);
  }

  /** Calls `use(pointer, size, pointer, size, …)` with copies of the inputs, and frees them again. */
  withInputs(inputs, use) {
    const pointers = [];
    try {
      const args = [];
      for (const input of inputs) {
        const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
        const pointer = this.module._malloc(Math.max(bytes.length, 1));
        if (pointer === NULL) throw new BeralihError('internal', `there is no memory for ${bytes.length} bytes of input`);
        pointers.push(pointer);
        this.module.HEAPU8.set(bytes, pointer);
        args.push(pointer, bytes.length);
      }
      return use(...args);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
      throw new BeralihError('internal', `the core stopped (${cause.message}); load it again`, {cause});
    } finally {
      for (const pointer of pointers) this.module._free(pointer);
    }
  }

  lastError() {
    return new BeralihError(this.text(this.module._beralih_error_code()), this.text(this.module._beralih_error_message()));
  }

  /** The value, unless it is the NULL or false of an export that failed. */
  checked(value) {
    if (!value) throw this.lastError();
    return value;
  }
}

function asBytes(value, name) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new BeralihError('invalid_argument', `${name}: expected a Uint8Array`);
}

/** Texts may come as they lie in a file, in UTF-8. */
function asText(value, name) {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new BeralihError('invalid_argument', `${name}: expected a string`);
}

/** 0 stands for the core's default. */
function asPixelLimit(value) {
  if (value === undefined) return 0;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new BeralihError('invalid_argument', `maxPixels: expected a whole number above 0, found ${value}`);
}

/** Runs the core on an image; `collect` makes the answer from the run and the tensor. */
function run(memory, spec, image, {maxPixels} = {}, traced, collect) {
  const bytes = asBytes(image, 'image');
  const limit = asPixelLimit(maxPixels);
  const core = memory.module;
  const run = memory.withInputs([bytes], (data, size) => core._beralih_preprocess_run(spec, data, size, limit, traced));
  memory.checked(run);
  try {
    const shape = Array.from({length: core._beralih_run_rank(run)}, (_, axis) => core._beralih_run_extent(run, axis));
    const dtype = memory.text(core._beralih_run_dtype(run));
    const tensor = memory.bytes(core._beralih_run_tensor(run), core._beralih_run_tensor_bytes(run));
    return collect(run, {
      format: memory.text(core._beralih_run_format(run)),
      width: core._beralih_run_width(run),
      height: core._beralih_run_height(run),
      shape,
      dtype,
      tensor: dtype === 'float32' ? new Float32Array(tensor.buffer) : tensor,
      timings: {
        decode: core._beralih_run_decode_ms(run),
        resize: core._beralih_run_resize_ms(run),
        normalize: core._beralih_run_normalize_ms(run),
      },
    });
  } finally {
    core._beralih_run_free(run);
  }
}

function preprocess(memory, spec, image, options) {
  const core = memory.module;
  return run(memory, spec, image, options, true, (run, result) => {
    const crop = {width: core._beralih_run_crop_width(run), height: core._beralih_run_crop_height(run)};
    return {
      ...result,
      pixelsSha256: memory.text(core._beralih_run_pixels_sha256(run)),
      cropSha256: memory.text(core._beralih_run_crop_sha256(run)),
      tensorSha256: memory.text(core._beralih_run_tensor_sha256(run)),
      crop: {...crop, rgb: memory.bytes(core._beralih_run_crop(run), crop.width * crop.height * 3)},
    };
  });
}

const tensorOnly = (memory, spec, image, options) => run(memory, spec, image, options, false, (_, result) => result);

/** A C++ object and what frees it. */
class Handle {
  #pointer;
  #free;

  constructor(memory, pointer, free) {
    this.memory = memory;
    this.#pointer = memory.checked(pointer);
    this.#free = free;
  }

  get pointer() {
    if (this.#pointer === NULL) throw new BeralihError('invalid_argument', 'it was closed already; open it again');
    return this.#pointer;
  }

  close() {
    if (this.#pointer !== NULL) this.#free(this.#pointer);
    this.#pointer = NULL;
  }
}

class Preprocessor {
  #handle;

  constructor(memory, pointer) {
    this.#handle = new Handle(memory, pointer, memory.module._beralih_spec_free);
  }

  setKnob(knob, value) {
    const {memory, pointer} = this.#handle;
    memory.withInputs([asText(knob, 'knob'), asText(value, 'value')], (...texts) =>
      memory.checked(memory.module._beralih_spec_set(pointer, ...texts)),
    );
  }

  validate() {
    const {memory, pointer} = this.#handle;
    memory.checked(memory.module._beralih_spec_validate(pointer));
  }

  preprocess(image, options) {
    return preprocess(this.#handle.memory, this.#handle.pointer, image, options);
  }

  tensor(image, options) {
    return tensorOnly(this.#handle.memory, this.#handle.pointer, image, options);
  }

  close() {
    this.#handle.close();
  }
}

class Contract {
  #handle;

  constructor(memory, pointer) {
    const core = memory.module;
    this.#handle = new Handle(memory, pointer, core._beralih_contract_free);
    this.name = memory.text(core._beralih_contract_name(pointer));
    this.preprocessingText = memory.text(core._beralih_contract_text(pointer));
    this.preprocessingHash = memory.text(core._beralih_contract_hash(pointer));
  }

  get #spec() {
    return this.#handle.memory.module._beralih_contract_spec(this.#handle.pointer);
  }

  preprocess(image, options) {
    return preprocess(this.#handle.memory, this.#spec, image, options);
  }

  tensor(image, options) {
    return tensorOnly(this.#handle.memory, this.#spec, image, options);
  }

  toPreprocessor() {
    const {memory} = this.#handle;
    return new Preprocessor(memory, memory.module._beralih_spec_copy(this.#spec));
  }

  close() {
    this.#handle.close();
  }
}

class Core {
  #memory;

  constructor(module) {
    this.#memory = new Memory(module);
    this.version = this.#memory.takeText(module._beralih_version_copy());
    this.simd = Boolean(module._beralih_simd());
  }

  #open(Type, open, text, name) {
    const pointer = this.#memory.withInputs([asText(text, name)], open);
    return new Type(this.#memory, pointer);
  }

  openContract(json) {
    return this.#open(Contract, this.#memory.module._beralih_contract_open, json, 'contract');
  }

  openPreset(name) {
    return this.#open(Preprocessor, this.#memory.module._beralih_preset_open, name, 'preset');
  }

  openSpec(json) {
    return this.#open(Preprocessor, this.#memory.module._beralih_spec_open, json, 'spec');
  }

  sha256(bytes) {
    const memory = this.#memory;
    return memory.takeText(memory.withInputs([asBytes(bytes, 'bytes')], memory.module._beralih_sha256_of));
  }

  topK(logits, k) {
    if (!(logits instanceof Float32Array)) {
      throw new BeralihError('invalid_argument', 'logits: expected a Float32Array');
    }
    if (!Number.isSafeInteger(k) || k < 0) {
      throw new BeralihError('invalid_argument', `k: expected a whole number from 0, found ${k}`);
    }
    const memory = this.#memory;
    const core = memory.module;
    const bytes = new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength);
    const predictions = memory.checked(
      memory.withInputs([bytes], (data) => core._beralih_predictions_of(data, logits.length, Math.min(k, logits.length))),
    );
    const answer = Array.from({length: core._beralih_predictions_count(predictions)}, (_, rank) => ({
      index: core._beralih_predictions_index(predictions, rank),
      probability: core._beralih_predictions_probability(predictions, rank),
    }));
    core._beralih_predictions_free(predictions);
    return answer;
  }

  comparePreprocessing(ours, theirs) {
    const memory = this.#memory;
    const core = memory.module;
    const difference = memory.withInputs([asText(ours, 'ours'), asText(theirs, 'theirs')], core._beralih_difference_of);
    if (difference === NULL) return null;
    const answer = {
      field: memory.text(core._beralih_difference_field(difference)),
      ours: memory.text(core._beralih_difference_ours(difference)),
      theirs: memory.text(core._beralih_difference_theirs(difference)),
    };
    core._beralih_difference_free(difference);
    return answer;
  }
}
