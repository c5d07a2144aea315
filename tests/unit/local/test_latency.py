"""Answers that are delayed like those of a distant service."""

from __future__ import annotations

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from local.latency import LATENCY_PATH, with_latency


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays of answers, which take no time here."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


@pytest.fixture
def client() -> Client:
    return Client(with_latency(Response("served")))


def test_answers_wait_as_long_as_is_set_but_those_of_the_control_api_do_not(client: Client, waits: list[float]) -> None:
    assert client.get("/").text == "served"
    assert waits == []
    assert client.put(LATENCY_PATH, json={"seconds": 0.2}).status_code == 200
    assert client.get("/").text == "served"
    assert client.get("/_control/health").text == "served"
    assert waits == [0.2]
    client.put(LATENCY_PATH, json={"seconds": 0})
    assert client.get("/").text == "served"
    assert waits == [0.2]


@pytest.mark.parametrize("body", [{"seconds": -1}, {"seconds": 6}, {"seconds": "soon"}, {}, []])
def test_a_delay_out_of_range_is_refused_and_changes_nothing(client: Client, waits: list[float], body: object) -> None:
    refused = client.put(LATENCY_PATH, json=body)
    assert refused.status_code == 400
    assert "from 0 to 5" in refused.text
    assert client.get("/").text == "served"
    assert waits == []
