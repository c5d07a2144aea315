"""The control API below `/_control/`, which GitHub does not have: the health of the process, and its faults.

`GET /_control/health`; `GET` and `DELETE /_control/faults`; `PUT` and `DELETE /_control/faults/NAME`.
A fault's options are the fields of the JSON body of `PUT`; `faults.KINDS` says which fault has which:

    curl -X PUT http://127.0.0.1:PORT/_control/faults/server-error -d '{"requests": 2, "path": "/contents"}'

"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from local.github import faults
from local.github.records import Fault, FaultName, Json

if TYPE_CHECKING:
    from local.github.state import Store
    from local.github.traffic import Traffic


def _shown(fault: Fault) -> Json:
    options = {
        "requests": fault.requests,
        "path": fault.path,
        "status": fault.status,
        "seconds": fault.seconds,
        "until": fault.until,
        "branch": fault.branch,
    }
    return {"name": fault.name.value, **{name: value for name, value in options.items() if value is not None}}


def _refused(problem: str) -> tuple[Response, HTTPStatus]:
    known = {name.value: faults.KINDS[name].about for name in FaultName}
    return jsonify({"message": problem, "faults": known}), HTTPStatus.BAD_REQUEST


def blueprint(store: Store, traffic: Traffic) -> Blueprint:
    """Make the control API of one stand-in."""
    control = Blueprint("control", __name__, url_prefix="/_control")

    def listed() -> Response:
        with store.lock:
            faults.drop_expired(store.state)
            return jsonify([_shown(fault) for fault in store.state.faults.values()])

    @control.get("/health")
    def health() -> Response:
        return jsonify({"pid": os.getpid(), "state": str(store.path.absolute()), "requests": traffic.requests})

    @control.get("/faults")
    def list_faults() -> Response:
        return listed()

    @control.put("/faults/<name>")
    def switch_on(name: str) -> Response | tuple[Response, HTTPStatus]:
        options = request.get_json(force=True, silent=True) if request.get_data() else {}
        if not isinstance(options, dict):
            return _refused("The body must be a JSON object.")
        try:
            fault = faults.parse(name, options)
        except faults.FaultError as error:
            return _refused(str(error))
        with store.lock:
            store.state.faults[fault.name] = fault
            store.save()
        return jsonify(_shown(fault))

    @control.delete("/faults")
    def switch_all_off() -> Response:
        with store.lock:
            store.state.faults.clear()
            store.save()
        return listed()

    @control.delete("/faults/<name>")
    def switch_off(name: str) -> Response | tuple[Response, HTTPStatus]:
        try:
            fault = faults.find(name)
        except faults.FaultError as error:
            return _refused(str(error))
        with store.lock:
            store.state.faults.pop(fault, None)
            store.save()
        return listed()

    return control
