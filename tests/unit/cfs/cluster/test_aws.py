"""The console's access to AWS: pagination, bounded calls, and errors with a repair."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    TokenRetrievalError,
)

from cfs.aws import CLIENT_CONFIG, AwsAccount, required_action
from cfs.cluster.auto_scaling_groups import choose_groups, discover_groups
from cfs.cluster.down import stop_cluster
from cfs.cluster.node_runs import list_instances
from cfs.cluster.scaling_activities import read_activities
from cfs.cluster.status import read_cluster_status
from cfs.cluster.up import ClusterWindow, start_cluster
from cfs.prices import ec2_prices as prices
from costs.running_costs import CapacityPool
from infra.project import PROJECT_FOLDER
from local.aws import capacity as emulated
from terminal.errors import UserError
from tests.unit.cfs.cluster.conftest import ENVIRONMENT, REGION, Cluster, full_name


def refusing(error: Exception) -> AwsAccount:
    """An account whose Auto Scaling raises an error."""

    def refuse(**_: Any) -> None:
        raise error

    client = SimpleNamespace(describe_auto_scaling_groups=refuse, describe_budget=refuse)
    session = boto3.Session(region_name=REGION)
    return AwsAccount(session=session, _clients={"autoscaling": client, "budgets": client})


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "DescribeAutoScalingGroups")


@pytest.mark.parametrize("error, problem, repair", [
    (NoCredentialsError(), "needs AWS credentials", "aws sso login"),
    (TokenRetrievalError(provider="sso", error_msg="expired"), "needs AWS credentials", "aws sso login"),
    (client_error("ExpiredToken"), "because (ExpiredToken)", "aws sso login"),
    (client_error("AccessDenied"), "because (AccessDenied)", "permission to use autoscaling:DescribeAutoScalingGroups"),
    (client_error("ValidationError"), "because (ValidationError)", "the same command again"),
    (ConnectTimeoutError(endpoint_url="https://example.org"), "did not answer", "check the network"),
    (EndpointConnectionError(endpoint_url="https://example.org"), "did not answer", "check the network"),
])  # fmt: skip
def test_errors_of_aws_name_the_call_and_the_repair(error: Exception, problem: str, repair: str) -> None:
    with pytest.raises(UserError) as caught:
        refusing(error).call_operation("autoscaling", "describe_auto_scaling_groups")
    assert "autoscaling:DescribeAutoScalingGroups" in caught.value.problem
    assert problem in caught.value.problem
    assert repair in caught.value.repair


def test_an_action_that_differs_from_its_call_is_named_correctly() -> None:
    with pytest.raises(UserError) as caught:
        refusing(client_error("AccessDeniedException")).call_operation("budgets", "describe_budget")
    assert "budgets:ViewBudget" in caught.value.repair


def test_a_call_to_a_busy_group_is_repeated_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    with pytest.raises(UserError, match="ResourceContention"):
        refusing(client_error("ResourceContention")).call_operation("autoscaling", "describe_auto_scaling_groups")
    assert len(waits) == 4


@pytest.mark.usefixtures("account")
def test_every_call_has_time_outs_and_a_bounded_number_of_attempts() -> None:
    session = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    aws = AwsAccount(session=session)
    aws.account_id()
    config = aws._clients["sts"].meta.config  # noqa: SLF001 — what the calls are made with
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert config.retries["total_max_attempts"] == 6
    assert CLIENT_CONFIG.retries["mode"] == "adaptive"


def test_groups_of_other_environments_and_projects_are_not_found(cluster: Cluster) -> None:
    assert [group.name for group in discover_groups(cluster.aws, ENVIRONMENT)] == [
        "fuse-client",
        "storage-a",
        "storage-b",
    ]
    with pytest.raises(UserError, match="The environment 'staging' has no node group in us-west-2"):
        discover_groups(cluster.aws, "staging")


def test_a_group_without_its_number_of_nodes_is_named_in_the_error(cluster: Cluster) -> None:
    tag = {"ResourceId": full_name("storage-a"), "ResourceType": "auto-scaling-group", "Key": "Nodes"}
    cluster.client("autoscaling").create_or_update_tags(Tags=[{**tag, "Value": "many", "PropagateAtLaunch": False}])
    with pytest.raises(UserError, match="storage-a has no valid number of nodes: its tag Nodes is 'many'"):
        discover_groups(cluster.aws, ENVIRONMENT)


def test_all_pages_are_read(account: Cluster) -> None:
    account.add_group("many", role="storage", nodes=101)
    for number in range(50):  # Auto Scaling gives 50 groups a page
        account.add_group(f"small-{number:02}", role="jepsen", nodes=0, scheduled=False)
    pages: list[str] = []
    with account.hearing("before-call", lambda model, **_: pages.append(model.name)):
        groups = discover_groups(account.aws, ENVIRONMENT)
    assert len(groups) == 51
    assert pages.count("DescribeAutoScalingGroups") == 2
    [many] = choose_groups(groups, ["many"])
    account.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=many.full_name, MaxSize=101, DesiredCapacity=101
    )
    assert len(read_activities(account.aws, many, since=account.now)) == 101  # 100 activities a page
    assert len(list_instances(account.aws, ENVIRONMENT, [many])) == 101


def product(usd: str, unit: str = "Hrs") -> str:
    price = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return json.dumps({"terms": {"OnDemand": {"term": {"priceDimensions": {"rate": price}}}}})


@pytest.mark.parametrize("products, usd", [
    ([product("0.6860000000")], Decimal("0.686")),
    ([product("0.6860000000"), product("0.6860000000")], Decimal("0.686")),
    ([], None),
    ([product("0.0000000000")], None),
    ([product("0.5", unit="Quantity")], None),
    ([product("0.6860000000"), product("0.7000000000")], None),
])  # fmt: skip
def test_an_on_demand_price_is_known_only_if_the_list_has_one_price_per_hour(
    products: list[str], usd: Decimal | None
) -> None:
    asked: dict[str, Any] = {}

    def paginate(**question: Any) -> list[dict[str, Any]]:
        asked.update(question)
        return [{"PriceList": products}]

    client = SimpleNamespace(can_paginate=lambda _: True, get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    aws = AwsAccount(session=boto3.Session(region_name=REGION), _clients={"pricing": client})
    assert prices.on_demand_price(aws, "i4i.2xlarge") == usd
    found = prices.look_up_prices(aws, spot=[], on_demand=["i4i.2xlarge"], since=datetime.now(UTC))
    # The snapshot's where AWS shows none.
    assert found.current_price(CapacityPool(instance_type="i4i.2xlarge", zone="")) == Decimal("0.686")
    filters = {given["Field"]: given["Value"] for given in asked["Filters"]}
    assert filters["instanceType"] == "i4i.2xlarge"
    assert filters["regionCode"] == REGION


def test_the_rights_that_the_documentation_lists_are_those_that_the_console_uses(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[str] = set()

    def note(model: Any, **_: Any) -> None:
        # For all of these services, boto3's name is the prefix of the IAM actions.
        name = model.service_model.endpoint_prefix.removeprefix("api.")
        used.add(required_action(name, model.name))

    monkeypatch.setattr(emulated, "has_spot_capacity", lambda group: group.name != full_name("storage-b"))
    with cluster.hearing("before-call", note):
        window = ClusterWindow(
            environment=ENVIRONMENT, duration=cluster.now - cluster.now.replace(hour=1), on_demand=True
        )
        start_cluster(cluster.aws, window, clock=cluster.pace)
        read_cluster_status(cluster.aws, ENVIRONMENT)
        stop_cluster(cluster.aws, ENVIRONMENT, [], clock=cluster.pace)
    text = (PROJECT_FOLDER / "docs" / "cluster-console.md").read_text()
    policy = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    listed = [action for statement in policy["Statement"] for action in statement["Action"]]
    # GetCallerIdentity needs no right: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    # Auto Scaling reads the launch template's image parameter with the caller's rights.
    assert sorted(listed) == sorted((used - {"sts:GetCallerIdentity"}) | {"ssm:GetParameters"})


def test_groups_are_chosen_by_name_role_or_prefix(cluster: Cluster) -> None:
    groups = discover_groups(cluster.aws, ENVIRONMENT)

    for words, meant in (
        ([], ["fuse-client", "storage-a", "storage-b"]),
        (["storage-a"], ["storage-a"]),
        (["storage"], ["storage-a", "storage-b"]),
        (["fuse"], ["fuse-client"]),
        (["client"], ["fuse-client"]),
        (["fuse-client", "storage-b"], ["fuse-client", "storage-b"]),
    ):
        assert [group.name for group in choose_groups(groups, words)] == meant, words
