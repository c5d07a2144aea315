"""Serve the emulated AWS account: `python -m local.aws --port PORT --state FILE`."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from filelock import Timeout as LockTimeout

from local.control_api import answer_json, with_control

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIApplication

    from werkzeug.wrappers import Request

    from local.aws.journal import Journal

LISTEN_ADDRESS = "127.0.0.1"
SERVER_THREADS = 32
"""Enough threads for all connections of one engine, so that no connection waits for an idle one."""

HEALTH_PATH = "/_control/health"


def with_health(app: WSGIApplication, *, changes: int) -> WSGIApplication:
    """Serve `/_control/health`, and forward all other requests to `app`."""
    # The process ID at the time of the request: this process may have been forked.
    return with_control(app, HEALTH_PATH, lambda _: answer_json({"pid": os.getpid(), "changesReplayed": changes}))


def load_account(state: Path) -> tuple[Journal, WSGIApplication]:
    """Load moto, and replay the account's journal.

    Args:
        state: The journal's file.

    Returns:
        The journal, and the application that serves the account.
    """
    # Objects created while loading are never freed; collecting garbage among them would take a third of the time.
    gc.disable()
    # Read when moto is imported. Without it, AWS managed policies cannot be attached to a role.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from local.aws.service_models import import_regions  # noqa: PLC0415

    import_regions()
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415

    from local.aws import journal as journals  # noqa: PLC0415
    from local.aws import scheduling  # noqa: PLC0415
    from local.aws.actions import ActionRecorder  # noqa: PLC0415
    from local.aws.api_rules.request_check import RequestCheck, with_check_control  # noqa: PLC0415
    from local.aws.cbor import with_cbor  # noqa: PLC0415
    from local.aws.clock import AccountClock  # noqa: PLC0415
    from local.aws.conditions import ACCOUNT_CONDITIONS  # noqa: PLC0415
    from local.aws.conditions_control import with_conditions_control  # noqa: PLC0415
    from local.aws.faults import keeps_answer, with_faults  # noqa: PLC0415
    from local.aws.gaps import activities, close_gaps  # noqa: PLC0415
    from local.aws.iam.gate import ACCOUNT_GATE, with_iam_control  # noqa: PLC0415
    from local.aws.invocations import with_functions  # noqa: PLC0415
    from local.aws.price_list import with_price_list  # noqa: PLC0415
    from local.latency import with_latency  # noqa: PLC0415

    close_gaps()
    clock = AccountClock()
    scheduling.keep_timetables(clock)
    activities.use_account_clock(clock)
    ACCOUNT_CONDITIONS.use_clock(clock.account_time)
    app = scheduling.with_clock(DomainDispatcherApplication(create_backend_app), clock)
    check = RequestCheck(clock.account_time)

    def admit(request: Request) -> journals.RecordedAnswer | None:
        # AWS checks whether a caller may call before it looks at the parameters.
        return ACCOUNT_GATE.admit(request) or check.admit(request)

    journal = journals.Journal(
        with_conditions_control(with_check_control(with_iam_control(app, ACCOUNT_GATE), check), ACCOUNT_CONDITIONS),
        state,
        clock=clock,
        next_due_request=scheduling.due_request_source(clock),
        admit=admit,
    )
    journal.keeps_answer = keeps_answer
    gc.freeze()
    # The first request to each service loads its model, many objects that are never freed.
    gc.set_threshold(50_000, 50, 100)
    gc.enable()
    served = with_price_list(with_health(ActionRecorder(with_faults(journal)), changes=journal.change_count))
    return journal, with_latency(with_cbor(with_functions(served, clock=clock, admit=ACCOUNT_GATE.admit)))


def lock_journal(state: Path) -> FileLock:
    """Lock an account's journal, or exit if another process has locked it."""
    lock = FileLock(state.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except LockTimeout:
        sys.exit(f"another process serves {state}")
    return lock


def serve_account(app: WSGIApplication, *, port: int) -> None:
    """Serve until stopped."""
    # Not werkzeug's own server, which is only for development and opens a connection for each request.
    import waitress  # noqa: PLC0415 — with moto, after the checks

    # It logs a warning for each queued request; here all requests queue, as the journal serves one at a time.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    waitress.serve(app, host=LISTEN_ADDRESS, port=port, threads=SERVER_THREADS)


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options: the `port`, and the journal's file, `state`."""
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--state", type=Path, required=True, help="file of the journal of requests that changed the account"
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Serve until stopped."""
    told = parse_options()
    with lock_journal(told.state):
        _, app = load_account(told.state)
        serve_account(app, port=told.port)


if __name__ == "__main__":
    main()
