/** Thrown by everything here. `code` is the core's error code, e.g. "corrupt_image"; `message` is for people. */
export interface CoreError extends Error {
  code: string;
}

/**
 * `wasmBinary`: the bytes of beralih_core.wasm or beralih_core_scalar.wasm, the only way in Node; `wasmUrl`: where to
 * fetch them. Without either the module that the browser can run is fetched from where the build put it.
 */
export function loadCore(options?: {wasmBinary?: ArrayBuffer | Uint8Array; wasmUrl?: string}): Promise<Core>;

/** Whether beralih_core.wasm runs here. beralih_core_scalar.wasm needs no SIMD and computes the same, more slowly. */
export function supportsSimd(): boolean;

export interface Core {
  readonly version: string;
  /** Whether this build uses WebAssembly's SIMD instructions. */
  readonly simd: boolean;
  /** contract.json, as text or as the file's bytes. The error names the JSON path that is wrong. */
  openContract(json: string | Uint8Array): Contract;
  /** A named preset, e.g. "dlib:resnet34". The error names those that exist. */
  openPreset(name: string): Preprocessor;
  /** A contract's "preprocessing" object alone. */
  openSpec(json: string | Uint8Array): Preprocessor;
  /** 64 lower-case hexadecimal digits. */
  sha256(bytes: Uint8Array): string;
  /** The k most probable classes, by the core's own softmax; ties go to the lower index. */
  topK(logits: Float32Array, k: number): Prediction[];
  /** The first field in which two preprocessing texts differ; null where they are equal. */
  comparePreprocessing(ours: string, theirs: string): FieldDifference | null;
}

export interface Contract {
  readonly name: string;
  readonly preprocessingText: string;
  /** What travels in the Beralih-Contract header. */
  readonly preprocessingHash: string;
  preprocess(bytes: Uint8Array, options?: PreprocessOptions): PreprocessResult;
  /** The tensor alone: several times faster, and a large image is never in memory as a whole. */
  tensor(bytes: Uint8Array, options?: PreprocessOptions): TensorResult;
  /** A copy of the contract's knobs, to be changed freely; close it too. */
  toPreprocessor(): Preprocessor;
  /** Frees the memory in the module. Closing twice does nothing. */
  close(): void;
}

export interface Preprocessor {
  /** As `beralih preprocess --set knob=value`; the knobs have their names in contract.json. */
  setKnob(knob: string, value: string): void;
  /** Throws where the knobs do not make sense together; preprocess does so too. */
  validate(): void;
  preprocess(bytes: Uint8Array, options?: PreprocessOptions): PreprocessResult;
  /** As Contract.tensor. */
  tensor(bytes: Uint8Array, options?: PreprocessOptions): TensorResult;
  close(): void;
}

export interface PreprocessOptions {
  /** Images with more pixels are refused before they are decoded; default 89,478,485. */
  maxPixels?: number;
}

export interface TensorResult {
  format: string;
  /** After orientation. */
  width: number;
  height: number;
  shape: number[];
  dtype: 'float32' | 'uint8';
  tensor: Float32Array | Uint8Array;
  /** Milliseconds. */
  timings: {decode: number; resize: number; normalize: number};
}

export interface PreprocessResult extends TensorResult {
  /** Of the decoded and oriented RGB bytes. */
  pixelsSha256: string;
  /** Of `crop.rgb`. */
  cropSha256: string;
  /** Of the tensor's little-endian bytes. */
  tensorSha256: string;
  /** Resized and cropped, before normalising: 8-bit RGB, row by row. */
  crop: {width: number; height: number; rgb: Uint8Array};
}

export interface Prediction {
  index: number;
  probability: number;
}

export interface FieldDifference {
  field: string;
  ours: string;
  theirs: string;
}
