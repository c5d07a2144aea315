"""What guests download besides Debian's packages: the CloudWatch agent, GitHub's packages, ClaudeFS's repository.

The agent and `gh` are stand-ins, signed with keys of this run. They are found under their real addresses, over TLS
with a certificate authority of this run.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from infra.boot.userdata import BOOT_FOLDER
from measure.boot.host import run_host

STAND_INS = Path(__file__).parent / "standins"
TRIAL_REGION = "us-west-2"
TRIAL_REPOSITORY = "owner/claudefs"

UBUNTU_HOST = "ubuntu.boot.test"
"""Host of packages that Ubuntu has and Debian lacks."""

_TLS_NAMES = (
    *("github.com", "cli.github.com", "*.amazonaws.com", f"*.{TRIAL_REGION}.amazonaws.com"),
    *("*.s3.amazonaws.com", f"*.s3.{TRIAL_REGION}.amazonaws.com"),
)


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """The downloads of one run.

    Attributes:
        files: A folder for each host.
        authority: Certificate of the authority that guests trust.
        certificate: Certificate and key for all hosts, in one file.
        fingerprints: Fingerprints of this run's signing keys, by those of the real keys.
    """

    files: Path
    authority: Path
    certificate: Path
    fingerprints: dict[str, str]


def prepare_downloads(folder: Path) -> Downloads:
    """Create keys, packages and repositories in a folder."""
    files = folder / "files"
    files.mkdir(parents=True)
    _create_certificates(folder)
    keyring = _Keyring(folder / "keys")
    agent, github = keyring.create_key("agent"), keyring.create_key("github")
    _publish_agent(files, keyring, agent)
    _publish_github_cli(files, keyring, github)
    _publish_ubuntu_packages(files)
    _publish_repository(files)
    keyring.end_agent()
    return Downloads(
        files=files,
        authority=folder / "authority.crt",
        certificate=folder / "host.pem",
        fingerprints={
            read_fingerprint("shared/boot.sh", "agent_key"): agent,
            read_fingerprint("node/prepare.sh", "github_key"): github,
        },
    )


def read_fingerprint(source: str, variable: str) -> str:
    """Return the fingerprint that a boot file assigns to a variable."""
    _, _, after = (BOOT_FOLDER / source).read_text(encoding="utf-8").partition(f"readonly {variable}=")
    return after.split("\n", 1)[0]


def _create_certificates(folder: Path) -> None:
    authority, request, extensions = folder / "authority", folder / "host.csr", folder / "host.ext"
    new_key = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    run_host(
        *new_key,
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=boot test",
        "-keyout",
        f"{authority}.key",
        "-out",
        f"{authority}.crt",
    )
    run_host(*new_key, "-subj", "/CN=guests", "-keyout", str(folder / "host.key"), "-out", str(request))
    extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in _TLS_NAMES), encoding="ascii")
    signing = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2")
    certificate = run_host("openssl", "x509", "-req", "-in", str(request), *signing, "-extfile", str(extensions))
    pem = folder / "host.pem"
    pem.write_text(certificate + (folder / "host.key").read_text(encoding="ascii"), encoding="ascii")


class _Keyring:
    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True)
        self._home = home

    def create_key(self, owner: str) -> str:
        """Create a signing key and return its fingerprint."""
        self.run_gpg("--passphrase", "", "--quick-generate-key", owner, "rsa2048", "sign", "never")
        listed = self.run_gpg("--with-colons", "--list-keys", owner)
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def run_gpg(self, *arguments: str) -> str:
        """Run gpg on this keyring."""
        return run_host("gpg", "--homedir", str(self._home), "--batch", "--quiet", "--yes", *arguments)

    def end_agent(self) -> None:
        """End the process that gpg leaves in the background."""
        run_host("gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent")


def _publish_agent(files: Path, keyring: _Keyring, key: str) -> None:
    host = files / f"amazoncloudwatch-agent-{TRIAL_REGION}.s3.{TRIAL_REGION}.amazonaws.com"
    package = host / "ubuntu/amd64/latest/amazon-cloudwatch-agent.deb"
    program = "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
    _build_package(package, version="1.300", programs={program: "cloudwatch-agent-ctl.sh"})
    keyring.run_gpg("--local-user", key, "--output", f"{package}.sig", "--detach-sign", str(package))
    exported = files / "amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg"
    exported.parent.mkdir(parents=True)
    keyring.run_gpg("--armor", "--output", str(exported), "--export", key)


def _publish_github_cli(files: Path, keyring: _Keyring, key: str) -> None:
    archive = files / "cli.github.com/packages"
    suite = archive / "dists/stable"
    _build_package(archive / "pool/gh.deb", version="2.83.0", programs={"usr/bin/gh": "gh.sh"})
    # The pin of boot files must prevent its installation.
    _build_package(archive / "pool/jq.deb", version="99", programs={})
    release = _index_packages(archive, index=suite / "main/binary-amd64/Packages", release=suite / "Release")
    keyring.run_gpg("--local-user", key, "--output", str(suite / "InRelease"), "--clearsign", str(release))
    keyring.run_gpg("--output", str(archive / "githubcli-archive-keyring.gpg"), "--export", key)


def _publish_ubuntu_packages(files: Path) -> None:
    archive = files / UBUNTU_HOST
    _build_package(archive / "linux-tools-aws.deb", version="6.8", programs={})
    _index_packages(archive, index=archive / "Packages", release=archive / "Release")


def _build_package(package: Path, *, version: str, programs: dict[str, str]) -> None:
    """Build a package, named like its file, with stand-ins: their sources by path on the guest."""
    tree = package.with_suffix("")
    (tree / "DEBIAN").mkdir(parents=True)
    for path, source in programs.items():
        place_stand_in(tree / path, source)
    (tree / "DEBIAN/control").write_text(
        f"Package: {package.stem}\nVersion: {version}\nArchitecture: amd64\n"
        "Maintainer: boot test <boot-test@example.com>\nDescription: stand-in\n",
        encoding="ascii",
    )
    run_host("dpkg-deb", "--root-owner-group", "--build", str(tree), str(package))
    shutil.rmtree(tree)


def place_stand_in(path: Path, source: str) -> None:
    """Copy a stand-in to its path, as a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The image's own program may be a link to another one.
    path.unlink(missing_ok=True)
    shutil.copyfile(STAND_INS / source, path)
    path.chmod(0o755)


