"""EC2: attributes of instances, addresses, and rules between security groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.instances import InstanceResponse

if TYPE_CHECKING:
    from collections.abc import Callable


def close() -> None:
    """Close the gaps of this service."""
    _keep_attributes_of_new_instances()
    _free_addresses_of_deleted_nat_gateways()
    _leave_out_addresses_that_are_not_there()
    _describe_rules_between_groups()


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


def _free_addresses_of_deleted_nat_gateways() -> None:
    delete_nat_gateway = NatGatewayBackend.delete_nat_gateway

    def delete_and_free(self: NatGatewayBackend, nat_gateway_id: str) -> Any:
        gateway = delete_nat_gateway(self, nat_gateway_id)
        for address in self.describe_addresses():
            if address.eni is not None and address.eni.id == gateway._eni.id:  # noqa: SLF001 — the one place that has it
                self.disassociate_address(association_id=address.association_id)
        return gateway

    NatGatewayBackend.delete_nat_gateway = delete_and_free


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
