"""Rules of S3, CloudWatch, Systems Manager, Lambda, Budgets, Cost Explorer, SNS and DynamoDB."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.aws.api_rules.rule import ApiRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.aws.api_rules.rule import Parameters

RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""Retention periods of log groups: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

_BUCKET_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_BUCKET_PREFIXES = ("amzn-s3-demo-", "sthree-", "xn--")
_RESERVED_BUCKET_SUFFIXES = ("--ol-s3", "--table-s3", "--x-s3", ".mrap", "-s3alias")
_LEAST_DAYS_BEFORE_INFREQUENT_ACCESS = 30
_MOST_LIFECYCLE_RULES = 1000
_MOST_STANDARD_PARAMETER_BYTES = 4096
_MOST_PARAMETER_LEVELS = 15
_MOST_ENVIRONMENT_BYTES = 4096
_RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
_BLOCKED_RUNTIMES = frozenset(
    {
        *("dotnet6", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "go1.x", "java8"),
        *("nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x"),
        *("nodejs14.x", "nodejs16.x", "provided", "python2.7", "python3.6", "python3.7", "python3.8"),
        *("ruby2.5", "ruby2.7"),
    }
)
_DOCUMENT_VERSIONS: Mapping[str, tuple[str, ...]] = {"Automation": ("0.3",), "Command": ("1.2", "2.0", "2.2")}
_SHORT_PERIODS = (10, 20, 30)
_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS, _WEEK_SECONDS = 60, 3600, 86400, 604800
_MOST_MAIL_SUBSCRIBERS, _MOST_TOPIC_SUBSCRIBERS = 10, 1
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest"


def _find_bucket_name(parameters: Parameters) -> str:
    name = parameters.get("Bucket", "")
    reserved = name.startswith(_RESERVED_BUCKET_PREFIXES) or name.endswith(_RESERVED_BUCKET_SUFFIXES)
    return "" if _BUCKET_NAME.fullmatch(name) and not reserved else "The specified bucket is not valid."


def _find_lifecycle(parameters: Parameters) -> str:
    rules = (parameters.get("LifecycleConfiguration") or {}).get("Rules", ())
    names = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(set(names)) < len(names):
        return "Rule ID must be unique. Found same ID for more than one rule"
    if len(rules) > _MOST_LIFECYCLE_RULES:
        return "Number of lifecycle rules must not exceed allowed limit of 1000 rules"
    return next(filter(None, map(_lifecycle_fault, rules)), "")


def _lifecycle_fault(rule: Mapping[str, Any]) -> str:
    expiry = (rule.get("Expiration") or {}).get("Days")
    for transition in rule.get("Transitions") or ():
        days = transition.get("Days") or 0
        if (
            transition.get("StorageClass") in ("STANDARD_IA", "ONEZONE_IA")
            and days < _LEAST_DAYS_BEFORE_INFREQUENT_ACCESS
        ):
            return (
                "'Days' in Transition action must be greater than or equal to 30 for storageClass"
                f" '{transition['StorageClass']}'"
            )
        if expiry is not None and expiry <= days:
            return "'Days' in the Expiration action for filter must be greater than 'Days' in the Transition action"
    actions = ("Expiration", "Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions")
    if not any(rule.get(name) for name in (*actions, "AbortIncompleteMultipartUpload")):
        return "At least one action needs to be specified in a rule"
    return ""


def _find_retention(parameters: Parameters) -> str:
    days = parameters.get("retentionInDays")
    if days in RETENTION_DAYS:
        return ""
    return (
        f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must"
        f" satisfy enum value set: {sorted(RETENTION_DAYS)}"
    )


def _find_log_group_name(parameters: Parameters) -> str:
    return (
        "Log groups starting with AWS/ are reserved for AWS."
        if parameters.get("logGroupName", "").startswith("aws/")
        else ""
    )


def _find_alarm_period(parameters: Parameters) -> str:
    period, count = parameters.get("Period"), parameters.get("EvaluationPeriods") or 1
    if period is None:
        return ""
    if period not in _SHORT_PERIODS and (period % _MINUTE_SECONDS or period <= 0):
        return "Period must be 10, 20, 30 or a multiple of 60"
    if period in _SHORT_PERIODS and parameters.get("Namespace", "").startswith("AWS/"):
        return f"Period {period} is only allowed for custom metrics"
    longest = _WEEK_SECONDS if period >= _HOUR_SECONDS else _DAY_SECONDS
    if period * count > longest:
        span = "7 days" if longest == _WEEK_SECONDS else "a day"
        return f"Metrics cannot be checked across more than {span} (EvaluationPeriods * Period must be <= {longest})."
    return ""


def _find_alarm_datapoints(parameters: Parameters) -> str:
    needed, count = parameters.get("DatapointsToAlarm"), parameters.get("EvaluationPeriods") or 1
    return "DatapointsToAlarm must be less than or equal to EvaluationPeriods" if needed and needed > count else ""


def _find_dashboard_body(parameters: Parameters) -> str:
    try:
        body = json.loads(parameters.get("DashboardBody") or "")
    except ValueError:
        return "The field DashboardBody must be a valid JSON object"
    for widget in body.get("widgets", ()):
        if widget.get("x", 0) + widget.get("width", 6) > 24:  # noqa: PLR2004 — a dashboard's columns
            return "The dashboard body is invalid: a widget reaches beyond the 24 columns"
    return ""


def _find_parameter_name(parameters: Parameters) -> str:
    name = parameters.get("Name", "")
    first = name.lstrip("/").lower()
    if first.startswith(("aws", "ssm")):
        return (
            'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive). If formed as a path, it can'
            " consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers"
            " and the following 3 symbols .-_"
        )
    if name.count("/") > _MOST_PARAMETER_LEVELS:
        return f"A hierarchy can have a maximum of {_MOST_PARAMETER_LEVELS} levels"
    return ""


def _find_parameter_size(parameters: Parameters) -> str:
    if parameters.get("Tier", "Standard") != "Standard":
        return ""
    if len((parameters.get("Value") or "").encode()) <= _MOST_STANDARD_PARAMETER_BYTES:
        return ""
    return (
        "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter"
        " value, upgrade the parameter to use the advanced-parameter tier."
    )


def _find_document_name(parameters: Parameters) -> str:
    name = parameters.get("Name", "").lower()
    if name.startswith(("amazon", "amzn", "aws")):
        return "Document names cannot begin with aws, amazon or amzn, which are reserved"
    return ""


def _find_variables(parameters: Parameters) -> str:
    variables = (parameters.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(_RESERVED_VARIABLES.intersection(variables))
    if reserved:
        return (
            "Lambda was unable to configure your environment variables because the environment variables you have"
            f" provided contains reserved keys that are currently not supported for modification. Reserved keys used in"
            f" this request: {', '.join(reserved)}"
        )
    size = len(json.dumps(variables, separators=(",", ":")).encode())
    if size > _MOST_ENVIRONMENT_BYTES:
        return (
            "Lambda was unable to configure your environment variables because the environment variables you have"
            " provided exceeded the 4KB limit."
        )
    return ""


def _find_log_level(parameters: Parameters) -> str:
    logging = parameters.get("LoggingConfig") or {}
    if logging.get("LogFormat", "Text") == "Text" and {"ApplicationLogLevel", "SystemLogLevel"} & logging.keys():
        return "Could not update the logging configuration: log levels can only be set when the log format is JSON"
    return ""


def _find_blocked_runtime(parameters: Parameters) -> str:
    runtime = parameters.get("Runtime")
    if runtime not in _BLOCKED_RUNTIMES:
        return ""
    return (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We"
        " recommend you use a supported runtime while creating or updating functions."
    )


def _find_document_content(parameters: Parameters) -> str:
    try:
        content = json.loads(parameters.get("Content") or "")
    except ValueError:
        return "JSON not well-formed."
    version, kind = content.get("schemaVersion"), parameters.get("DocumentType", "Command")
    if version not in _DOCUMENT_VERSIONS.get(kind, (version,)):
        return f"Document version {version} is not supported for documents of type {kind}."
    steps = content.get("mainSteps")
    if kind not in _DOCUMENT_VERSIONS or version == "1.2":
        return ""
    if not steps or any("action" not in step or "name" not in step for step in steps):
        return "The document content is not valid: mainSteps must have steps, each with an action and a name."
    names = [step["name"] for step in steps]
    if len(set(names)) < len(names):
        return "The document content is not valid: names of steps must be unique."
    return ""


def _find_budget_alert(parameters: Parameters) -> str:
    for alert in (parameters, *parameters.get("NotificationsWithSubscribers", ())):
        subscribers = alert.get("Subscribers")
        if subscribers is None:
            continue
        topics = [of for of in subscribers if of.get("SubscriptionType") == "SNS"]
        mails = [of for of in subscribers if of.get("SubscriptionType") == "EMAIL"]
        if not subscribers or len(topics) > _MOST_TOPIC_SUBSCRIBERS or len(mails) > _MOST_MAIL_SUBSCRIBERS:
            return "A notification has 1 to 11 subscribers: at most one SNS topic and ten e-mail addresses."
        wrong = [of.get("Address") for of in mails if not _MAIL.fullmatch(of.get("Address", ""))]
        if wrong:
            return f"Invalid email address: {wrong[0]}"
    return ""


def _find_forecast_of_day(parameters: Parameters) -> str:
    if (parameters.get("Budget") or {}).get("TimeUnit") != "DAILY":
        return ""
    alerts = (of.get("Notification") or {} for of in parameters.get("NotificationsWithSubscribers", ()))
    if any(alert.get("NotificationType") == "FORECASTED" for alert in alerts):
        return "Forecasted notifications are not supported for daily budgets."
    return ""


def _find_budget_amount(parameters: Parameters) -> str:
    limit = (parameters.get("Budget") or parameters.get("NewBudget") or {}).get("BudgetLimit") or {}
    try:
        amount = float(limit.get("Amount", "1"))
    except ValueError:
        amount = 0
    return "" if amount > 0 else f"Budget limit amount must be greater than 0: {limit.get('Amount')}"


def _find_second_budget_limit(parameters: Parameters) -> str:
    budget = parameters.get("Budget") or {}
    return (
        "Only one of BudgetLimit or PlannedBudgetLimits can be present"
        if budget.get("BudgetLimit") and budget.get("PlannedBudgetLimits")
        else ""
    )


def _find_endpoint(parameters: Parameters) -> str:
    protocol, endpoint = parameters.get("Protocol", ""), parameters.get("Endpoint", "")
    forms = {
        "email": _MAIL.pattern,
        "email-json": _MAIL.pattern,
        "http": "http://.+",
        "https": "https://.+",
        "lambda": "arn:aws[^:]*:lambda:.+",
        "sqs": "arn:aws[^:]*:sqs:.+",
    }
    if protocol in forms and not re.fullmatch(forms[protocol], endpoint):
        return f"Invalid parameter: Invalid endpoint for the protocol {protocol}: {endpoint}"
    return ""


def _find_key_attributes(parameters: Parameters) -> str:
    defined = {of.get("AttributeName") for of in parameters.get("AttributeDefinitions", ())}
    indexes = (*parameters.get("GlobalSecondaryIndexes", ()), *parameters.get("LocalSecondaryIndexes", ()))
    keys = {key["AttributeName"] for of in (parameters, *indexes) for key in of.get("KeySchema", ())}
    if defined != keys:
        return (
            "One or more parameter values were invalid: Some AttributeDefinitions are not used, or some index key"
            " attributes are not defined."
        )
    if parameters.get("BillingMode") != "PAY_PER_REQUEST" and not parameters.get("ProvisionedThroughput"):
        return "No provisioned throughput specified for the table"
    if parameters.get("BillingMode") == "PAY_PER_REQUEST" and parameters.get("ProvisionedThroughput"):
        return (
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be"
            " specified when BillingMode is PAY_PER_REQUEST"
        )
    return ""


def _find_anomaly_subscribers(parameters: Parameters) -> str:
    subscription = parameters.get("AnomalySubscription") or {}
    kinds = {of.get("Type") for of in subscription.get("Subscribers", ())}
    if subscription.get("Frequency") == "IMMEDIATE" and "EMAIL" in kinds:
        return "Immediate frequency only supports SNS subscribers"
    if subscription.get("Frequency") in ("DAILY", "WEEKLY") and "SNS" in kinds:
        return "Daily or weekly frequencies only support Email subscriptions"
    return ""


_ALARM_CALLS = ("monitoring:PutMetricAlarm",)
_BUDGET_CALLS = ("budgets:CreateBudget", "budgets:UpdateBudget")
_FUNCTION_CALLS = ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration")
SERVICE_RULES = (
    ApiRule(
        name="bucket names are valid and not reserved",
        operations=("s3:CreateBucket",),
        code="InvalidBucketName",
        find_fault=_find_bucket_name,
        source=f"{_S3}/userguide/bucketnamingrules.html",
    ),
    ApiRule(
        name="lifecycle rules have an action, an own ID, and days in order",
        operations=("s3:PutBucketLifecycleConfiguration",),
        code="InvalidArgument",
        find_fault=_find_lifecycle,
        source=f"{_S3}/userguide/lifecycle-transition-general-considerations.html",
    ),
    ApiRule(
        name="log groups keep events for one of the listed periods",
        operations=("logs:PutRetentionPolicy",),
        code="InvalidParameterException",
        find_fault=_find_retention,
        source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
    ),
    ApiRule(
        name="names of log groups do not start with aws/",
        operations=("logs:CreateLogGroup",),
        code="InvalidParameterException",
        find_fault=_find_log_group_name,
        source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
    ),
    ApiRule(
        name="alarms look back a day at most, or a week with periods of an hour or more",
        operations=_ALARM_CALLS,
        code="ValidationError",
        find_fault=_find_alarm_period,
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    ),
    ApiRule(
        name="alarms need no more data points than they evaluate",
        operations=_ALARM_CALLS,
        code="ValidationError",
        find_fault=_find_alarm_datapoints,
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    ),
    ApiRule(
        name="dashboards are JSON, and their widgets stay within 24 columns",
        operations=("monitoring:PutDashboard",),
        code="InvalidParameterInput",
        find_fault=_find_dashboard_body,
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html",
    ),
    ApiRule(
        name="names of parameters do not start with aws or ssm, and have at most 15 levels",
        operations=("ssm:PutParameter",),
        code="ValidationException",
        find_fault=_find_parameter_name,
        source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html",
    ),
    ApiRule(
        name="parameters of the standard tier have at most 4 KiB",
        operations=("ssm:PutParameter",),
        code="ValidationException",
        find_fault=_find_parameter_size,
        source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html",
    ),
    ApiRule(
        name="names of documents do not start with aws, amazon or amzn",
        operations=("ssm:CreateDocument",),
        code="ValidationException",
        find_fault=_find_document_name,
        source="https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html",
    ),
    ApiRule(
        name="a function's variables have at most 4 KiB, and no reserved name",
        operations=_FUNCTION_CALLS,
        code="InvalidParameterValueException",
        find_fault=_find_variables,
        source="https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
    ),
    ApiRule(
        name="a function's log levels need the format JSON",
        operations=_FUNCTION_CALLS,
        code="InvalidParameterValueException",
        find_fault=_find_log_level,
        source="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html",
    ),
    ApiRule(
        name="functions have a runtime that Lambda still supports",
        operations=_FUNCTION_CALLS,
        code="InvalidParameterValueException",
        find_fault=_find_blocked_runtime,
        source="https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",
    ),
    ApiRule(
        name="documents have their type's schema version, and steps with an action and their own name",
        operations=("ssm:CreateDocument",),
        code="InvalidDocumentContent",
        find_fault=_find_document_content,
        source="https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html",
    ),
    ApiRule(
        name="budget alerts have at most one topic and ten valid addresses",
        operations=("budgets:CreateBudget", "budgets:CreateNotification"),
        code="InvalidParameterException",
        find_fault=_find_budget_alert,
        source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html",
    ),
    ApiRule(
        name="daily budgets have no forecast",
        operations=("budgets:CreateBudget",),
        code="InvalidParameterException",
        find_fault=_find_forecast_of_day,
        source="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html",
    ),
    ApiRule(
        name="budgets have a positive amount",
        operations=_BUDGET_CALLS,
        code="InvalidParameterException",
        find_fault=_find_budget_amount,
        source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Spend.html",
    ),
    ApiRule(
        name="budgets have one kind of limit",
        operations=_BUDGET_CALLS[:1],
        code="InvalidParameterException",
        find_fault=_find_second_budget_limit,
        source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html",
    ),
    ApiRule(
        name="subscribers' endpoints fit their protocol",
        operations=("sns:Subscribe",),
        code="InvalidParameter",
        find_fault=_find_endpoint,
        source="https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html",
    ),
    ApiRule(
        name="tables define the attributes of their keys, and no others",
        operations=("dynamodb:CreateTable",),
        code="ValidationException",
        find_fault=_find_key_attributes,
        source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html",
    ),
    ApiRule(
        name="immediate anomaly subscriptions have topics, the others addresses",
        operations=("ce:CreateAnomalySubscription", "ce:UpdateAnomalySubscription"),
        code="ValidationException",
        find_fault=_find_anomaly_subscribers,
        source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalySubscription.html",
    ),
)
