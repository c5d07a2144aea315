"""Systems Manager: the public parameters that name Canonical's images."""

from __future__ import annotations

from moto.core.utils import utcnow
from moto.ec2 import ec2_backends
from moto.ssm.models import Parameter, ParameterDict

_CANONICAL_IMAGES = "/aws/service/canonical/ubuntu/server"


def close() -> None:
    """Close the gaps of this service."""
    _name_canonical_images()


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
