"""Each documented rule refuses a bad call with AWS's code, and admits a good one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.api_rules.request_check import RequestCheck, documented_rules
from local.aws.iam.in_process import guard_client

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from local.aws.journal import RecordedAnswer

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
CONFIG = Config(parameter_validation=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})

RULES = documented_rules(lambda: NOW)

Parameters = dict[str, Any]
Call = tuple[str, str, Parameters]


class AdmittedError(Exception):
    """The check admitted a request, which would now be sent."""


class CallingCheck:
    """Makes calls that are checked and not sent."""

    def __init__(self) -> None:
        """Call without any client so far: creating one takes long."""
        self.check = RequestCheck(lambda: NOW)
        self._clients: dict[str, Any] = {}

    def make_call(self, service: str, method: str, parameters: Parameters) -> None:
        """Make a call; raise its refusal, or AdmittedError."""
        getattr(self._client(service), method)(**parameters)

    def admit(self, request: Request) -> RecordedAnswer | None:
        """Ask the current check."""
        return self.check.admit(request)

    def _client(self, service: str) -> Any:
        def stop(**_: Any) -> None:
            raise AdmittedError

        if service not in self._clients:
            client = boto3.client(service, region_name="us-west-2", config=CONFIG, **KEYS)
            guard_client(client, self.admit)
            client.meta.events.register_last("before-send", stop)
            self._clients[service] = client
        return self._clients[service]


def document(*statements: Parameters) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def rule_of(**permission: Any) -> Parameters:
    return {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, **permission}]}


def tagged(*pairs: tuple[str, str]) -> Parameters:
    tags = [{"Key": key, "Value": value} for key, value in pairs]
    return {"CidrBlock": "10.0.0.0/16", "TagSpecifications": [{"ResourceType": "vpc", "Tags": tags}]}


def launch(**parameters: Any) -> Parameters:
    return {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, **parameters}


def disk(**settings: Any) -> Parameters:
    return launch(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 10, **settings}}])


def template(name: str) -> Parameters:
    return {"LaunchTemplateName": name, "LaunchTemplateData": {"InstanceType": "t3.micro"}}


def group(**parameters: Any) -> Parameters:
    launched = {"LaunchTemplate": {"LaunchTemplateName": "nodes"}}
    return {"AutoScalingGroupName": "nodes", "MinSize": 0, "MaxSize": 3, **launched, **parameters}


def scheduled(**parameters: Any) -> Parameters:
    return {"AutoScalingGroupName": "nodes", "ScheduledActionName": "stop", "MinSize": 0, **parameters}


def lifecycle(*rules: Parameters) -> Parameters:
    whole = [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for rule in rules]
    return {"Bucket": "artifacts", "LifecycleConfiguration": {"Rules": whole}}


def alarm(**parameters: Any) -> Parameters:
    compared = {"ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 1, "Threshold": 1.0}
    measured = {"MetricName": "Invocations", "Namespace": "AWS/Lambda", "Period": 300, "Statistic": "Sum"}
    return {"AlarmName": "silent", **compared, **measured, **parameters}


def parameter(**values: Any) -> Parameters:
    return {"Name": "mode", "Type": "String", "Value": "normal", **values}


def function(**variables: str) -> Parameters:
    role = "arn:aws:iam::111122223333:role/guard"
    code = {"ZipFile": b"zip"}
    return {"FunctionName": "guard", "Role": role, "Code": code, "Environment": {"Variables": variables}}


def ssm_document(name: str, *steps: str) -> Parameters:
    written = [{"name": step, "action": "aws:runShellScript"} for step in steps]
    content = json.dumps({"schemaVersion": "2.2", "mainSteps": written})
    return {"Name": name, "Content": content, "DocumentType": "Command"}


def budget(**values: Any) -> Parameters:
    limit = {"Amount": "100", "Unit": "USD"}
    whole = {"BudgetName": "daily", "TimeUnit": "DAILY", "BudgetType": "COST", "BudgetLimit": limit, **values}
    return {"AccountId": "111122223333", "Budget": whole}


def alert(*subscribers: tuple[str, str]) -> Parameters:
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80}
    told = [{"SubscriptionType": kind, "Address": address} for kind, address in subscribers]
    return {"AccountId": "111122223333", "BudgetName": "daily", "Notification": notification, "Subscribers": told}


def forecast(unit: str) -> Parameters:
    notification = {"NotificationType": "FORECASTED", "ComparisonOperator": "GREATER_THAN", "Threshold": 100}
    told = [{"SubscriptionType": "EMAIL", "Address": "ops@example.org"}]
    alerts = [{"Notification": notification, "Subscribers": told}]
    return {**budget(TimeUnit=unit), "NotificationsWithSubscribers": alerts}


def table(*attributes: str) -> Parameters:
    defined = [{"AttributeName": name, "AttributeType": "S"} for name in attributes]
    keys = [{"AttributeName": "day", "KeyType": "HASH"}]
    return {"TableName": "ledger", "AttributeDefinitions": defined, "KeySchema": keys, "BillingMode": "PAY_PER_REQUEST"}


def anomalies(kind: str, address: str) -> Parameters:
    told = [{"Type": kind, "Address": address}]
    named = {"SubscriptionName": "anomalies", "MonitorArnList": ["arn:aws:ce::111122223333:anomalymonitor/1"]}
    return {"AnomalySubscription": {**named, "Subscribers": told, "Frequency": "IMMEDIATE"}}


ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
OPEN = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
LONG = "a" * 10000
TOPIC, OTHER_TOPIC = "arn:aws:sns:us-west-2:111122223333:alerts", "arn:aws:sns:us-west-2:111122223333:others"
MANY_TAGS = [{"Key": f"key-{number}", "Value": ""} for number in range(51)]
MANY_PAIRS = tuple((f"key-{number}", "") for number in range(51))


def inline(*statements: Parameters) -> Parameters:
    return {"RoleName": "nodes", "PolicyName": "own", "PolicyDocument": document(*statements)}


def role(*, sid: str = "", tags: tuple[str, ...] = ()) -> Parameters:
    trust = {**TRUST, "Sid": sid} if sid else TRUST
    named = [{"Key": key, "Value": ""} for key in tags]
    return {"RoleName": "nodes", "AssumeRolePolicyDocument": document(trust), "Tags": named}


def key_policy(principal: Parameters, *, size: int = 1) -> Parameters:
    changed = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*", "Sid": "a" * size}
    return {"Policy": document(changed)}


ACCOUNT = {"AWS": "arn:aws:iam::111122223333:root"}
SERVICE = {"Service": "logs.amazonaws.com"}

CASES: dict[str, tuple[str, str, Parameters, Parameters]] = {
    "EC2's tag keys do not start with aws:": ("ec2", "create_vpc", tagged(("Name", "a")), tagged(("aws:Name", "a"))),
    "EC2's resources have at most 50 tags": ("ec2", "create_vpc", tagged(*MANY_PAIRS[1:]), tagged(*MANY_PAIRS)),
    "EC2's tags have keys of 1 to 128 characters, and values of up to 256": (
        "ec2",
        "create_vpc",
        tagged(("a" * 128, "b" * 256)),
        tagged(("a" * 128, "b" * 257)),
    ),
    "EC2's resources have each tag key once": (
        "ec2",
        "create_vpc",
        tagged(("project", "a"), ("Project", "a")),
        tagged(("project", "a"), ("project", "a")),
    ),
    "tag keys of other services do not start with aws:": (
        "logs",
        "create_log_group",
        {"logGroupName": "a", "tags": {"Name": "a"}},
        {"logGroupName": "a", "tags": {"AWS:Name": "a"}},
    ),
    "other resources have at most 50 tags": (
        "events",
        "put_rule",
        {"Name": "a", "ScheduleExpression": "rate(5 minutes)", "Tags": MANY_TAGS[1:]},
        {"Name": "a", "ScheduleExpression": "rate(5 minutes)", "Tags": MANY_TAGS},
    ),
    "IAM's tag keys differ in more than their case": (
        "iam",
        "create_role",
        role(tags=("project", "Name")),
        role(tags=("project", "Project")),
    ),
    "descriptions of security groups have only the listed characters": (
        "ec2",
        "create_security_group",
        {"GroupName": "nodes", "Description": "The group of the nodes"},
        {"GroupName": "nodes", "Description": "The nodes' group"},
    ),
    "names of security groups do not start with sg-, and have at most 255 of the listed characters": (
        "ec2",
        "create_security_group",
        {"GroupName": "nodes-sg", "Description": "nodes"},
        {"GroupName": "sg-nodes", "Description": "nodes"},
    ),
    "descriptions of rules have only the listed characters": (
        "ec2",
        "authorize_security_group_ingress",
        rule_of(UserIdGroupPairs=[{"GroupId": "sg-2", "Description": "probes"}]),
        rule_of(UserIdGroupPairs=[{"GroupId": "sg-2", "Description": "the operator's probes"}]),
    ),
    "TCP and UDP rules have a range of ports": (
        "ec2",
        "authorize_security_group_egress",
        rule_of(IpRanges=[{"CidrIp": "10.0.0.0/8"}]),
        rule_of(IpRanges=[{"CidrIp": "10.0.0.0/8"}], FromPort=2, ToPort=1),
    ),
    "networks in rules have no address bits behind their prefix": (
        "ec2",
        "authorize_security_group_ingress",
        rule_of(IpRanges=[{"CidrIp": "10.0.0.0/8"}]),
        rule_of(IpRanges=[{"CidrIp": "10.0.0.1/8"}]),
    ),
    "user data has at most 16 KiB": (
        "ec2",
        "create_launch_template",
        {**template("nodes"), "LaunchTemplateData": {"UserData": base64.b64encode(b"a" * 16384).decode()}},
        {**template("nodes"), "LaunchTemplateData": {"UserData": base64.b64encode(b"a" * 16385).decode()}},
    ),
    "names of launch templates have 3 to 128 of the listed characters": (
        "ec2",
        "create_launch_template",
        template("nodes"),
        template("nodes of site A"),
    ),
    "disks have only the performance that their type and size allow": (
        "ec2",
        "run_instances",
        disk(VolumeType="gp3", Iops=5000, Throughput=1000),
        disk(VolumeType="gp3", Iops=5001, Throughput=125),
    ),
    "a VPC's network has a prefix of 16 to 28 bits": (
        "ec2",
        "create_vpc",
        {"CidrBlock": "10.0.0.0/16"},
        {"CidrBlock": "10.0.0.0/15"},
    ),
    "the least number of instances is not above the highest": (
        "ec2",
        "run_instances",
        launch(MinCount=2, MaxCount=2),
        launch(MinCount=3, MaxCount=2),
    ),
    "an interface has at most 5 security groups": (
        "ec2",
        "run_instances",
        launch(SecurityGroupIds=[f"sg-{number}" for number in range(5)]),
        launch(SecurityGroupIds=[f"sg-{number}" for number in range(6)]),
    ),
    "security groups are given for an interface or an instance, not for both": (
        "ec2",
        "run_instances",
        launch(NetworkInterfaces=[{"DeviceIndex": 0, "Groups": ["sg-1"]}]),
        launch(NetworkInterfaces=[{"DeviceIndex": 0}], SecurityGroupIds=["sg-1"]),
    ),
    "a role's inline policy has at most 10,240 characters": (
        "iam",
        "put_role_policy",
        inline({**ALLOW, "Sid": LONG}),
        inline({**ALLOW, "Sid": LONG + LONG[:300]}),
    ),
    "a managed policy has at most 6,144 characters": (
        "iam",
        "create_policy",
        {"PolicyName": "all", "PolicyDocument": document({**ALLOW, "Sid": LONG[:6000]})},
        {"PolicyName": "all", "PolicyDocument": document({**ALLOW, "Sid": LONG[:6144]})},
    ),
    "a trust policy has at most 2,048 characters": ("iam", "create_role", role(sid="a" * 1900), role(sid="a" * 2048)),
    "identity policies follow the grammar, and name no principal": (
        "iam",
        "put_role_policy",
        inline(ALLOW),
        inline({**ALLOW, "Principal": "*"}),
    ),
    "statement IDs of identity policies are alphanumeric": (
        "iam",
        "put_role_policy",
        inline({**ALLOW, "Sid": "ReadArtifacts"}),
        inline({**ALLOW, "Sid": "read-artifacts"}),
    ),
    "bucket policies follow the grammar, and name principals": (
        "s3",
        "put_bucket_policy",
        {"Bucket": "artifacts", "Policy": document(OPEN)},
        {"Bucket": "artifacts", "Policy": document(ALLOW)},
    ),
    "a bucket policy has at most 20 KiB": (
        "s3",
        "put_bucket_policy",
        {"Bucket": "artifacts", "Policy": document({**OPEN, "Sid": LONG + LONG})},
        {"Bucket": "artifacts", "Policy": document({**OPEN, "Sid": LONG + LONG + LONG[:480]})},
    ),
    "a key policy lets the account change it": ("kms", "create_key", key_policy(ACCOUNT), key_policy(SERVICE)),
    "a key policy has at most 32 KiB": (
        "kms",
        "create_key",
        key_policy(ACCOUNT, size=32000),
        key_policy(ACCOUNT, size=32768),
    ),
    "a group's sizes are in order": (
        "autoscaling",
        "create_auto_scaling_group",
        group(DesiredCapacity=3),
        group(DesiredCapacity=4),
    ),
    "a group has one source of launches": (
        "autoscaling",
        "create_auto_scaling_group",
        group(),
        group(LaunchConfigurationName="old"),
    ),
    "scheduled actions start and end in the future, in this order": (
        "autoscaling",
        "put_scheduled_update_group_action",
        scheduled(StartTime=datetime(2026, 11, 26, 12, 1, tzinfo=UTC)),
        scheduled(StartTime=datetime(2026, 11, 26, 11, 59, tzinfo=UTC)),
    ),
    "recurrences are cron expressions of five fields": (
        "autoscaling",
        "put_scheduled_update_group_action",
        scheduled(Recurrence="0 9 * * 1-5"),
        scheduled(Recurrence="0 9 ? * MON-FRI *"),
    ),
    "time zones are in IANA's database": (
        "autoscaling",
        "put_scheduled_update_group_action",
        scheduled(TimeZone="America/Los_Angeles"),
        scheduled(TimeZone="America/San_Francisco"),
    ),
    "schedules of rules are rates, with 1 in the singular, or cron expressions of six fields with one '?'": (
        "events",
        "put_rule",
        {"Name": "guard", "ScheduleExpression": "rate(1 minute)"},
        {"Name": "guard", "ScheduleExpression": "rate(1 minutes)"},
    ),
    "a rule has at most five targets": (
        "events",
        "put_targets",
        {"Rule": "guard", "Targets": [{"Id": str(number), "Arn": TOPIC} for number in range(5)]},
        {"Rule": "guard", "Targets": [{"Id": str(number), "Arn": TOPIC} for number in range(6)]},
    ),
    "bucket names are valid and not reserved": (
        "s3",
        "create_bucket",
        {"Bucket": "claudefs-state"},
        {"Bucket": "sthree-state"},
    ),
    "lifecycle rules have an action, an own ID, and days in order": (
        "s3",
        "put_bucket_lifecycle_configuration",
        lifecycle({"Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}], "Expiration": {"Days": 31}}),
        lifecycle({"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]}),
    ),
    "log groups keep events for one of the listed periods": (
        "logs",
        "put_retention_policy",
        {"logGroupName": "/cfs/prod", "retentionInDays": 90},
        {"logGroupName": "/cfs/prod", "retentionInDays": 100},
    ),
    "names of log groups do not start with aws/": (
        "logs",
        "create_log_group",
        {"logGroupName": "/aws/lambda/guard"},
        {"logGroupName": "aws/lambda/guard"},
    ),
    "alarms look back a day at most, or a week with periods of an hour or more": (
        "cloudwatch",
        "put_metric_alarm",
        alarm(Period=3600, EvaluationPeriods=168),
        alarm(Period=300, EvaluationPeriods=289),
    ),
    "alarms need no more data points than they evaluate": (
        "cloudwatch",
        "put_metric_alarm",
        alarm(DatapointsToAlarm=1),
        alarm(DatapointsToAlarm=2),
    ),
    "dashboards are JSON, and their widgets stay within 24 columns": (
        "cloudwatch",
        "put_dashboard",
        {"DashboardName": "cost", "DashboardBody": json.dumps({"widgets": [{"x": 12, "width": 12}]})},
        {"DashboardName": "cost", "DashboardBody": json.dumps({"widgets": [{"x": 13, "width": 12}]})},
    ),
    "names of parameters do not start with aws or ssm, and have at most 15 levels": (
        "ssm",
        "put_parameter",
        parameter(Name="/claudefs/aws"),
        parameter(Name="/AWS/claudefs"),
    ),
    "parameters of the standard tier have at most 4 KiB": (
        "ssm",
        "put_parameter",
        parameter(Value="a" * 4096),
        parameter(Value="a" * 4097),
    ),
    "names of documents do not start with aws, amazon or amzn": (
        "ssm",
        "create_document",
        ssm_document("claudefs-drain", "drain"),
        ssm_document("AWS-drain", "drain"),
    ),
    "a function's variables have at most 4 KiB, and no reserved name": (
        "lambda",
        "create_function",
        function(CFS_REGION="us-west-2"),
        function(AWS_REGION="us-west-2"),
    ),
    "a function's log levels need the format JSON": (
        "lambda",
        "create_function",
        {**function(), "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"}},
        {**function(), "LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}},
    ),
    "functions have a runtime that Lambda still supports": (
        "lambda",
        "create_function",
        {**function(), "Runtime": "python3.13"},
        {**function(), "Runtime": "python3.8"},
    ),
    "documents have their type's schema version, and steps with an action and their own name": (
        "ssm",
        "create_document",
        ssm_document("claudefs-drain", "drain", "count"),
        ssm_document("claudefs-drain", "drain", "drain"),
    ),
    "budget alerts have at most one topic and ten valid addresses": (
        "budgets",
        "create_notification",
        alert(("SNS", TOPIC), ("EMAIL", "ops@example.org")),
        alert(("SNS", TOPIC), ("SNS", OTHER_TOPIC)),
    ),
    "daily budgets have no forecast": ("budgets", "create_budget", forecast("MONTHLY"), forecast("DAILY")),
    "budgets have a positive amount": (
        "budgets",
        "create_budget",
        budget(),
        budget(BudgetLimit={"Amount": "0", "Unit": "USD"}),
    ),
    "budgets have one kind of limit": (
        "budgets",
        "create_budget",
        budget(),
        budget(PlannedBudgetLimits={"1796000000": {"Amount": "1", "Unit": "USD"}}),
    ),
    "subscribers' endpoints fit their protocol": (
        "sns",
        "subscribe",
        {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "ops@example.org"},
        {"TopicArn": TOPIC, "Protocol": "https", "Endpoint": "http://example.org"},
    ),
    "tables define the attributes of their keys, and no others": (
        "dynamodb",
        "create_table",
        table("day"),
        table("day", "entry"),
    ),
    "immediate anomaly subscriptions have topics, the others addresses": (
        "ce",
        "create_anomaly_subscription",
        anomalies("SNS", TOPIC),
        anomalies("EMAIL", "ops@example.org"),
    ),
}


@pytest.fixture(scope="module")
def all_calls() -> CallingCheck:
    return CallingCheck()


@pytest.fixture
def calls(all_calls: CallingCheck) -> CallingCheck:
    all_calls.check = RequestCheck(lambda: NOW)
    return all_calls


def test_each_rule_has_a_good_and_a_bad_call() -> None:
    assert sorted(CASES) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_refuses_its_bad_call_and_admits_its_good_one(calls: CallingCheck, name: str) -> None:
    [rule] = [rule for rule in RULES if rule.name == name]
    service, method, good, bad = CASES[name]
    with pytest.raises(AdmittedError):
        calls.make_call(service, method, good)
    with pytest.raises(ClientError) as refused:
        calls.make_call(service, method, bad)
    assert refused.value.response["Error"]["Code"] == rule.code
    assert refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "call, code, message",
    [
        (
            ("iam", "create_role", {"RoleName": "a" * 65, "AssumeRolePolicyDocument": document(TRUST)}),
            "ValidationError",
            "at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
        ),
        (
            ("kms", "create_key", {"KeyUsage": "SECRET"}),
            "ValidationException",
            "Value 'SECRET' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        (
            ("lambda", "put_function_concurrency", {"FunctionName": "guard"}),
            "ValidationException",
            "Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null",
        ),
        (
            ("logs", "create_log_group", {"logGroupName": "cost guard"}),
            "InvalidParameterException",
            "at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        (
            ("ec2", "run_instances", launch(InstanceInitiatedShutdownBehavior="sleep")),
            "InvalidParameterValue",
            "Member must satisfy enum value set: [stop, terminate]",
        ),
    ],
)
def test_a_call_that_the_service_model_forbids_is_refused(
    calls: CallingCheck, call: Call, code: str, message: str
) -> None:
    with pytest.raises(ClientError) as refused:
        calls.make_call(*call)
    assert refused.value.response["Error"]["Code"] == code
    assert message in refused.value.response["Error"]["Message"]


def test_checked_calls_are_counted(calls: CallingCheck) -> None:
    with pytest.raises(AdmittedError):
        calls.make_call("sns", "create_topic", {"Name": "alerts"})
    counts = calls.check.describe()
    assert counts["operations"] == {"sns:CreateTopic": 1}
    assert (counts["parameters"], counts["unread"], counts["refused"]) == (1, {}, [])


def test_the_arn_of_a_bucket_is_admitted_against_its_pattern(calls: CallingCheck) -> None:
    arn = "arn:aws:s3:::artifacts"
    with pytest.raises(AdmittedError):
        calls.make_call("s3control", "list_tags_for_resource", {"AccountId": "111122223333", "ResourceArn": arn})


def test_a_check_that_is_off_admits_everything(calls: CallingCheck) -> None:
    calls.check.on = False
    with pytest.raises(AdmittedError):
        calls.make_call("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/8"})
