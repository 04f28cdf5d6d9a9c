"""Compares `beralih preprocess` with the reference: every hash, the one-pass way, each kernel."""
import json
import re
import subprocess

import corpus

# More would not fit on a command line.
BATCH = 1500


class Comparison:
    """What was compared, and what differed."""

    def __init__(self, preprocess, kernels):
        self.preprocess, self.kernels = preprocess, kernels
        self.files = self.refused = self.pixels = self.floats = 0
        self.different = []

    def check(self, tmp_path, spec: dict, files, images):
        """`files` under `spec`; images[i] is the decoded files[i], or why Pillow refuses it."""
        spec_file = tmp_path / "spec.json"
        spec_file.write_text(json.dumps(spec))
        for start in range(0, len(files), BATCH):
            part = files[start:start + BATCH]
            wanted = [corpus.expected(image, spec) for image in images[start:start + BATCH]]
            self._count(images[start:start + BATCH], spec, wanted)
            source = ["--spec", spec_file]
            self._compare(spec, part, wanted, self.preprocess(part, *source), "stages")
            for kernels in self.kernels:
                got = self.preprocess(part, *source, "--tensor-only", "--resize-kernels", kernels)
                self._compare(spec, part, wanted, got, f"one pass, {kernels}")

    def _count(self, images, spec, wanted):
        for image, want in zip(images, wanted):
            self.files += 1
            if "error" in want:
                self.refused += 1
                continue
            self.pixels += image.width * image.height
            height, width = spec.get("center_crop") or corpus.reference.resized_size(image, spec)
            self.floats += 3 * height * width

    def _compare(self, spec, files, wanted, got, way):
        for path, want, line in zip(files, wanted, got):
            keys = [] if "error" in want else [key for key in want if way == "stages" or key == "tensor_sha256"]
            wrong = [key for key in keys if line.get(key) != want[key]]
            if wrong or ("error" in want) != ("error" in line):
                self.different.append((str(path), way, wrong, want.get("error"), line.get("error"), json.dumps(spec)))

    def report(self, name, seed, capsys, record_property):
        """Prints the counts and fails where anything differed."""
        counts = {"files": self.files, "refused_by_both": self.refused, "pixels": self.pixels,
                  "values": self.floats, "ways": 1 + len(self.kernels), "different": len(self.different)}
        for key, value in counts.items():
            record_property(key, value)
        with capsys.disabled():
            numbers = ", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in counts.items())
            print(f"\n{name} (seed {seed}): {numbers}")
        assert not self.different, self.different[:10]


def resize_kernels(binary) -> list:
    """What this processor has, as the command's own error says."""
    refused = subprocess.run([binary, "preprocess", "--preset", "hf-vit", "--resize-kernels", "none", "x.png"],
                             capture_output=True, text=True, timeout=60)
    found = re.search(r"this processor has (.*), not \"none\"", refused.stderr)
    assert found, refused.stderr
    return found[1].split(", ")
