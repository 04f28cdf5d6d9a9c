"""Every answer that a test of this folder gets through Server.request must be as openapi.yaml says."""
import pytest

import openapi
from python_service import PythonService
from server_process import Server


@pytest.fixture(scope="session", autouse=True)
def answers_are_as_documented():
    plain = Server.request

    def checked(self, method, path, body=None, **headers):
        answer = plain(self, method, path, body, **headers)
        wrong = openapi.disagreements(method, path, answer)
        assert not wrong, "not as in openapi.yaml:\n" + "\n".join(wrong)
        return answer

    Server.request = checked
    yield
    Server.request = plain


@pytest.fixture(scope="session")
def python_service(bundle, tmp_path_factory):
    """The page's inference_service.py, for the tests that only ask questions of it."""
    with PythonService(bundle, tmp_path_factory.mktemp("service") / "log") as running:
        yield running


@pytest.fixture(params=["native", "python"])
def either(request):
    """The native server, and inference_service.py: what a test asks of both is the subset that the latter has."""
    return request.getfixturevalue("server" if request.param == "native" else "python_service")
