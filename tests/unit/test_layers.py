"""The layers of packages: an import that points upwards is refused."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def listed_packages() -> tuple[list[str], list[str]]:
    """Return the packages that layers.ini checks, and those to which it gives a layer."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "layers.ini")
    layers = parser["importlinter:contract:repository"]["layers"]
    return parser["importlinter"]["root_packages"].split(), re.findall(r"\w+", layers)


LAYERS = listed_packages()[0]


@pytest.fixture(scope="module")
def copied_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the packages' Python files and their contracts."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copy(ROOT / "layers.ini", folder)
    for package in LAYERS:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=lambda parent, names: {
                name for name in names if not name.endswith(".py") and not Path(parent, name).is_dir()
            },
        )
    return folder


def check_layers(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", LINT, "layers.ini", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, " ".join(done.stdout.split())


def test_every_package_has_its_layer() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert len(packages) >= 7
    for listed in listed_packages():
        assert packages == set(listed), "layers.ini: name each package in root_packages and in the layers"


def test_a_subpackage_without_a_layer_is_refused_and_named(copied_packages: Path) -> None:
    new = [copied_packages / "cfs" / "billing", copied_packages / "infra" / "invoices"]
    for package in new:
        package.mkdir()
        (package / "__init__.py").touch()

    status, report = check_layers(copied_packages)

    for package in new:
        shutil.rmtree(package)
    assert status == 1
    assert "cfs.billing" in report
    assert "infra.invoices" in report


def test_every_package_is_checked_and_installed() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert set(tools["mypy"]["files"]) == {"__main__.py", "tests", *LAYERS}
    assert set(tools["setuptools"]["packages"]["find"]["include"]) == {f"{package}*" for package in LAYERS}
    assert tools["ruff"]["extend-exclude"] == [".local"]


UPWARD = {
    "terminal.errors": "infra.naming",
    "cfs.engine": "local.servers",
    "local.servers": "measure.bench",
    "infra.naming": "infra.config.values",
    "infra.access.grants": "infra.cluster.runbooks",
}


def test_each_upward_import_is_refused_and_named(copied_packages: Path) -> None:
    files = {module: copied_packages / f"{module.replace('.', '/')}.py" for module in UPWARD}
    before = {module: file.read_text() for module, file in files.items()}
    for module, upward in UPWARD.items():
        files[module].write_text(f"{before[module]}\n\nimport {upward}\n")

    status, report = check_layers(copied_packages)

    for module, text in before.items():
        files[module].write_text(text)
    assert status == 1
    assert "BROKEN" in report
    assert [of for of in UPWARD.items() if f"- {' -> '.join(of)} (l." not in report] == []


def test_the_packages_as_they_are_keep_every_contract(copied_packages: Path) -> None:
    status, report = check_layers(copied_packages)

    assert (status, "4 kept, 0 broken" in report) == (0, True), report
