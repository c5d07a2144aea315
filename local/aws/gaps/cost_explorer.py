"""Cost Explorer: anomaly monitors and subscriptions, and cost allocation tags."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ce.responses import CostExplorerResponse
from moto.core.exceptions import JsonRESTError
from moto.moto_api._internal import mock_random

if TYPE_CHECKING:
    from collections.abc import Callable

Described = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AnomalyKind:
    """A kind of object in Cost Anomaly Detection.

    Attributes:
        name: Name in requests and responses, for example `AnomalyMonitor`.
        arn_field: Name of the field with the ARN.
        list_field: Name of the request's field with the requested ARNs.
        unknown: Error code for a missing object.
    """

    name: str
    arn_field: str
    list_field: str
    unknown: str


ANOMALY_KINDS = (
    AnomalyKind(
        name="AnomalyMonitor", arn_field="MonitorArn", list_field="MonitorArnList", unknown="UnknownMonitorException"
    ),
    AnomalyKind(
        name="AnomalySubscription",
        arn_field="SubscriptionArn",
        list_field="SubscriptionArnList",
        unknown="UnknownSubscriptionException",
    ),
)


def close_cost_explorer_gaps() -> None:
    """Close the gaps of this service."""
    for kind in ANOMALY_KINDS:
        _keep_anomaly_kind(kind)
    _list_allocation_tags()


def _keep_anomaly_kind(kind: AnomalyKind) -> None:
    def create_entry(response: CostExplorerResponse) -> Described:
        given = _parameters(response)
        account = response.current_account
        arn = f"arn:aws:ce::{account}:{kind.name.lower()}/{mock_random.uuid4()}"
        _kept(response, kind)[arn] = {**given[kind.name], kind.arn_field: arn, **_owner(kind, account)}
        response.ce_backend.tag_resource(arn, given.get("ResourceTags", []))
        return {kind.arn_field: arn}

    def describe_entries(response: CostExplorerResponse) -> Described:
        wanted, kept = _parameters(response).get(kind.list_field), _kept(response, kind)
        if wanted and not set(wanted) <= kept.keys():
            raise JsonRESTError(kind.unknown, f"not all of {wanted} exist")
        return {f"{kind.name[:1].upper()}{kind.name[1:]}s": [kept[arn] for arn in wanted or kept]}

    def update_entry(response: CostExplorerResponse) -> Described:
        given, found = _parameters(response), _find(response, kind)
        found.update({field: value for field, value in given.items() if field != kind.arn_field})
        return {kind.arn_field: given[kind.arn_field]}

    def delete_entry(response: CostExplorerResponse) -> Described:
        del _kept(response, kind)[_find(response, kind)[kind.arn_field]]
        return {}

    snake = {"AnomalyMonitor": "anomaly_monitor", "AnomalySubscription": "anomaly_subscription"}[kind.name]
    for operation, do in (
        (f"create_{snake}", create_entry),
        (f"get_{snake}s", describe_entries),
        (f"update_{snake}", update_entry),
        (f"delete_{snake}", delete_entry),
    ):
        setattr(CostExplorerResponse, operation, _as_handler(do))


def _list_allocation_tags() -> None:
    def list_cost_allocation_tags(_: CostExplorerResponse) -> Described:
        # On AWS, a tag is listed a day after a resource with it has caused costs; here there are no costs.
        return {"CostAllocationTags": []}

    CostExplorerResponse.list_cost_allocation_tags = _as_handler(list_cost_allocation_tags)


def _as_handler(do: Callable[[CostExplorerResponse], Described]) -> Callable[[CostExplorerResponse], str]:
    return lambda response: json.dumps(do(response))


def _parameters(response: CostExplorerResponse) -> Described:
    parameters: Described = json.loads(response.body)
    return parameters


def _kept(response: CostExplorerResponse, kind: AnomalyKind) -> dict[str, Described]:
    """Return the backend's objects of a kind by ARN; moto does not store them."""
    kept: dict[str, Described] = vars(response.ce_backend).setdefault(kind.name, {})
    return kept


def _find(response: CostExplorerResponse, kind: AnomalyKind) -> Described:
    arn = _parameters(response)[kind.arn_field]
    if arn not in (kept := _kept(response, kind)):
        raise JsonRESTError(kind.unknown, f"{arn} does not exist")
    return kept[arn]


def _owner(kind: AnomalyKind, account: str) -> Described:
    return {"AccountId": account} if kind.name == "AnomalySubscription" else {}
