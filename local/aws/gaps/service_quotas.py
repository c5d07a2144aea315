"""Service Quotas: a new account's small quotas, which a request raises at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

if TYPE_CHECKING:
    from collections.abc import Callable

_NEW_ACCOUNT_QUOTAS = {("ec2", "L-1216C47A"): 5.0, ("ec2", "L-34B43A08"): 5.0, ("lambda", "L-B99A9384"): 10.0}
"""Values by codes of service and quota. On AWS, a person decides on a request within hours or days."""


def close_quota_gaps() -> None:
    """Close the gaps of this service."""
    get_service_quota: Callable[..., dict[str, Any]] = ServiceQuotasBackend.get_service_quota

    def get_known_quota(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        value = _quota_values(self).get((service_code, quota_code))
        if value is None:
            return get_service_quota(self, service_code, quota_code)
        return {"ServiceCode": service_code, "QuotaCode": quota_code, "Value": value, "Adjustable": True}

    def request_service_quota_increase(self: ServiceQuotasResponse) -> str:
        given = json.loads(self.body)
        codes = given["ServiceCode"], given["QuotaCode"]
        values = _quota_values(self.backend)
        if codes not in values:
            raise NoSuchResource
        values[codes] = float(given["DesiredValue"])
        return json.dumps({"RequestedQuota": {**given, "Status": "APPROVED"}})

    ServiceQuotasBackend.get_service_quota = get_known_quota
    ServiceQuotasResponse.request_service_quota_increase = request_service_quota_increase


def _quota_values(backend: ServiceQuotasBackend) -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = vars(backend).setdefault("quota_values", dict(_NEW_ACCOUNT_QUOTAS))
    return values
