"""Opens the status page of a replayed day in Chromium, and takes its pictures for the documentation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infra.project import PROJECT_FOLDER
from measure.guard.replay import replay_day
from terminal.errors import UserError
from terminal.results import CommandResult

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE_FOLDER = PROJECT_FOLDER / "docs" / "images"

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BROWSER_SECONDS = 60
_NO_SCRIPTS = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_HEIGHT_TITLE = re.compile(r"<title>(\d+)</title>")
_SCHEMES = {"dark": 0, "light": 1}
"""Blink's values of `preferredColorScheme`."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of the page.

    Attributes:
        device: Name of the screen; `top` is the wide one without scrolling.
        width: Its width in CSS pixels.
        height: Its height; None for that of the whole page.
        scheme: The reader's preferred colours.
    """

    device: Literal["top", "wide", "phone"]
    width: int
    height: int | None
    scheme: Literal["light", "dark"]

    @property
    def file_name(self) -> str:
        """The picture's file name."""
        return f"status-{self.device}-{self.scheme}.png"


PICTURES = (
    Picture(device="top", width=1100, height=900, scheme="light"),
    Picture(device="wide", width=1100, height=None, scheme="light"),
    Picture(device="wide", width=1100, height=None, scheme="dark"),
    Picture(device="phone", width=500, height=None, scheme="light"),
    Picture(device="phone", width=500, height=None, scheme="dark"),
)


def take_pictures() -> CommandResult:
    """Write the page of a replayed day and its pictures; exit code 1 if the page makes a request or has a fault."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise UserError("There is no Chromium on the PATH.", repair="apt-get install chromium")
    PICTURE_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "status.html"
        replay_day(page=page)
        faults = [fault for picture in PICTURES for fault in _take_picture(browser, page, picture)]
    return CommandResult(
        text="\n".join(faults) or f"{len(PICTURES)} pictures are in {PICTURE_FOLDER}; the page made no request",
        figures={"faults": faults},
        exit_code=1 if faults else 0,
    )


def _take_picture(browser: str, page: Path, picture: Picture) -> Iterator[str]:
    """Take a picture, and yield the page's requests and the messages in its console."""
    target, requests = PICTURE_FOLDER / picture.file_name, page.with_name("requests.json")
    height = picture.height or _page_height(browser, page, picture.width)
    ended = _run_browser(
        browser,
        page,
        "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={_SCHEMES[picture.scheme]}",
        f"--window-size={picture.width},{height}",
        f"--log-net-log={requests}",
        f"--screenshot={target}",
    )
    if ended.returncode or not target.exists():
        yield f"{picture.file_name}: Chromium ended with {ended.returncode}: {ended.stderr[-500:]}"
        return
    yield from (f"{picture.file_name}: {line}" for line in ended.stderr.splitlines() if "CONSOLE" in line)
    yield from (f"{picture.file_name}: requests {address}" for address in _requested_addresses(requests))


def _page_height(browser: str, page: Path, width: int) -> int:
    """Return the page's height at a width. A script in a copy of it tells: Chromium has no option for a whole page."""
    copy = page.with_name("measured.html")
    script = "<script>document.title = document.documentElement.scrollHeight</script>"
    copy.write_text(_NO_SCRIPTS.sub("", page.read_text(encoding="utf-8")) + script, encoding="utf-8")
    ended = _run_browser(browser, copy, f"--window-size={width},100", "--dump-dom")
    found = _HEIGHT_TITLE.search(ended.stdout)
    if found is None:
        raise UserError(f"Chromium ended with {ended.returncode}: {ended.stderr[-500:]}", repair="run it by hand")
    return int(found[1])


def _run_browser(browser: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = (
        browser,
        "--headless=new",
        # Chromium refuses its sandbox to root; the page is this project's own.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--hide-scrollbars",
        f"--user-data-dir={page.with_name('profile')}",
        *options,
        page.as_uri(),
    )
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_BROWSER_SECONDS)


def _requested_addresses(log: Path) -> set[str]:
    """Return the addresses that the page has requested, by Chromium's network log.

    Chromium's own requests belong to no page: https://www.chromium.org/developers/design-documents/network-stack/netlog/
    """
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = (event.get("params", {}) for event in events)
    return {
        params["url"]
        for params in asked
        if str(params.get("url", "")).startswith("http") and "file://" in str(params.get("network_isolation_key"))
    }
