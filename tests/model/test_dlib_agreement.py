"""The served network against dlib itself, the program that trained it, on the same input tensors."""
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUFFIXES = {".jpg", ".jpeg", ".png"}


def dlib_logits(tensors: np.ndarray, folder: pathlib.Path) -> np.ndarray:
    converter = subprocess.run([str(ROOT / "models" / "recipes" / "build_converter.sh")],
                               capture_output=True, text=True, check=True, timeout=600).stdout.strip()
    cache = pathlib.Path(converter).parent
    network = next(cache.rglob("resnet34_1000_imagenet_classifier.dnn"))
    np.save(folder / "input.npy", tensors)
    subprocess.run([converter, "logits", str(network), str(folder / "input.npy"),
                    str(folder / "logits.npy")], check=True, timeout=600)
    return np.load(folder / "logits.npy")


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits.astype(np.float64) - logits.max())
    return e / e.sum()


def test_probabilities_agree_with_dlib(binary, bundle, server, shared_data, tmp_path, record_property):
    photographs = sorted(p for p in (shared_data / "photos").iterdir() if p.suffix in SUFFIXES)
    assert len(photographs) >= 8
    tensors = []
    for path in photographs:
        subprocess.run([binary, "preprocess", "--bundle", str(bundle), "--npy",
                        str(tmp_path / "tensor.npy"), str(path)], check=True, capture_output=True)
        tensors.append(np.load(tmp_path / "tensor.npy"))
    reference = dlib_logits(np.concatenate(tensors), tmp_path)
    worst = 0.0
    for path, logits in zip(photographs, reference):
        want = softmax(logits)
        got = np.zeros_like(want)
        predictions = server.classify(path.read_bytes(), "?k=1000").json()["predictions"]
        for prediction in predictions:
            got[prediction["index"]] = prediction["probability"]
        assert [p["index"] for p in predictions[:5]] == list(np.argsort(-want)[:5]), path.name
        worst = max(worst, float(np.abs(got - want).max()))
    record_property("max_abs_probability_difference", worst)
    print(f"max |probability difference| to dlib on {len(photographs)} photographs: {worst:.2e}")
    assert worst <= 1e-4
