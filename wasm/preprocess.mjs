#!/usr/bin/env node
// The Node twin of `beralih preprocess`: the same lines, computed by the WebAssembly build of the core.
import {readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {getSystemErrorMap, parseArgs} from 'node:util';
import {loadCore, supportsSimd} from './index.mjs';
import {writeNpy} from './npy.mjs';

const WASM_FILE = new URL('../build/wasm/wasm/beralih_core.wasm', import.meta.url);
const SCALAR_WASM_FILE = new URL('../build/wasm/wasm/beralih_core_scalar.wasm', import.meta.url);
const DEFAULT_BUNDLE = 'models/bundles/resnet34';
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const USAGE = `usage: node wasm/preprocess.mjs [OPTIONS] IMAGE…

Shows the tensor that an image becomes: sizes, hashes, times.

  --bundle DIR         a bundle's contract (default: BERALIH_BUNDLE, else ${DEFAULT_BUNDLE})
  --contract FILE      a contract.json
  --preset NAME        a named preset, e.g. dlib:resnet34
  --spec FILE          a JSON file with the "preprocessing" object of a contract
  --set KNOB=VALUE     changes one knob; may be given several times
  --dtype TYPE         float32 or uint8: as --set dtype=
  --layout LAYOUT      NCHW or NHWC: as --set layout=
  --npy FILE           write the tensor of the one image to this .npy file
  --tensor-only        only the tensor's hash, made in one pass where the format allows
  --max-pixels N       most pixels of an image (default: BERALIH_MAX_PIXELS, else 89478485)
  --json               one JSON object a line
  --no-simd            the module without SIMD, which is the default where there is none
  --help               this text
`;

/** Ends the command: one sentence on stderr. */
class CommandError extends Error {
  constructor(message, status = EXIT_FAILURE) {
    super(message);
    this.status = status;
  }
}

/** An error of the system in the system's words. */
function reasonOf(error) {
  const [, reason] = getSystemErrorMap().get(error.errno) ?? [error.code, error.code];
  return `${reason[0].toUpperCase()}${reason.slice(1)}`;
}

/** The file's bytes; an error of the system becomes one like the core's, worded as the native command words it. */
function readFile(file) {
  const failed = (message) => Object.assign(new Error(`${file}: ${message}`), {code: 'io'});
  try {
    if (!statSync(file).isFile()) throw failed('not a regular file');
    return readFileSync(file);
  } catch (error) {
    if (error.errno === undefined) throw error;
    throw failed(`cannot open: ${reasonOf(error)}`);
  }
}

/** Opens a JSON file with one of the core's functions; its errors name the file. */
function openJson(file, open) {
  const json = readFile(file);
  try {
    return open(json);
  } catch (error) {
    throw new CommandError(`${file}: ${error.message}`);
  }
}

/** contract.json of a bundle, which must be what contract.sha256 says. */
function checkedContract(core, directory) {
  const file = path.join(directory, 'contract.json');
  const found = core.sha256(readFile(file));
  const stated = new TextDecoder().decode(readFile(path.join(directory, 'contract.sha256'))).trimEnd();
  if (found !== stated) {
    throw new CommandError(
      `${file}: was altered: its SHA-256 is ${found}, which is not what contract.sha256 holds` +
        '; prepare the bundle again, or restore the file',
    );
  }
  return file;
}

function openPreprocessor(core, flags) {
  if (flags.preset !== undefined) return core.openPreset(flags.preset);
  if (flags.spec !== undefined) return openJson(flags.spec, (json) => core.openSpec(json));
  const file =
    flags.contract ?? checkedContract(core, flags.bundle ?? process.env.BERALIH_BUNDLE ?? DEFAULT_BUNDLE);
  return openJson(file, (json) => core.openContract(json).toPreprocessor());
}

function chosenPreprocessor(core, flags) {
  const preprocessor = openPreprocessor(core, flags);
  for (const setting of flags.set ?? []) {
    const equals = setting.indexOf('=');
    if (equals < 0) throw new CommandError(`--set wants knob=value, not "${setting}"`);
    preprocessor.setKnob(setting.slice(0, equals), setting.slice(equals + 1));
  }
  // They win over --set, which names the same knobs.
  for (const knob of ['dtype', 'layout']) if (flags[knob] !== undefined) preprocessor.setKnob(knob, flags[knob]);
  preprocessor.validate();
  return preprocessor;
}

const rounded = (milliseconds) => Math.round(milliseconds * 1000) / 1000;

function describe(file, result, tensorSha256) {
  return {
    file,
    format: result.format,
    width: result.width,
    height: result.height,
    ...(result.pixelsSha256 && {pixels_sha256: result.pixelsSha256, crop_sha256: result.cropSha256}),
    tensor_sha256: tensorSha256,
    shape: result.shape,
    dtype: result.dtype,
    timings_ms: {
      decode: rounded(result.timings.decode),
      resize: rounded(result.timings.resize),
      normalize: rounded(result.timings.normalize),
    },
  };
}

function asText(line) {
  const {decode, resize, normalize} = line.timings_ms;
  return [
    `${line.file}  ${line.format} ${line.width}x${line.height}`,
    ...['pixels', 'crop', 'tensor'].flatMap((stage) => (line[`${stage}_sha256`] ? `${stage} ${line[`${stage}_sha256`]}` : [])),
    `${line.dtype} ${JSON.stringify(line.shape)}`,
    `ms decode ${decode.toFixed(3)}, resize ${resize.toFixed(3)}, normalize ${normalize.toFixed(3)}`,
  ].join('  ');
}

function writeTensor(file, result) {
  try {
    writeNpy(file, result);
  } catch (error) {
    throw Object.assign(new Error(`${file}: cannot write: ${reasonOf(error)}`), {code: 'io'});
  }
}

/** Prints one image's line; false where it could not be preprocessed. */
function preprocessOne(core, preprocessor, file, {json, maxPixels, npy, 'tensor-only': tensorOnly}) {
  try {
    const bytes = readFile(file);
    const result = tensorOnly ? preprocessor.tensor(bytes, {maxPixels}) : preprocessor.preprocess(bytes, {maxPixels});
    if (npy !== undefined) writeTensor(npy, result);
    const {buffer, byteOffset, byteLength} = result.tensor;
    const line = describe(file, result, result.tensorSha256 ?? core.sha256(new Uint8Array(buffer, byteOffset, byteLength)));
    console.log(json ? JSON.stringify(line) : asText(line));
    return true;
  } catch (error) {
    if (error.code === undefined) throw error;
    const {code, message} = error;
    if (json) console.log(JSON.stringify({file, error: {code, message}}));
    else console.error(`beralih: ${code === 'io' ? '' : `${file}: `}${message}`); // those begin with the path
    return false;
  }
}

function parseFlags(args) {
  const text = {type: 'string'};
  const options = {
    bundle: text, contract: text, preset: text, spec: text, 'max-pixels': text, dtype: text, layout: text, npy: text,
    set: {type: 'string', multiple: true}, json: {type: 'boolean'}, 'no-simd': {type: 'boolean'},
    'tensor-only': {type: 'boolean'}, help: {type: 'boolean'},
  };
  let parsed;
  try {
    parsed = parseArgs({args, options, allowPositionals: true});
  } catch (error) {
    throw new CommandError(error.message, EXIT_USAGE);
  }
  const {values, positionals} = parsed;
  const sources = ['bundle', 'contract', 'preset', 'spec'].filter((name) => values[name] !== undefined);
  if (sources.length > 1) throw new CommandError(`--${sources[0]} excludes --${sources[1]}`, EXIT_USAGE);
  if (positionals.length === 0 && !values.help) throw new CommandError('IMAGE is required', EXIT_USAGE);
  if (values.npy !== undefined && positionals.length > 1) throw new CommandError('--npy: takes exactly one IMAGE', EXIT_USAGE);
  const limit = values['max-pixels'] ?? process.env.BERALIH_MAX_PIXELS;
  if (limit !== undefined && !/^[1-9][0-9]{0,12}$/.test(limit)) {
    throw new CommandError(`--max-pixels: expected a whole number above 0, not "${limit}"`, EXIT_USAGE);
  }
  return {...values, images: positionals, maxPixels: limit && Number(limit)};
}

async function main() {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const core = await loadCore({wasmBinary: readFileSync(flags['no-simd'] || !supportsSimd() ? SCALAR_WASM_FILE : WASM_FILE)});
  const preprocessor = chosenPreprocessor(core, flags);
  const failures = flags.images.filter((image) => !preprocessOne(core, preprocessor, image, flags));
  return failures.length === 0 ? 0 : EXIT_FAILURE;
}

try {
  process.exitCode = await main();
} catch (error) {
  // An error without a code or a status of ours is a defect: show where.
  console.error(error.status || error.code ? `beralih: ${error.message}` : error);
  process.exitCode = error.status ?? EXIT_FAILURE;
}
