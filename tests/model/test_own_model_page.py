"""The commands of models/README.md, "Bring your own model in five minutes", do what the page says."""
import json
import re
import subprocess

from model.answers import ROOT


def test_the_page_works_as_written(binary, bundle, tmp_path):
    page = (ROOT / "models" / "README.md").read_text()
    section = re.search(r"^## Bring your own model in five minutes\n(.*?)^## ", page, re.S | re.M).group(1)
    (commands,) = re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)
    for name, target in (("models/recipes", ROOT / "models" / "recipes"), ("models/bundles/resnet34", bundle),
                         ("build/release/native_server/beralih", binary)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, capture_output=True, text=True,
                            timeout=300)
    assert result.returncode == 0, result.stderr
    assert all(f"  {label}\n" in result.stdout for label in ("cat", "dog", "coffee"))
    contract = json.loads((tmp_path / "models" / "bundles" / "mine" / "contract.json").read_text())
    assert contract["output"]["shape"] == [-1, 3] and contract["provenance"]["license"] == "Apache-2.0"
    assert contract["preprocessing"]["rescale"] == "divide" and contract["edge_agreement"]["images"] == 40
