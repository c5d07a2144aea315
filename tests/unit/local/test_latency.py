"""Answers that are delayed like those of a distant service."""

from __future__ import annotations

import time

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from local.latency import LATENCY_PATH, with_latency


@pytest.fixture
def client() -> Client:
    return Client(with_latency(Response("served")))


def seconds_of(client: Client, path: str) -> float:
    began = time.perf_counter()
    assert client.get(path).text == "served"
    return time.perf_counter() - began


def test_answers_wait_as_long_as_is_set_but_those_of_the_control_api_do_not(client: Client) -> None:
    assert seconds_of(client, "/") < 0.1
    assert client.put(LATENCY_PATH, json={"seconds": 0.2}).status_code == 200
    assert seconds_of(client, "/") >= 0.2
    assert seconds_of(client, "/_control/health") < 0.2
    client.put(LATENCY_PATH, json={"seconds": 0})
    assert seconds_of(client, "/") < 0.1


@pytest.mark.parametrize("body", [{"seconds": -1}, {"seconds": 6}, {"seconds": "soon"}, {}, []])
def test_a_delay_out_of_range_is_refused_and_changes_nothing(client: Client, body: object) -> None:
    refused = client.put(LATENCY_PATH, json=body)
    assert refused.status_code == 400
    assert "from 0 to 5" in refused.text
    assert seconds_of(client, "/") < 0.1