def _index_packages(archive: Path, *, index: Path, release: Path) -> Path:
    index.parent.mkdir(parents=True, exist_ok=True)
    stanzas = [
        f"{run_host('dpkg-deb', '--field', str(package))}Filename: {package.relative_to(archive)}\n"
        f"Size: {package.stat().st_size}\nSHA256: {hash_file(package)}\n"
        for package in sorted(archive.rglob("*.deb"))
    ]
    index.write_text("\n".join(stanzas), encoding="ascii")
    name, size = index.relative_to(release.parent), index.stat().st_size
    release.write_text(
        "Origin: boot test\nSuite: stable\nCodename: stable\nComponents: main\nArchitectures: amd64\n"
        f"Date: {formatdate(usegmt=True)}\nSHA256:\n {hash_file(index)} {size} {name}\n",
        encoding="ascii",
    )
    return release


def hash_file(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _publish_repository(files: Path) -> None:
    """Publish ClaudeFS's repository for git's protocol of plain files."""
    work, bare = files.parent / "repository", files / f"github.com/{TRIAL_REPOSITORY}.git"
    for name in ("cfs-watchdog.sh", "cfs-supervisor.sh"):
        place_stand_in(work / "tools" / name, "announce.sh")
    bare.parent.mkdir(parents=True)
    identity = ("-c", "user.name=boot test", "-c", "user.email=boot-test@example.com", "-c", "init.defaultBranch=main")
    run_host("git", *identity, "init", "--quiet", cwd=work)
    run_host("git", "add", ".", cwd=work)
    run_host("git", *identity, "commit", "--quiet", "--message", "Stand-ins", cwd=work)
    run_host("git", "clone", "--quiet", "--bare", str(work), str(bare))
    run_host("git", "update-server-info", cwd=bare)
