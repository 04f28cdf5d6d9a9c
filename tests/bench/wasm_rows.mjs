// What is measured in Node and in Chromium alike: from JPEG to tensor, tensor alone.

/** One row a filter: {name, run}. */
export function rowsOf(core, label, bytes) {
  return ['bilinear', 'bicubic'].map((filter) => {
    const preprocessor = core.openPreset('torchvision:ViT_L_16_Weights.IMAGENET1K_V1');
    preprocessor.setKnob('resize_shorter_side', '256');
    preprocessor.setKnob('resize_filter', filter);
    return {name: `${label} ${filter}`, run: () => preprocessor.tensor(bytes)};
  });
}

/** V8 compiles each function anew, with its optimising compiler, once it has run for a while: the first second is not counted. */
export function warm({run}) {
  const start = performance.now();
  while (performance.now() - start < 1000) run();
}

export function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
