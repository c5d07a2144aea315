"""AWS's Price List, which moto lacks: all instance types have the same price, a placeholder that is not AWS's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

GET_PRODUCTS_TARGET = "AWSPriceListService.GetProducts"
ON_DEMAND_PLACEHOLDER_USD = "0.1000000000"
"""Hourly on-demand price of every instance type."""


def with_price_list(app: WSGIApplication) -> WSGIApplication:
    """Serve GetProducts, and forward all other requests to `app`."""

    def serve_price_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") != GET_PRODUCTS_TARGET:
            return app(environ, start_response)
        answer = get_products(json.loads(Request(environ).get_data()))
        return Response(json.dumps(answer), content_type="application/x-amz-json-1.1")(environ, start_response)

    return serve_price_list


def get_products(query: dict[str, Any]) -> dict[str, Any]:
    """Return the single product for a filter by instance type, or none without this filter."""
    wanted = {given["Field"]: given["Value"] for given in query.get("Filters", [])}
    if "instanceType" not in wanted:
        return {"FormatVersion": "aws_v1", "PriceList": []}
    price = {
        "unit": "Hrs",
        "pricePerUnit": {"USD": ON_DEMAND_PLACEHOLDER_USD},
        "description": "placeholder of the emulator",
    }
    product = {
        "product": {"productFamily": "Compute Instance", "attributes": wanted},
        "serviceCode": query["ServiceCode"],
        "terms": {"OnDemand": {"placeholder": {"priceDimensions": {"placeholder": price}}}},
    }
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(product)]}
