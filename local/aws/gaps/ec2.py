"""EC2: attributes of instances, launch templates and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import convert_tag_spec, parse_user_data
from moto.ssm import ssm_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Reservation


def close_ec2_gaps() -> None:
    """Close the gaps of this service."""
    _keep_attributes_of_new_instances()
    _keep_whole_template_versions()
    _answer_current_template_tags()
    _resolve_images_of_templates()
    _launch_whole_templates()
    _name_instances_by_their_ids()
    _free_addresses_of_deleted_nat_gateways()
    _omit_empty_addresses()


def _keep_attributes_of_new_instances() -> None:
    run_instances: Callable[[InstanceResponse], Any] = InstanceResponse.run_instances

    def run_complete_instances(self: InstanceResponse) -> Any:
        answer = run_instances(self)
        for instance in answer.result.instances:
            instance.disable_api_termination = bool(self._get_param("DisableApiTermination"))
            if not instance.security_groups:
                # The request has them on the network interface, as for every instance with a public address.
                instance.security_groups = instance.nics[0].group_set
        return answer

    InstanceResponse.run_instances = run_complete_instances


def _free_addresses_of_deleted_nat_gateways() -> None:
    delete_nat_gateway = NatGatewayBackend.delete_nat_gateway

    def delete_and_free(self: NatGatewayBackend, nat_gateway_id: str) -> Any:
        gateway = delete_nat_gateway(self, nat_gateway_id)
        for address in self.describe_addresses():
            if address.eni is not None and address.eni.id == gateway._eni.id:  # noqa: SLF001 — not available elsewhere
                self.disassociate_address(association_id=address.association_id)
        return gateway

    NatGatewayBackend.delete_nat_gateway = delete_and_free


def _omit_empty_addresses() -> None:
    """Omit the association if there is no public address; moto returns an empty one."""
    association: Callable[[NetworkInterface], dict[str, Any]] = NetworkInterface.association.fget

    def association_or_none(self: NetworkInterface) -> dict[str, Any] | None:
        return association(self) or None

    NetworkInterface.association = property(association_or_none)


def _keep_whole_template_versions() -> None:
    """Do not apply a template's own tags to its instances, and decode user data in later versions as in the first."""
    create_version: Callable[[LaunchTemplate, dict[str, Any], str], LaunchTemplateVersion] = (
        LaunchTemplate.create_version
    )

    def create_whole_version(self: LaunchTemplate, data: dict[str, Any], description: str) -> LaunchTemplateVersion:
        launched = [tags for tags in data.get("TagSpecifications", []) if tags["ResourceType"] != "launch-template"]
        user_data = data.get("UserData") or None
        if isinstance(user_data, str):
            user_data = parse_user_data(user_data)
        return create_version(self, {**data, "TagSpecifications": launched, "UserData": user_data}, description)

    LaunchTemplate.create_version = create_whole_version


def _answer_current_template_tags() -> None:
    """Return a template's current tags, not those at its creation."""

    def current_tags(self: LaunchTemplate) -> list[dict[str, str]]:
        return cast("list[dict[str, str]]", self.get_tags())

    def keep_none(_self: LaunchTemplate, _tags: list[dict[str, str]]) -> None:
        """Ignore the value that moto's constructor sets."""

    LaunchTemplate.tags = property(current_tags, keep_none)


def _resolve_images_of_templates() -> None:
    """Resolve an image that is given as an SSM parameter, at launch."""
    prefix = "resolve:ssm:"

    def image_id(self: LaunchTemplateVersion) -> str:
        image = str(self.data.get("ImageId", ""))
        if not image.startswith(prefix):
            return image
        ec2: EC2Backend = self.template.ec2_backend
        parameters = ssm_backends[ec2.account_id][ec2.region_name]
        return str(parameters.get_parameter(image.removeprefix(prefix)).value)

    LaunchTemplateVersion.image_id = property(image_id)


def _launch_whole_templates() -> None:
    """Apply a template's network interface, metadata options, instance profile, disks and tags at launch."""
    run_instances: Callable[..., Reservation] = InstanceBackend.run_instances

    def run_whole_template(
        self: EC2Backend, image_id: str, count: int, user_data: Any, security_group_names: list[str], **wanted: Any
    ) -> Reservation:
        if not wanted.get("launch_template"):
            return run_instances(self, image_id, count, user_data, security_group_names, **wanted)
        data = self._get_template_from_args(wanted["launch_template"]).data
        interface: dict[str, Any] = next(iter(data.get("NetworkInterfaces", [])), {})
        tags = convert_tag_spec(data.get("TagSpecifications", []))
        given = {
            "security_group_ids": interface.get("Groups", []),
            "associate_public_ip": interface.get("AssociatePublicIpAddress"),
            "metadata_options": data.get("MetadataOptions", {}),
            # In addition to the root volume, which moto creates unless one is given.
            "block_device_mappings": data.get("BlockDeviceMappings", []),
        }
        whole = {**wanted, **{key: value for key, value in given.items() if value and not wanted.get(key)}}
        whole["tags"] = {**tags, **wanted.get("tags", {})}
        reservation = run_instances(self, image_id, count, user_data, security_group_names, **whole)
        for instance in reservation.instances:
            _complete_instance(self, instance, data, tags.get("network-interface", {}))
        return reservation

    InstanceBackend.run_instances = run_whole_template


def _complete_instance(ec2: EC2Backend, instance: Instance, data: dict[str, Any], tags: dict[str, str]) -> None:
    instance.hostname_type = data.get("PrivateDnsNameOptions", {}).get("HostnameType")
    profile = data.get("IamInstanceProfile", {}).get("Name")
    if profile:
        ec2.associate_iam_instance_profile(instance_id=instance.id, iam_instance_profile_name=profile)
    for interface in instance.nics.values():
        interface.add_tags(tags)


def _name_instances_by_their_ids() -> None:
    """Return a private DNS name based on the instance ID, for instances launched with resource names."""
    private_dns_name: Callable[[Instance], str] = Instance.private_dns_name.fget

    def resource_name(self: Instance) -> str:
        if getattr(self, "hostname_type", None) != "resource-name":
            return private_dns_name(self)
        region = self.ec2_backend.region_name
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html
        return f"{self.id}.ec2.internal" if region == "us-east-1" else f"{self.id}.{region}.compute.internal"

    Instance.private_dns_name = property(resource_name)
