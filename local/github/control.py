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
    from local.github.state import StateStore
    from local.github.traffic import Traffic


def _fault_json(fault: Fault) -> Json:
    options = {
        "requests": fault.requests,
        "path": fault.path,
        "status": fault.status,
        "seconds": fault.seconds,
        "until": fault.until,
        "branch": fault.branch,
    }
    return {"name": fault.name.value, **{name: value for name, value in options.items() if value is not None}}


def _refuse_fault(problem: str) -> tuple[Response, HTTPStatus]:
    known = {name.value: faults.FAULT_SPECS[name].description for name in FaultName}
    return jsonify({"message": problem, "faults": known}), HTTPStatus.BAD_REQUEST


def control_blueprint(store: StateStore, traffic: Traffic) -> Blueprint:
    """Make the control API of one stand-in."""
    control = Blueprint("control", __name__, url_prefix="/_control")

    def faults_response() -> Response:
        with store.lock:
            faults.drop_expired(store.state)
            return jsonify([_fault_json(fault) for fault in store.state.faults.values()])

    @control.get("/health")
    def show_health() -> Response:
        return jsonify({"pid": os.getpid(), "state": str(store.path.absolute()), "requests": traffic.requests})

    @control.get("/faults")
    def list_faults() -> Response:
        return faults_response()

    @control.put("/faults/<name>")
    def switch_on(name: str) -> Response | tuple[Response, HTTPStatus]:
        options = request.get_json(force=True, silent=True) if request.get_data() else {}
        if not isinstance(options, dict):
            return _refuse_fault("The body must be a JSON object.")
        try:
            fault = faults.parse_fault(name, options)
        except faults.FaultError as error:
            return _refuse_fault(str(error))
        with store.lock:
            store.state.faults[fault.name] = fault
            store.save_state()
        return jsonify(_fault_json(fault))

    @control.delete("/faults")
    def switch_all_off() -> Response:
        with store.lock:
            store.state.faults.clear()
            store.save_state()
        return faults_response()

    @control.delete("/faults/<name>")
    def switch_off(name: str) -> Response | tuple[Response, HTTPStatus]:
        try:
            fault = faults.find_fault(name)
        except faults.FaultError as error:
            return _refuse_fault(str(error))
        with store.lock:
            store.state.faults.pop(fault, None)
            store.save_state()
        return faults_response()

    return control
