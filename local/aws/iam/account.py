"""Reads the emulated account's roles, resource policies and tags, for access decisions.

Nothing here creates a moto backend: the first access to a service creates its defaults, which the journal must record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
IamCollection = Literal["instance_profiles", "managed_policies", "roles", "users"]
"""moto's names of its collections of IAM resources."""

_PARTITION = "aws"
"""moto's key for global resources, in place of a region."""


def _find_backend(service: str, region: str = _PARTITION) -> Any:
    """Return moto's backend of a service, or None if it does not exist yet."""
    return next(
        (
            found
            for backends in BackendDict._instances  # noqa: SLF001 — no other list
            if backends.service_name == service
            for account, where, found in backends.iter_backends()
            if (account, where) == (ACCOUNT_ID, region)
        ),
        None,
    )


def service_backends(service: str) -> Iterator[Any]:
    """Yield moto's backends of a service in all regions where it has one."""
    for backends in BackendDict._instances:  # noqa: SLF001 — no other list
        if backends.service_name == service:
            yield from (found for account, _, found in backends.iter_backends() if account == ACCOUNT_ID)


def iam_backend() -> Any:
    """Return moto's IAM backend, or None."""
    return _find_backend("iam")


def find_iam_resource(collection: IamCollection, name_or_arn: str) -> Any:
    """Return a resource of IAM, or None."""
    name = name_or_arn.rpartition("/")[2]
    backend = iam_backend()
    created: Iterable[Any] = getattr(backend, collection).values() if backend else ()
    return next((resource for resource in created if resource.name == name), None)


def find_role(name_or_arn: str) -> Any:
    """Return a role, or None."""
    return find_iam_resource("roles", name_or_arn)


def find_profile_role(name_or_arn: str) -> Any:
    """Return the role of an instance profile, or None."""
    profile = find_iam_resource("instance_profiles", name_or_arn)
    return profile.roles[0] if profile and profile.roles else None


def find_session(access_key: str) -> Any:
    """Return the role session of an access key, or None."""
    backend = _find_backend("sts")
    return backend.get_assumed_role_from_access_key(access_key) if backend else None


def find_user(access_key: str) -> Any:
    """Return the user of an access key, or None."""
    users: Iterable[Any] = backend.users.values() if (backend := iam_backend()) else ()
    return next((user for user in users if user.has_access_key(access_key)), None)


def find_bucket(name: str) -> Any:
    """Return a bucket, or None."""
    backend = _find_backend("s3")
    return backend.buckets.get(name) if backend else None


def find_key(name: str, region: str) -> Any:
    """Return a KMS key by its ID, ARN or alias, or None."""
    backend = _find_backend("kms", region)
    keys: Iterable[Any] = backend.keys.values() if backend else ()
    names = {name, name.rpartition(":")[2], name.rpartition("/")[2]}
    return next((key for key in keys if key.id in names or names.intersection(key.aliases)), None)


def find_topic(arn: str, region: str) -> Any:
    """Return an SNS topic, or None."""
    backend = _find_backend("sns", region)
    return backend.topics.get(arn) if backend else None


def find_secret(name_or_arn: str, region: str) -> Any:
    """Return a secret, or None."""
    backend = _find_backend("secretsmanager", region)
    secrets: Iterable[Any] = backend.secrets.values() if backend else ()
    return next((secret for secret in secrets if name_or_arn in (secret.name, secret.arn)), None)


def find_document_role(name: str, region: str) -> str:
    """Return the role that an Automation document assumes, or ""."""
    backend = _find_backend("ssm", region)
    document = backend._documents.get(name) if backend else None  # noqa: SLF001 — not available elsewhere
    return str(document.get_default_version().content_json.get("assumeRole", "")) if document else ""


def find_group(name: str, region: str) -> Any:
    """Return an Auto Scaling group, or None."""
    backend = _find_backend("autoscaling", region)
    return backend.autoscaling_groups.get(name) if backend else None


def find_template_data(specification: Mapping[str, str], region: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return a launch template's ID and the data of the requested version, or None."""
    backend = _find_backend("ec2", region)
    templates: Iterable[Any] = backend.launch_templates.values() if backend else ()
    wanted = specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")
    for template in templates:
        if template.id == wanted[0] or template.name == wanted[1]:
            return template.id, template.get_version(specification.get("Version", "$Default")).data
    return None


def ec2_tags(resource_id: str, region: str) -> Mapping[str, str]:
    """Return the tags of an EC2 resource."""
    backend = _find_backend("ec2", region)
    return dict(backend.tags.get(resource_id, {})) if backend else {}


def ec2_vpc(resource_id: str, region: str) -> str:
    """Return the ID of the VPC of a subnet, security group or route table, or ""."""
    backend = _find_backend("ec2", region)
    if backend is None:
        return ""
    by_zone = {id_: subnet for subnets in backend.subnets.values() for id_, subnet in subnets.items()}
    by_vpc = {id_: group for groups in backend.groups.values() for id_, group in groups.items()}
    found = by_zone.get(resource_id) or by_vpc.get(resource_id) or backend.route_tables.get(resource_id)
    return str(found.vpc_id) if found else ""


def association_resource(association: str, region: str) -> str:
    """Return the ID of an association's route table or address, or ""."""
    backend = _find_backend("ec2", region)
    if backend is None:
        return ""
    for table in backend.route_tables.values():
        if association in (of["RouteTableAssociationId"] for of in table.associations):
            return str(table.id)
    return next((of.allocation_id for of in backend.addresses if of.association_id == association), "")


def anomaly_tags(arn: str) -> Mapping[str, str]:
    """Return the tags of an anomaly monitor or subscription."""
    backend = _find_backend("ce")
    return {tag["Key"]: tag["Value"] for tag in backend.list_tags_for_resource(arn)} if backend else {}


def find_function(name_or_arn: str, region: str) -> Any:
    """Return a Lambda function, or None."""
    backend = _find_backend("lambda", region)
    functions: Iterable[Any] = backend.list_functions() if backend else ()
    return next((found for found in functions if name_or_arn in (found.function_name, found.function_arn)), None)


def scheduled_rules() -> Iterator[Any]:
    """Yield the enabled EventBridge rules with a schedule in all regions."""
    for backend in service_backends("events"):
        for bus in backend.event_buses.values():
            yield from (rule for rule in bus.rules.values() if rule.scheduled_expression and rule.state == "ENABLED")
