import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture(scope="session")
def jpeg_maker(binary) -> pathlib.Path:
    """The encoder that the build makes beside the tests."""
    path = pathlib.Path(binary).parents[1] / "tests" / "beralih_make_jpegs"
    assert path.is_file(), f"{path} is not built; run ./test.sh"
    return path


@pytest.fixture(scope="session")
def kernels(binary) -> list:
    import comparison
    return comparison.resize_kernels(binary)
