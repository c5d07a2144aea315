"""Service Quotas: a new account's small quotas, which a request raises at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from local.aws.capacity import quota_values

if TYPE_CHECKING:
    from collections.abc import Callable


def close_quota_gaps() -> None:
    """Close the gaps of this service."""
    get_service_quota: Callable[..., dict[str, Any]] = ServiceQuotasBackend.get_service_quota

    def get_known_quota(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        value = quota_values(self).get((service_code, quota_code))
        if value is None:
            return get_service_quota(self, service_code, quota_code)
        return {"ServiceCode": service_code, "QuotaCode": quota_code, "Value": value, "Adjustable": True}

    def request_service_quota_increase(self: ServiceQuotasResponse) -> str:
        given = json.loads(self.body)
        codes = given["ServiceCode"], given["QuotaCode"]
        values = quota_values(self.backend)
        if codes not in values:
            raise NoSuchResource
        values[codes] = float(given["DesiredValue"])
        return json.dumps({"RequestedQuota": {**given, "Status": "APPROVED"}})

    ServiceQuotasBackend.get_service_quota = get_known_quota
    ServiceQuotasResponse.request_service_quota_increase = request_service_quota_increase
