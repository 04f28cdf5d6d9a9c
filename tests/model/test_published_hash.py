"""The hash that models/README.md publishes is the hash of what the recipe makes."""
import hashlib
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_published_contract_hash(bundle):
    made = hashlib.sha256((bundle / "contract.json").read_bytes()).hexdigest()
    assert made == (bundle / "contract.sha256").read_text().strip()
    assert f"`{made}`" in (ROOT / "models" / "README.md").read_text()
