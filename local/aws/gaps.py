"""What the real AWS provider asks for and moto 5.2 does not answer.

Each function closes one gap by replacing one method of moto, so that a newer moto that closes it itself needs one
deletion here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import xmltodict
from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse
from moto.core.utils import utcnow
from moto.ec2 import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.instances import InstanceResponse
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from moto.ssm.models import Parameter, ParameterDict
from moto.utilities.tagging_service import TaggingService

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.responses import ActionResult

_CANONICAL_IMAGES = "/aws/service/canonical/ubuntu/server"


def close_gaps() -> None:
    """Close all gaps; call once, before the first request."""
    _describe_subscribers_of_budgets()
    _update_budgets_in_place()
    _tag_budgets()
    _tag_buckets_at_creation()
    _keep_newest_superseded_versions()
    _name_canonical_images()
    _keep_attributes_of_new_instances()
    _free_addresses_of_deleted_nat_gateways()
    _leave_out_addresses_that_are_not_there()
    _describe_rules_between_groups()


def _budget(response: BudgetsResponse, name: str) -> Budget:
    account_id = response._get_param("AccountId")  # noqa: SLF001 — moto's own handlers read parameters so
    response.backend.describe_budget(account_id=account_id, budget_name=name)  # answers an unknown name as AWS does
    return response.backend.budgets[account_id][name]


def _describe_subscribers_of_budgets() -> None:
    def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
        budget = _budget(self, self._get_param("BudgetName"))
        wanted = self._get_param("Notification")
        found = [
            notification.subscribers
            for notification in budget.notifications
            if all(
                notification.details.get(key) == value for key, value in wanted.items() if key != "NotificationState"
            )
        ]
        return json.dumps({"Subscribers": found[0] if found else []})

    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification


def _update_budgets_in_place() -> None:
    def update_budget(self: BudgetsResponse) -> str:
        new = self._get_param("NewBudget")
        budget = _budget(self, new["BudgetName"])
        budget.budget = Budget(new, []).budget
        return "{}"

    BudgetsResponse.update_budget = update_budget


def _tag_budgets() -> None:
    tagger = TaggingService(tag_name="ResourceTags")
    create_budget: Callable[[BudgetsResponse], str] = BudgetsResponse.create_budget

    def create_tagged_budget(self: BudgetsResponse) -> str:
        created = create_budget(self)
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{name}"
        tagger.delete_all_tags_for_resource(arn)
        tagger.tag_resource(arn, self._get_param("ResourceTags", []))
        return created

    def list_tags_for_resource(self: BudgetsResponse) -> str:
        return json.dumps(tagger.list_tags_for_resource(self._get_param("ResourceARN")))

    def tag_resource(self: BudgetsResponse) -> str:
        tagger.tag_resource(self._get_param("ResourceARN"), self._get_param("ResourceTags"))
        return "{}"

    def untag_resource(self: BudgetsResponse) -> str:
        tagger.untag_resource_using_names(self._get_param("ResourceARN"), self._get_param("ResourceTagKeys"))
        return "{}"

    BudgetsResponse.create_budget = create_tagged_budget
    BudgetsResponse.list_tags_for_resource = list_tags_for_resource
    BudgetsResponse.tag_resource = tag_resource
    BudgetsResponse.untag_resource = untag_resource


def _tag_buckets_at_creation() -> None:
    bucket_response_put = S3Response._bucket_response_put  # noqa: SLF001 — the one place that creates buckets

    def put_tagged_bucket(self: S3Response, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = bucket_response_put(self, request, bucket_name, querystring)
        if not querystring and self.body:
            tags = xmltodict.parse(self.body, force_list=("Tag",)).get("CreateBucketConfiguration", {}).get("Tags")
            if tags:
                by_key = {tag["Key"]: tag["Value"] or "" for tag in tags["Tag"]}
                self.backend.put_bucket_tagging(bucket_name, by_key)
        return answer

    S3Response._bucket_response_put = put_tagged_bucket  # noqa: SLF001


def _keep_newest_superseded_versions() -> None:
    """Answer how many superseded versions a lifecycle rule keeps, which moto reads over."""
    set_lifecycle: Callable[[FakeBucket, list[dict[str, Any]]], None] = FakeBucket.set_lifecycle
    get_lifecycle: Callable[[S3Response], Any] = S3Response.get_bucket_lifecycle

    def set_whole_lifecycle(self: FakeBucket, rules: list[dict[str, Any]]) -> None:
        set_lifecycle(self, rules)
        for rule, given in zip(self.rules, rules, strict=True):
            rule.newest_kept = given.get("NoncurrentVersionExpiration", {}).get("NewerNoncurrentVersions")

    def get_whole_lifecycle(self: S3Response) -> Any:
        serialized: Callable[[ActionResult], Any] = self.serialized

        def with_newest_kept(answer: ActionResult) -> Any:
            result = cast("Any", answer.result)
            # An error is serialized on the same way.
            answered_rules = result["Rules"] if isinstance(result, dict) and "Rules" in result else []
            for rule, answered in zip(self.backend.get_bucket(self.bucket_name).rules, answered_rules, strict=False):
                if rule.newest_kept is not None:
                    answered["NoncurrentVersionExpiration"]["NewerNoncurrentVersions"] = rule.newest_kept
            return serialized(answer)

        self.serialized = with_newest_kept
        return get_lifecycle(self)

    FakeBucket.set_lifecycle = set_whole_lifecycle
    S3Response.get_bucket_lifecycle = get_whole_lifecycle


def _name_canonical_images() -> None:
    check_loading_status = ParameterDict._check_loading_status  # noqa: SLF001 — moto loads public parameters here

    def check_with_canonical(self: ParameterDict, key: str) -> None:
        check_loading_status(self, key)
        if key.startswith(_CANONICAL_IMAGES) and not dict.__contains__(self, key):
            dict.__setitem__(self, key, [_image_parameter(self, key)])

    ParameterDict._check_loading_status = check_with_canonical  # noqa: SLF001


def _image_parameter(parameters: ParameterDict, name: str) -> Parameter:
    images = ec2_backends[parameters.account_id][parameters.region_name].describe_images()
    ubuntu = next(image for image in images if (image.name or "").startswith("ubuntu/images/"))
    return Parameter(
        account_id=parameters.account_id,
        name=name,
        value=ubuntu.id,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="aws:ec2:image",
    )


def _keep_attributes_of_new_instances() -> None:
    run_instances: Callable[[InstanceResponse], Any] = InstanceResponse.run_instances

    def run_complete_instances(self: InstanceResponse) -> Any:
        answer = run_instances(self)
        for instance in answer.result.instances:
            instance.disable_api_termination = bool(self._get_param("DisableApiTermination"))
            if not instance.security_groups:
                # They came with the network interface, as for every instance with a public address.
                instance.security_groups = instance.nics[0].group_set
        return answer

    InstanceResponse.run_instances = run_complete_instances


def _leave_out_addresses_that_are_not_there() -> None:
    """Answer no association where there is no public address, which moto answers as an empty one."""
    association: Callable[[NetworkInterface], dict[str, Any]] = NetworkInterface.association.fget

    def association_or_none(self: NetworkInterface) -> dict[str, Any] | None:
        return association(self) or None

    NetworkInterface.association = property(association_or_none)


def _describe_rules_between_groups() -> None:
    """Answer the description of a rule whose source is a group, and that group as one of the same account."""

    def description(self: SecurityGroupRule) -> str | None:
        return cast("str | None", self.ip_range.get("Description") or self.source_group.get("Description"))

    def referenced_group_info(self: SecurityGroupRule) -> dict[str, str] | None:
        # The owner is left out, as the provider, which is told no account here, would take any for another account.
        return {"GroupId": self.source_group["GroupId"]} if self.source_group else None

    SecurityGroupRule.description = property(description)
    SecurityGroupRule.referenced_group_info = property(referenced_group_info)


def _free_addresses_of_deleted_nat_gateways() -> None:
    delete_nat_gateway = NatGatewayBackend.delete_nat_gateway

    def delete_and_free(self: NatGatewayBackend, nat_gateway_id: str) -> Any:
        gateway = delete_nat_gateway(self, nat_gateway_id)
        for address in self.describe_addresses():
            if address.eni is not None and address.eni.id == gateway._eni.id:  # noqa: SLF001 — the one place that has it
                self.disassociate_address(association_id=address.association_id)
        return gateway

    NatGatewayBackend.delete_nat_gateway = delete_and_free
