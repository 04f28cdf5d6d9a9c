"""Every answer that a test of this folder gets through Server.request must be as openapi.yaml says."""
import pytest

import openapi
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
