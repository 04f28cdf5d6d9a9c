#!/usr/bin/env node
// The Node twin of `beralih preprocess`: the same lines, computed by the WebAssembly build of the core.
import {readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {getSystemErrorMap, parseArgs} from 'node:util';
import {loadCore, supportsSimd} from './index.mjs';

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
  --max-pixels N       most pixels of an image
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

/** The file's bytes; an error of the system becomes one like the core's, worded as the native command words it. */
function readFile(file) {
  const failed = (message) => Object.assign(new Error(`${file}: ${message}`), {code: 'io'});
  try {
    if (!statSync(file).isFile()) throw failed('not a regular file');
    return readFileSync(file);
  } catch (error) {
    if (error.errno === undefined) throw error;
    const [, reason] = getSystemErrorMap().get(error.errno) ?? [error.code, error.code];
    throw failed(`cannot open: ${reason[0].toUpperCase()}${reason.slice(1)}`);
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
  preprocessor.validate();
  return preprocessor;
}

const rounded = (milliseconds) => Math.round(milliseconds * 1000) / 1000;

function describe(file, result) {
  return {
    file,
    format: result.format,
    width: result.width,
    height: result.height,
    pixels_sha256: result.pixelsSha256,
    crop_sha256: result.cropSha256,
    tensor_sha256: result.tensorSha256,
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
  const row = (name, value) => `  ${name.padEnd(14)} ${value}`;
  const {decode, resize, normalize} = line.timings_ms;
  return [
    `${line.file}  ${line.format} ${line.width}x${line.height}`,
    ...['pixels_sha256', 'crop_sha256', 'tensor_sha256'].map((key) => row(key, line[key])),
    row('tensor', `${line.dtype} ${JSON.stringify(line.shape)}`),
    row('ms', `decode ${decode.toFixed(3)}, resize ${resize.toFixed(3)}, normalize ${normalize.toFixed(3)}`),
  ].join('\n');
}

/** Prints one image's line; false where it could not be preprocessed. */
function preprocessOne(preprocessor, file, {json, maxPixels}) {
  try {
    const line = describe(file, preprocessor.preprocess(readFile(file), {maxPixels}));
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
    bundle: text, contract: text, preset: text, spec: text, 'max-pixels': text,
    set: {type: 'string', multiple: true}, json: {type: 'boolean'}, 'no-simd': {type: 'boolean'},
    help: {type: 'boolean'},
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
  const limit = values['max-pixels'];
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
  const failures = flags.images.filter((image) => !preprocessOne(preprocessor, image, flags));
  return failures.length === 0 ? 0 : EXIT_FAILURE;
}

try {
  process.exitCode = await main();
} catch (error) {
  // An error without a code or a status of ours is a defect: show where.
  console.error(error.status || error.code ? `beralih: ${error.message}` : error);
  process.exitCode = error.status ?? EXIT_FAILURE;
}
