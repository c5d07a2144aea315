"""One key: rotated, hard to lose, used by whom IAM lets, and by two services and two roles under conditions."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.scope import Scope
from infra.storage.encryption import Encryption, EncryptionArgs
from infra.storage.key_declaration import key_policy
from tests.unit.infra.conftest import secured_stack

if TYPE_CHECKING:
    import pulumi

    from infra.tags import Tags
    from tests.unit.infra.conftest import Declare, Recorder

REGION = "us-west-2"
ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
SCOPE = Scope(account_id=ACCOUNT_ID, region=REGION, environment="test")


def declared(declare: Declare, tags: Tags, *, protected: bool = True) -> Recorder:
    def program() -> pulumi.Output[str]:
        args = EncryptionArgs(stack=secured_stack(tags), protected=protected, adopted_key="")
        return Encryption("encryption", args=args).key_arn

    return declare(program)


def statements() -> dict[str, dict[str, Any]]:
    policy = json.loads(key_policy(SCOPE))
    return {said["Sid"]: said for said in policy["Statement"]}


def test_the_key_rotates_and_can_be_had_back_for_30_days(declare: Declare, tags: Tags) -> None:
    key = declared(declare, tags).one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    # AWS's own waiting period is 30 days.
    assert "deletionWindowInDays" not in key.inputs
    assert "bypassPolicyLockoutSafetyCheck" not in key.inputs
    assert key.tags["Role"] == "encryption"


@pytest.mark.parametrize("protected", [True, False])
def test_the_argument_decides_whether_the_key_is_protected(declare: Declare, tags: Tags, *, protected: bool) -> None:
    assert declared(declare, tags, protected=protected).one("aws:kms/key:Key").protect is protected


def test_the_alias_is_named_after_the_environment(declare: Declare, tags: Tags) -> None:
    recorder = declared(declare, tags)
    assert recorder.one("Alias").inputs["name"] == "alias/claudefs-test"
    assert recorder.outputs["encryption"]["keyArn"] == recorder.result


def test_the_key_has_the_policy_of_its_place(declare: Declare, tags: Tags) -> None:
    key = declared(declare, tags).one("aws:kms/key:Key")
    assert key.document() == json.loads(key_policy(SCOPE))


def test_nobody_beside_the_account_four_services_and_two_roles_uses_the_key() -> None:
    assert {sid: said["Principal"] for sid, said in statements().items()} == {
        "IamPoliciesDecide": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        "LogsOfThisEnvironment": {"Service": f"logs.{REGION}.amazonaws.com"},
        "AlertsOfAlarms": {"Service": "cloudwatch.amazonaws.com"},
        "AlertsOfAnomalies": {"Service": "costalerts.amazonaws.com"},
        "AlertsOfBudgets": {"Service": "budgets.amazonaws.com"},
        "DisksOfLaunchedNodes": {"AWS": "*"},
        "LendKeyToLaunchedNodes": {"AWS": "*"},
    }


OF_ROLES = ("DisksOfLaunchedNodes", "LendKeyToLaunchedNodes")
AUTO_SCALING = f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
SPOT = f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"


def let_in(sid: str, action: str, context: dict[str, str]) -> bool:
    """Evaluate a statement as KMS does, whose conditions are all of equality."""
    said = statements()[sid]
    return action in said["Action"] and all(
        context.get(key) in (wanted if isinstance(wanted, list) else [wanted])
        for tests in said["Condition"].values()
        for key, wanted in tests.items()
    )


@pytest.mark.parametrize("role", [AUTO_SCALING, SPOT])
def test_auto_scaling_and_spot_encrypt_the_disks_of_nodes(role: str) -> None:
    caller = {"kms:CallerAccount": ACCOUNT_ID, "aws:PrincipalArn": role}

    assert let_in("DisksOfLaunchedNodes", "kms:GenerateDataKeyWithoutPlaintext", caller)
    lends = {**caller, "kms:GrantIsForAWSResource": "true"}
    assert let_in("LendKeyToLaunchedNodes", "kms:CreateGrant", lends)
    assert not let_in("LendKeyToLaunchedNodes", "kms:CreateGrant", {**lends, "kms:GrantIsForAWSResource": "false"})
    assert not let_in("LendKeyToLaunchedNodes", "kms:CreateGrant", caller)


@pytest.mark.parametrize(
    "changed",
    [
        {"kms:CallerAccount": ACCOUNT_ID[::-1]},
        {"aws:PrincipalArn": AUTO_SCALING.replace(ACCOUNT_ID, ACCOUNT_ID[::-1])},
        {"aws:PrincipalArn": f"{AUTO_SCALING}_2"},
        {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_ID}:role/AWSServiceRoleForAutoScaling"},
        {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_ID}:user/someone"},
        {"aws:PrincipalArn": "*"},
    ],
)
def test_nobody_else_gets_in_where_those_roles_do(changed: dict[str, str]) -> None:
    caller = {
        "kms:CallerAccount": ACCOUNT_ID,
        "aws:PrincipalArn": AUTO_SCALING,
        "kms:GrantIsForAWSResource": "true",
        **changed,
    }

    assert not [sid for sid in OF_ROLES for action in statements()[sid]["Action"] if let_in(sid, action, caller)]


def test_a_caller_without_account_or_role_does_not_get_in_where_those_roles_do() -> None:
    everything = {"kms:GrantIsForAWSResource": "true"}

    assert not [sid for sid in OF_ROLES for action in statements()[sid]["Action"] if let_in(sid, action, everything)]
    assert all(
        {"kms:CallerAccount", "aws:PrincipalArn"} <= statements()[sid]["Condition"]["StringEquals"].keys()
        for sid in OF_ROLES
    )


def test_iam_policies_can_hand_out_every_right_that_keeps_the_key_manageable() -> None:
    actions = statements()["IamPoliciesDecide"]["Action"]
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:CreateGrant"} <= set(actions)


def test_logs_use_it_for_this_environments_groups_alone() -> None:
    assert statements()["LogsOfThisEnvironment"]["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/cfs/test/*"}
    }


def test_budgets_use_it_for_this_account_alone() -> None:
    assert statements()["AlertsOfBudgets"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT_ID}:*"},
    }


@pytest.mark.parametrize("sid", ["LogsOfThisEnvironment", "AlertsOfBudgets", "DisksOfLaunchedNodes"])
def test_services_do_not_manage_the_key(sid: str) -> None:
    use = {"Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}
    allowed = {f"kms:{name}" for name in use | {"ReEncryptFrom", "ReEncryptTo"}}
    assert set(statements()[sid]["Action"]) <= allowed


def test_no_action_has_a_wildcard() -> None:
    assert not [action for said in statements().values() for action in said["Action"] if "*" in action]


def test_arguments_are_frozen_and_keyword_only() -> None:
    assert all(field.kw_only for field in fields(EncryptionArgs))
    assert cast("Any", EncryptionArgs).__dataclass_params__.frozen
