// A tensor as NumPy's .npy file (format 1.0), as native_server/src/cli/npy.cpp writes it.
import {renameSync, rmSync, writeFileSync} from 'node:fs';

const PREFIX_BYTES = 10; // magic, version, length
const ALIGNMENT = 64;

function header({dtype, shape}) {
  const type = dtype === 'float32' ? '<f4' : '|u1';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const unpadded = PREFIX_BYTES + dictionary.length + 1;
  const padded = `${dictionary}${' '.repeat((ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT)}\n`;
  const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  prefix.writeUInt16LE(padded.length, 8);
  return Buffer.concat([prefix, Buffer.from(padded, 'latin1')]);
}

/** `result`: what Preprocessor.preprocess returns. The file appears whole or not at all. */
export function writeNpy(file, result) {
  const {buffer, byteOffset, byteLength} = result.tensor;
  const partial = `${file}.partial`;
  try {
    writeFileSync(partial, Buffer.concat([header(result), new Uint8Array(buffer, byteOffset, byteLength)]));
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, {force: true});
    throw error;
  }
}
