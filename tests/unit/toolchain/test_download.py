"""The vendor's archive is taken where its hosts are reachable, and checked."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from terminal.errors import UserError
from toolchain import download, transfer, versions
from toolchain.download import PulumiRelease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.toolchain.conftest import Site

ARCHIVE = "pulumi-v9.9.9-linux-x64.tar.gz"
SUMS = "pulumi-9.9.9-checksums.txt"

PULUMI = """#!/bin/sh
test "$1 $2 $3" = "plugin install resource" || exit 9
echo x >> "$PULUMI_HOME-asked"
mkdir -p "$PULUMI_HOME/plugins/resource-$4-$5"
"""


def archive(*, script: str = PULUMI, name: str = "pulumi/pulumi") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, text in ((name, script), ("pulumi/pulumi-language-python", "#!/bin/sh\n")):
            info = tarfile.TarInfo(member)
            info.size = len(text.encode())
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


def sums(content: bytes) -> bytes:
    return f"{'0' * 64}  another.tar.gz\n{hashlib.sha256(content).hexdigest()}  {ARCHIVE}\n".encode()


@pytest.fixture(autouse=True)
def no_need_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "NEEDED_BYTES", 0)


@pytest.fixture
def offered(site: Site) -> PulumiRelease:
    site.files[ARCHIVE] = archive()
    site.files[SUMS] = sums(site.files[ARCHIVE])
    return PulumiRelease(archive=f"{site.url}/{ARCHIVE}", sums=f"{site.url}/{SUMS}")


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_release_is_that_of_the_sdk() -> None:
    version = versions.downloaded_engine_version()
    release = download.fitting_release()
    assert release.archive.startswith(f"https://get.pulumi.com/releases/sdk/pulumi-v{version}-")
    assert release.archive_name.endswith(".tar.gz")
    assert release.sums == (
        f"https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt"
    )


def test_good_archive_is_installed_with_its_plugins(offered: PulumiRelease, tmp_path: Path) -> None:
    found = download.download_toolchain(tmp_path, offered)
    assert found is not None
    assert found.origin == "download"
    assert (found.path[0] / "pulumi").stat().st_mode & 0o100
    plugins = tmp_path.joinpath(found.env["PULUMI_HOME"], "plugins")
    assert {folder.name for folder in plugins.iterdir()} == {
        f"resource-{name}-v{versions.plugin_version(name)}" for name in ("aws", "github")
    }


def test_downloaded_toolchain_is_found_again_without_the_network(offered: PulumiRelease, tmp_path: Path) -> None:
    assert download.find_downloaded_toolchain(tmp_path) is None
    assert download.download_toolchain(tmp_path, offered) == download.find_downloaded_toolchain(tmp_path)


def test_other_content_is_refused(offered: PulumiRelease, site: Site, tmp_path: Path) -> None:
    site.files[SUMS] = sums(b"what the vendor published")
    with pytest.raises(UserError) as failure:
        download.download_toolchain(tmp_path, offered)
    assert offered.archive in failure.value.problem
    assert hashlib.sha256(site.files[ARCHIVE]).hexdigest() in failure.value.problem
    assert download.find_downloaded_toolchain(tmp_path) is None
    assert list((tmp_path / "work").iterdir()) == []


def test_archive_that_is_not_among_the_sums_is_refused(offered: PulumiRelease, site: Site, tmp_path: Path) -> None:
    site.files[SUMS] = b""
    with pytest.raises(UserError, match="no sum at all"):
        download.download_toolchain(tmp_path, offered)


def test_archive_that_writes_outside_its_folder_is_refused(offered: PulumiRelease, site: Site, tmp_path: Path) -> None:
    site.files[ARCHIVE] = archive(name="../../outside")
    site.files[SUMS] = sums(site.files[ARCHIVE])
    with pytest.raises(tarfile.OutsideDestinationError):
        download.download_toolchain(tmp_path, offered)
    assert not list(tmp_path.rglob("outside"))
    assert download.find_downloaded_toolchain(tmp_path) is None


def test_transfer_that_breaks_off_is_repeated(offered: PulumiRelease, site: Site, tmp_path: Path) -> None:
    site.cut_off[ARCHIVE] = 2  # the probe is the first
    assert download.download_toolchain(tmp_path, offered) is not None


def test_transfer_that_always_breaks_off_is_given_up(offered: PulumiRelease, site: Site, tmp_path: Path) -> None:
    site.cut_off[ARCHIVE] = 100
    assert download.download_toolchain(tmp_path, offered) is None
    assert site.asked[ARCHIVE] == transfer.TRANSFER_ATTEMPTS + 1
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("absent", [ARCHIVE, SUMS])
def test_absent_file_leads_to_the_next_way(offered: PulumiRelease, site: Site, tmp_path: Path, absent: str) -> None:
    del site.files[absent]
    assert download.download_toolchain(tmp_path, offered) is None


def test_closed_port_leads_to_the_next_way(closed_port: str, tmp_path: Path) -> None:
    release = PulumiRelease(archive=f"{closed_port}/{ARCHIVE}", sums=f"{closed_port}/{SUMS}")
    assert download.download_toolchain(tmp_path, release) is None


def test_unknown_host_leads_to_the_next_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, *_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert download.download_toolchain(tmp_path) is None


def test_endless_resolution_of_a_name_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def resolve(host: str, *_: object) -> None:
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, f"{host} is not known yet")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(transfer, "PROBE_TIMEOUT_SECONDS", 0.1)
    assert download.download_toolchain(tmp_path) is None
    is_over.set()


def test_silent_host_is_given_up_after_the_probes_timeout_which_is_short(
    silent_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transfer.CONNECT_TIMEOUT_SECONDS <= transfer.PROBE_TIMEOUT_SECONDS < 5
    monkeypatch.setattr(transfer, "CONNECT_TIMEOUT_SECONDS", 0.1)
    release = PulumiRelease(archive=f"{silent_host}/{ARCHIVE}", sums=f"{silent_host}/{SUMS}")
    began = time.monotonic()
    assert download.download_toolchain(tmp_path, release) is None
    assert time.monotonic() - began < 2


def test_plugin_that_cannot_be_installed_leads_to_the_next_way(
    offered: PulumiRelease, site: Site, tmp_path: Path
) -> None:
    site.files[ARCHIVE] = archive(script="#!/bin/sh\necho x >> " + str(tmp_path / "asked") + "\nexit 1\n")
    site.files[SUMS] = sums(site.files[ARCHIVE])
    assert download.download_toolchain(tmp_path, offered) is None
    assert (tmp_path / "asked").read_text() == "x\n" * download.PLUGIN_ATTEMPTS


def test_endless_installation_of_a_plugin_is_ended(
    offered: PulumiRelease, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PLUGIN_TIMEOUT_SECONDS", 0.1)
    site.files[ARCHIVE] = archive(script="#!/bin/sh\nexec sleep 60\n")
    site.files[SUMS] = sums(site.files[ARCHIVE])
    assert download.download_toolchain(tmp_path, offered) is None


def test_progress_is_told(site: Site, tmp_path: Path) -> None:
    site.files["file"] = b"x" * (3 * transfer.CHUNK_BYTES)
    told: list[tuple[int, int]] = []
    arrived = transfer.download_file(
        f"{site.url}/file", tmp_path / "file", on_progress=lambda done, whole: told.append((done, whole))
    )
    assert arrived.size == told[-1][0] == told[-1][1] == 3 * transfer.CHUNK_BYTES
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_too_little_room_is_said(offered: PulumiRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(UserError, match="GB are needed"):
        download.download_toolchain(tmp_path, offered)
