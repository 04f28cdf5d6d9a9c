// Whose work the page carries: names, licences and addresses, in every language alike. THIRD_PARTY_NOTICES.md says the same at length.

export interface Work {
  name: string
  href: string
  licence: string
  licenceHref: string
}

const spdx = (licence: string) => ({ licence, licenceHref: `https://spdx.org/licenses/${licence}.html` })

export const works = {
  program: [
    { name: 'ONNX Runtime Web', href: 'https://onnxruntime.ai', ...spdx('MIT') },
    { name: 'Svelte', href: 'https://svelte.dev', ...spdx('MIT') },
    { name: 'Emscripten', href: 'https://emscripten.org', ...spdx('MIT') },
    { name: 'JSON for Modern C++', href: 'https://json.nlohmann.me', ...spdx('MIT') },
  ],
  codecs: [
    { name: 'libjpeg-turbo', href: 'https://libjpeg-turbo.org', licence: 'IJG, BSD-3-Clause, Zlib', licenceHref: 'https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/LICENSE.md' },
    { name: 'libwebp', href: 'https://developers.google.com/speed/webp', ...spdx('BSD-3-Clause') },
    { name: 'zlib', href: 'https://zlib.net', ...spdx('Zlib') },
  ],
  typefaces: [
    { name: 'Source Serif 4', href: 'https://github.com/adobe-fonts/source-serif', ...spdx('OFL-1.1') },
    { name: 'Source Code Pro', href: 'https://github.com/adobe-fonts/source-code-pro', ...spdx('OFL-1.1') },
  ],
  photographs: [
    { name: 'coffee.png, chelsea.png (scikit-image)', href: 'https://scikit-image.org', ...spdx('CC0-1.0') },
    { name: 'dog1.jpg, dog2.jpg (torchvision)', href: 'https://github.com/pytorch/vision', ...spdx('BSD-3-Clause') },
  ],
  weights: [{ name: 'ResNet-34 (Davis E. King, dlib)', href: 'https://github.com/davisking/dlib-models', ...spdx('CC0-1.0') }],
} satisfies Record<string, readonly Work[]>

export type WorkKind = keyof typeof works
export const workKinds = Object.keys(works) as WorkKind[]
