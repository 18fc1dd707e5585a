"""Requests that nobody thought of, made from the API's own description."""

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra studio")
pytest.importorskip("schemathesis", reason="schemathesis is missing (extra dev)")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from cleanplate.studio.app import create_app
from cleanplate.studio.settings import Settings
from studios import TOKEN

# What takes its time and varies nothing.
LEFT_OUT = ("/v1/shots/sample", "/v1/backgrounds/evening")
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 8  # of each operation


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    app = create_app(Settings(tmp_path_factory.mktemp("fuzz") / "kept", token=TOKEN))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)
    found = [result.ok() for result in schema.get_all_operations()]
    yield [operation for operation in found if operation.path not in LEFT_OUT]
    app.state.studio.close()


def test_no_request_breaks_the_server(operations):
    assert len(operations) >= 12
    statuses = set()
    for operation in operations:
        for mode in schemathesis.GenerationMode:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                answer = case.call(headers=HEADERS)
                statuses.add(answer.status_code)
                assert answer.status_code < 500, (case.as_curl_command(), answer.text)
                if answer.status_code >= 400 and case.method != "HEAD":
                    assert set(answer.json()) == {"error"}, answer.text

            try:
                ask()
            except Unsatisfiable:  # an operation that takes nothing cannot be asked wrongly
                assert mode is not schemathesis.GenerationMode.POSITIVE
    assert {200, 404, 422} <= statuses
