"""The emulated Price List: it answers boto3, and its prices say that they are none of AWS's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from werkzeug.test import Client

from local.aws.price_list import GET_PRODUCTS_TARGET, ON_DEMAND_PLACEHOLDER_USD, with_price_list

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"something else"]


def ask(target: str, **filters: str) -> bytes:
    question = {
        "ServiceCode": "AmazonEC2",
        "Filters": [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
    }
    client = Client(with_price_list(app))
    answer: bytes = client.post("/", data=json.dumps(question), headers={"X-Amz-Target": target}).data
    return answer


def test_a_type_has_one_price_an_hour_that_is_marked_as_a_placeholder() -> None:
    [listed] = json.loads(ask(GET_PRODUCTS_TARGET, instanceType="i4i.2xlarge", regionCode="us-west-2"))["PriceList"]
    product = json.loads(listed)
    [term] = product["terms"]["OnDemand"].values()
    [price] = term["priceDimensions"].values()
    assert (price["unit"], price["pricePerUnit"]) == ("Hrs", {"USD": ON_DEMAND_PLACEHOLDER_USD})
    assert "placeholder" in price["description"]
    assert product["product"]["attributes"]["instanceType"] == "i4i.2xlarge"


def test_a_question_without_a_type_has_no_answer() -> None:
    assert json.loads(ask(GET_PRODUCTS_TARGET, regionCode="us-west-2"))["PriceList"] == []


def test_other_requests_reach_the_account() -> None:
    assert ask("AmazonSSM.GetParameter", instanceType="i4i.2xlarge") == b"something else"
