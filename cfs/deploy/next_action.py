"""Decides what `roll-out` and `roll-back` do next, from the record, the pointer and the wanted release."""

from __future__ import annotations

from cfs.deploy.stored_documents import ReleaseTarget, RollOut
from terminal.errors import UserError


def next_roll_out(
    unfinished: RollOut | None, current: ReleaseTarget | None, wanted: ReleaseTarget, *, environment: str
) -> RollOut:
    """Return the roll-out to work on: the unfinished one, if it has the same target, else a new one."""
    if unfinished is not None:
        if unfinished.target != wanted:
            raise UserError(
                f"The {unfinished.kind} of {unfinished.target.version} to {environment} is not finished: "
                f"{wanted.version} cannot begin.",
                repair=f"finish it (`{_repeat_command(unfinished, environment)}`), or roll it back "
                f"(`cfs deploy roll-back --environment {environment}`)",
            )
        return _resumed_roll_out(unfinished, current, environment=environment)
    if current == wanted:
        return RollOut(kind="roll-out", target=wanted, previous=current, state="settling")
    if current is not None and current.version == wanted.version:
        raise UserError(
            f"{wanted.release} has the same version {wanted.version} as {current.release}, which {environment} runs: "
            "no probe could tell them apart.",
            repair="publish it with a version of its own, such as the output of `git describe --tags`: "
            f"{wanted.version.partition('-')[0]}-3-g{wanted.release.split('/')[1][:7]}",
        )
    return RollOut(kind="roll-out", target=wanted, previous=current)


def next_roll_back(
    unfinished: RollOut | None, current: ReleaseTarget | None, before: ReleaseTarget | None, *, environment: str
) -> RollOut:
    """Return the roll-out to work on.

    An unfinished roll-out that has not moved the pointer is reversed. Otherwise the environment returns to the release
    that the pointer named before.
    """
    if unfinished is not None and unfinished.kind == "roll-back":
        return _resumed_roll_out(unfinished, current, environment=environment)
    if unfinished is not None and unfinished.target != current:
        reason = unfinished.reason or "rolled back by `cfs deploy roll-back`"
        return unfinished.model_copy(update={"state": "returning", "previous": current, "reason": reason})
    if current is None or before is None:
        what = f"only {current.version} was deployed" if current else "no release was deployed"
        raise UserError(
            f"There is no version to go back to: {what} to {environment}.",
            repair=f"roll out another release: `cfs deploy roll-out --environment {environment} --release …`",
        )
    return RollOut(kind="roll-back", target=before, previous=current)


def _resumed_roll_out(unfinished: RollOut, current: ReleaseTarget | None, *, environment: str) -> RollOut:
    if unfinished.target == current:
        # The run died after it moved the pointer, before it recorded that.
        return unfinished.model_copy(update={"state": "settling"})
    if unfinished.state == "rolling" and unfinished.previous != current:
        named = current.version if current else "nothing"
        raise UserError(
            f"Somebody else has moved the pointer of {environment} to {named} since the {unfinished.kind} of "
            f"{unfinished.target.version} began.",
            repair=f"return to that release: `cfs deploy roll-back --environment {environment}`",
        )
    return unfinished.model_copy(update={"previous": current})


def _repeat_command(unfinished: RollOut, environment: str) -> str:
    command = f"cfs deploy {unfinished.kind} --environment {environment}"
    return f"{command} --release {unfinished.target.release}" if unfinished.kind == "roll-out" else command
