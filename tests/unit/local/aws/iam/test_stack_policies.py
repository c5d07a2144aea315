"""Every policy of the stack can be evaluated, and every condition key that it tests is one that requests are given."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from local.aws.iam.conditions import NO_CONTEXT, conditions_hold
from tests.unit.infra.test_components import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN_KEYS = (
    r"aws:(Principal(Arn|Account)|RequestedRegion|SecureTransport|Source(Account|Arn)|TagKeys|userid)",
    r"aws:(Request|Resource)Tag/.+",
    r"cloudwatch:namespace",
    r"ec2:(CreateAction|Encrypted|InstanceID|MetadataHttpTokens|SourceInstanceARN|Vpc)",
    r"iam:(AWSServiceName|PassedToService|PermissionsBoundary|PolicyARN)",
    r"kms:(CallerAccount|GrantIsForAWSResource|ViaService)",
    r"s3:(if-match|if-none-match|x-amz-.+)",
    r"secretsmanager:SecretId",
    r"ssm:resourceTag/.+",
    r".+:(aud|sub)",
)

NOT_GIVEN = {
    "bedrock:InferenceProfileArn": "no model is emulated",
    "kms:EncryptionContext:aws:logs:arn": "CloudWatch Logs does not ask for its key",
    "kms:EncryptionContextKeys": "EC2 does not ask for the keys of disks of instances that it starts again",
    "kms:GrantOperations": "as above",
}


def statements() -> Iterator[dict[str, Any]]:
    for resource in stack().custom:
        for value in resource.inputs.values():
            if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
                yield from json.loads(value)["Statement"]


def test_every_condition_of_the_stack_has_an_operator_and_keys_that_are_known() -> None:
    blocks = [statement["Condition"] for statement in statements() if "Condition" in statement]
    assert len(blocks) > 50
    for block in blocks:
        conditions_hold(block, NO_CONTEXT)

    keys = {key for block in blocks for tests in block.values() for key in tests}

    unknown = {key for key in keys if not any(re.fullmatch(known, key) for known in KNOWN_KEYS)}
    assert unknown == NOT_GIVEN.keys(), "give requests the key in local/aws/iam, or say why not"
