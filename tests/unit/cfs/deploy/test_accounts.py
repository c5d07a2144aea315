"""The account in memory answers like the emulated one, so results on one hold for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from tests.unit.cfs.deploy.conftest import World


def story(world: World) -> list[Any]:
    """Boot nodes, install, probe, drain, and make nodes fail in each way; return all answers."""
    first = world.published("v1.0.0")
    old, broken, gone, deaf = (
        world.launch("client", fault=fault)[0] for fault in ("probe:v1.0.0", "install:v1.0.0", "vanish:v1.0.0", "")
    )
    world.fault(deaf, "unreachable")
    (late,) = world.launch("client", fault="boot")
    names = {old: "old", broken: "broken", gone: "gone", deaf: "deaf", late: "late"}
    told: list[Any] = []

    def tell() -> None:
        told.append(sorted((names[node.id], node.is_ready, node.version) for node in world.account.living()))

    def run(document: Any, **parameters: str) -> None:
        answers = world.means().commands.run_on_nodes(document, parameters, names, seconds=60)
        # What a command prints may be worded differently.
        told.append(sorted((names[node], answer.has_succeeded) for node, answer in answers.items()))

    tell()
    run("probe", ExpectedVersion="v1.0.0")
    run("install", ReleaseKey=first.release, Sha256=first.sha256)
    tell()
    run("probe", ExpectedVersion="v1.0.0")
    world.fault(old, "")
    run("probe", ExpectedVersion="v1.0.0")
    run("drain", Reason="test")
    run("probe", ExpectedVersion="v1.0.0")
    world.runs("v1.1.0")
    (new,) = world.launch("storage", site="A")
    names[new] = "new"
    world.booted(late, "v1.1.0")
    tell()
    run("probe", ExpectedVersion="v1.1.0")
    return told


def test_both_accounts_give_the_same_answers(request: pytest.FixtureRequest) -> None:
    in_memory = story(request.getfixturevalue("world"))
    assert story(request.getfixturevalue("emulated_world")) == in_memory
    assert in_memory[4] == [("broken", False), ("deaf", False), ("gone", False), ("late", True), ("old", False)]
    assert in_memory[5][-1] == ("old", True)
