"""The rewritten SDKs load and wait as the original ones do, with less work."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi.runtime.stack
import pytest
from pulumi.runtime import settings

from toolchain import faster_sdk

if TYPE_CHECKING:
    from types import ModuleType

RENEW = "run `bin/make-venv`, which rewrites the SDKs"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A generated package of a resource and a function, rewritten twice."""
    folder = tmp_path / "generated_sdk"
    folder.mkdir()
    (folder / "vpc.py").write_text("__all__ = ['VpcArgs', 'Vpc']\nclass VpcArgs: pass\nclass Vpc: pass\n")
    (folder / "get_ami.py").write_text(
        "__all__ = [\n    'GetAmiResult',\n    'get_ami',\n]\nclass GetAmiResult: pass\ndef get_ami(): return 'ami'\n"
    )
    (folder / "outputs.py").write_text("__all__ = []\n")
    (folder / "__init__.py").write_text(
        "import typing\n# Export this package's modules as members:\nfrom .get_ami import *\nfrom .vpc import *\n"
        "from . import outputs\nREGISTERED = True\n"
    )
    for _ in range(2):
        faster_sdk.defer_modules(folder)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("generated_sdk")]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("generated_sdk")


def test_a_module_is_loaded_when_one_of_its_names_is_used(package: ModuleType) -> None:
    assert package.REGISTERED
    assert "generated_sdk.vpc" not in sys.modules
    assert package.VpcArgs.__module__ == "generated_sdk.vpc"
    assert "generated_sdk.get_ami" not in sys.modules
    assert {"Vpc", "VpcArgs", "get_ami", "GetAmiResult", "outputs"} <= set(dir(package))


def test_a_function_named_like_its_module_is_the_function_after_another_name_of_it(package: ModuleType) -> None:
    assert package.GetAmiResult.__module__ == "generated_sdk.get_ami"
    assert package.get_ami() == "ami"


def test_a_name_that_the_package_lacks_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Subnet'"):
        _ = package.Subnet


def test_the_installed_packages_load_what_is_used_alone() -> None:
    used = (
        "import sys, pulumi_aws as aws; aws.ec2.Vpc; print([name for name in sys.modules if 'pulumi_aws.ec2.' in name])"
    )
    loaded = subprocess.run([sys.executable, "-c", used], capture_output=True, check=True, text=True, timeout=60).stdout
    assert "pulumi_aws.ec2.vpc'" in loaded
    assert "pulumi_aws.ec2.subnet'" not in loaded, RENEW


def test_the_installed_wait_is_not_quadratic() -> None:
    source = Path(pulumi.runtime.stack.__file__).read_text()
    assert faster_sdk.QUADRATIC_WAIT not in source, RENEW
    assert "# Linear: toolchain/faster_sdk.py." in source, "pulumi has another wait now: delete make_wait_linear"


def test_the_wait_ends_after_outputs_that_came_while_it_waited_and_raises_what_one_of_them_raises() -> None:
    async def finish_late(began: list[str]) -> None:
        await asyncio.sleep(0)
        settings.SETTINGS.outputs.add(asyncio.ensure_future(fail(began)))
        began.append("late")

    async def fail(began: list[str]) -> None:
        await asyncio.sleep(0)
        began.append("failing")
        raise LookupError("of an output")

    async def wait(began: list[str]) -> None:
        never = asyncio.ensure_future(asyncio.sleep(3600))
        settings.SETTINGS.outputs.update({never, asyncio.ensure_future(finish_late(began))})
        await asyncio.wait_for(pulumi.runtime.stack.wait_for_rpcs(), timeout=10)

    began: list[str] = []
    with pytest.raises(LookupError, match="of an output"):
        asyncio.run(wait(began))
    assert began == ["late", "failing"]
