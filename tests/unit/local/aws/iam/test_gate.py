"""Requests as AWS's own clients send them, let pass and refused as AWS does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from local.aws.iam import IAM_PATH
from local.aws.iam.gate import AccessGate, with_iam_control
from tests.unit.local.aws.iam.conftest import (
    ACCOUNT,
    REGION,
    TRUST,
    document,
    refusal,
    session_credentials,
    statement,
)

if TYPE_CHECKING:
    from tests.unit.local.aws.iam.conftest import Guarded

SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Actor/run"


def regional(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


@pytest.mark.parametrize(
    "call, code, action, resource",
    [
        ("iam.get_role RoleName=r", "AccessDenied", "iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/r"),
        ("kms.list_aliases", "AccessDeniedException", "kms:ListAliases", "*"),
        (
            "scheduler.get_schedule Name=s",
            "AccessDeniedException",
            "scheduler:GetSchedule",
            regional("scheduler", "schedule/default/s"),
        ),
        ("s3.get_bucket_tagging Bucket=bucket", "AccessDenied", "s3:GetBucketTagging", "arn:aws:s3:::bucket"),
        ("ec2.describe_vpcs", "UnauthorizedOperation", "ec2:DescribeVpcs", "*"),
        (
            f"sns.publish Message=m TopicArn={regional('sns', 't')}",
            "AuthorizationError",
            "sns:Publish",
            regional("sns", "t"),
        ),
        (
            "logs.delete_log_group logGroupName=g",
            "AccessDeniedException",
            "logs:DeleteLogGroup",
            regional("logs", "log-group:g:log-stream:"),
        ),
        (
            f"budgets.describe_budget BudgetName=b AccountId={ACCOUNT}",
            "AccessDeniedException",
            "budgets:ViewBudget",
            f"arn:aws:budgets::{ACCOUNT}:budget/b",
        ),
    ],
)
def test_a_role_is_refused_what_it_is_not_granted_in_the_words_of_its_protocol(
    account: Guarded, call: str, code: str, action: str, resource: str
) -> None:
    called, *parameters = call.split()
    service, _, operation = called.partition(".")
    given = dict(parameter.split("=") for parameter in parameters)

    refused, message = refusal(getattr(account.acting(service), operation), **given)

    assert refused == code
    assert message.endswith(
        f"User: {SESSION} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def test_the_administrator_may_do_everything_and_the_gate_says_what_was_used_and_refused(account: Guarded) -> None:
    account.gate.forget()
    account.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    refusal(account.acting("s3").put_object, Bucket="bucket", Key="k", Body=b"")

    seen = account.gate.describe()

    administrator = seen["used"][f"arn:aws:iam::{ACCOUNT}:user/test"]
    assert {right["action"] for right in administrator} == {"s3:CreateBucket", "iam:CreateRole", "sts:AssumeRole"}
    assert seen["denials"] == [
        {
            "principal": SESSION,
            "action": "s3:PutObject",
            "resource": "arn:aws:s3:::bucket/k",
            "reason": "because no identity-based policy allows the s3:PutObject action",
            "policy": "",
            "statement": "",
        }
    ]
    account.gate.forget()
    assert account.gate.describe()["denials"] == []


@pytest.mark.parametrize(
    "service, operation, code",
    [
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("kms", "list_keys", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("ec2", "describe_vpcs", "AuthFailure"),
    ],
)
def test_credentials_that_nobody_was_given_are_refused(
    account: Guarded, service: str, operation: str, code: str
) -> None:
    stranger = account.client(service, aws_access_key_id="stranger", aws_secret_access_key="s")

    assert refusal(getattr(stranger, operation))[0] == code


def test_a_session_needs_its_token_and_sees_who_it_is_without_any_right(account: Guarded) -> None:
    credentials = account.credentials(account.role("Actor"))

    assert account.client("sts", **credentials).get_caller_identity()["Arn"] == SESSION
    forged = {**credentials, "aws_session_token": "forged"}
    assert refusal(account.client("sts", **forged).get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_user_acts_by_the_policies_of_its_own_and_of_its_groups(account: Guarded) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="carlos")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="carlos")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(statement("iam:ListRoles")))
    key = iam.create_access_key(UserName="carlos")["AccessKey"]
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    account.client("iam", **own).list_roles()
    assert refusal(account.client("iam", **own).list_users)[0] == "AccessDenied"


def test_a_boundary_and_a_session_policy_limit_a_role(account: Guarded) -> None:
    iam = account.client("iam")
    role = account.role("Actor", statement("iam:*"))
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(statement("iam:List*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="Actor", PermissionsBoundary=boundary)

    bounded = account.client("iam", **account.credentials(role))
    bounded.list_roles()
    assert "no permissions boundary allows" in refusal(bounded.get_role, RoleName="Actor")[1]
    narrowed = account.client("iam", **account.credentials(role, Policy=document(statement("iam:ListUsers"))))
    assert "no session policy allows" in refusal(narrowed.list_roles)[1]


def test_a_role_that_is_made_bears_no_boundary_but_its_requests(account: Guarded) -> None:
    iam = account.client("iam")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(statement("iam:List*")))["Policy"]["Arn"]
    account.role("Taken")
    iam.put_role_permissions_boundary(RoleName="Taken", PermissionsBoundary=boundary)
    bounded = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    maker = account.acting("iam", statement("iam:CreateRole", Condition=bounded))

    role = {"RoleName": "Taken", "AssumeRolePolicyDocument": document(TRUST)}
    assert refusal(maker.create_role, **role)[0] == "AccessDenied"
    assert refusal(maker.create_role, **role, PermissionsBoundary=boundary)[0] == "EntityAlreadyExists"


def test_a_role_is_assumed_only_by_whom_it_trusts(account: Guarded) -> None:
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = account.role("Machine", statement("iam:ListRoles"), trust=service)
    assume = {"RoleArn": role, "RoleSessionName": "i-1"}

    for to in (role, f"{role}Gone"):
        refused = refusal(account.client("sts").assume_role, RoleArn=to, RoleSessionName="i-1")
        assert "no role trust policy allows" in refused[1]
    as_ec2 = account.client("sts", aws_access_key_id="ec2.amazonaws.com", aws_secret_access_key="s")
    granted = session_credentials(as_ec2.assume_role(**assume)["Credentials"])
    account.client("iam", **granted).list_roles()


def test_an_object_that_is_not_there_is_forbidden_to_who_may_not_list_its_bucket(account: Guarded) -> None:
    account.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3 = account.acting("s3", statement("s3:GetObject"))

    assert "s3:ListBucket" in refusal(s3.get_object, Bucket="bucket", Key="k")[1]
    account.client("iam").put_role_policy(
        RoleName="Actor", PolicyName="list", PolicyDocument=document(statement("s3:ListBucket"))
    )
    assert refusal(s3.get_object, Bucket="bucket", Key="k")[0] == "NoSuchKey"


def test_an_encrypted_bucket_needs_its_key_through_s3_as_the_policies_of_both_sides_say(account: Guarded) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = account.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="bucket",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_key}]},
    )
    through = {"Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}}
    use = statement("kms:GenerateDataKey", resource=key, **through)
    writing = account.acting("s3", statement("s3:PutObject", "s3:GetObject"), use)

    writing.put_object(Bucket="bucket", Key="k", Body=b"")
    assert "kms:Decrypt" in refusal(writing.get_object, Bucket="bucket", Key="k")[1]
    writing.head_object(Bucket="bucket", Key="k")
    mine = statement("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/test"})
    account.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=document(mine))
    assert (
        "no resource-based policy allows the kms:Generate"
        in refusal(writing.put_object, Bucket="bucket", Key="k", Body=b"")[1]
    )


def test_a_buckets_policy_denies_the_administrator_too(account: Guarded) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    condition = {"Null": {"s3:if-none-match": "true"}}
    denied = statement("s3:PutObject", Effect="Deny", Principal="*", Condition=condition)
    s3.put_bucket_policy(Bucket="bucket", Policy=document(denied))

    assert (
        "with an explicit deny in a resource-based policy"
        in refusal(s3.put_object, Bucket="bucket", Key="k", Body=b"")[1]
    )
    s3.put_object(Bucket="bucket", Key="k", Body=b"", IfNoneMatch="*")


def test_a_role_is_made_only_with_its_boundary_and_handed_over_only_to_its_service(account: Guarded) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/b"
    account.client("iam").create_policy(PolicyName="b", PolicyDocument=document(statement("*")))
    target = f"arn:aws:iam::{ACCOUNT}:role/Made"
    iam = account.acting(
        "iam",
        statement("iam:CreateRole", "iam:PutRolePolicy", resource=target, Condition={
            "StringEquals": {"iam:PermissionsBoundary": boundary}
        }),
        statement("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"),
        statement("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}),
    )  # fmt: skip
    made = {"RoleName": "Made", "AssumeRolePolicyDocument": document(TRUST)}

    assert "iam:CreateRole" in refusal(iam.create_role, **made)[1]
    iam.create_role(**made, PermissionsBoundary=boundary)
    iam.put_role_policy(RoleName="Made", PolicyName="p", PolicyDocument=document(statement("s3:*")))
    iam.create_instance_profile(InstanceProfileName="p")
    passing = refusal(iam.add_role_to_instance_profile, InstanceProfileName="p", RoleName="Made")[1]
    assert f"iam:PassRole on resource: {target}" in passing


def test_an_alias_is_deleted_by_who_may_do_so_to_its_key_too(account: Guarded) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    own = account.acting("kms", statement("kms:DeleteAlias", resource=regional("kms", "alias/a")))

    assert f"on resource: {key['Arn']}" in refusal(own.delete_alias, AliasName="alias/a")[1]


def test_the_switch_is_a_request_of_its_own() -> None:
    gate = AccessGate()

    @Request.application
    def app(_request: Request) -> Response:
        return Response("moto")

    client = Client(with_iam_control(app, gate))
    assert json.loads(client.get(IAM_PATH).text)["enforced"] is False
    issuers = {"https://issuer": "http://127.0.0.1/keys"}
    client.put(IAM_PATH, json={"enforced": True, "issuers": issuers})
    assert (gate.enforced, gate.describe()["issuers"]) == (True, issuers)
    assert client.get("/").text == "moto"
    unsigned = gate.admit(Request(Client(app).get("/").request.environ))
    assert unsigned is not None
    assert b"MissingAuthenticationToken" in unsigned.body
