"""Who may read a file: the one place where POSIX modes and Windows access lists differ.

POSIX: a file is created with mode 0600, a folder with 0700, whatever the umask. Run by root (sudo)
in a person's folder, both belong to that person afterwards, who could not read them otherwise.

Windows: `icacls` ends inheritance and grants the file to the person and to SYSTEM alone, while it
is still empty (https://learn.microsoft.com/windows-server/administration/windows-commands/icacls).
A file system without access lists (FAT, some network shares) refuses that; the file is written all
the same, because the profile folder is private by default, and `exposure` reports what others could
read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_SYSTEM_SID = "S-1-5-18"
# Groups that hold more than one person, as SDDL abbreviates them
# (https://learn.microsoft.com/windows/win32/secauthz/sid-strings).
_BROAD = {
    "WD": "everyone",
    "AU": "all signed-in users",
    "BU": "all users of this machine",
    "IU": "all users at this machine",
    "NU": "all network users",
    "BG": "guests",
    "AN": "anonymous users",
}


class Ran(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int
    output: str


Runner = Callable[[Sequence[str]], Ran]


class Permissions(Protocol):
    def create(self, path: str) -> int:
        """A descriptor of a new, empty file that only this person can open. Raises OSError."""

    def make_folder(self, path: str) -> None:
        """Creates one folder that only this person can enter. Raises OSError."""

    def exposure(self, path: str) -> str:
        """Who else can read `path`, in words; "" when nobody can. Raises OSError."""

    def restrict(self, path: str) -> None:
        """Takes the right to read from everybody else. Raises OSError."""


class PosixPermissions:
    def create(self, path: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags, FILE_MODE)
        try:
            os.fchmod(descriptor, FILE_MODE)
            self._give_to_owner_of_folder(path)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def make_folder(self, path: str) -> None:
        os.mkdir(path, FOLDER_MODE)
        self._give_to_owner_of_folder(path)

    def exposure(self, path: str) -> str:
        found = os.stat(path)
        mode = stat.S_IMODE(found.st_mode)
        if mode & _OTHERS:
            return f"other users of this machine (mode {mode:04o})"
        if os.geteuid() not in (0, found.st_uid):
            return f"its owner, another user (uid {found.st_uid})"
        return ""

    def restrict(self, path: str) -> None:
        folder = stat.S_ISDIR(os.stat(path).st_mode)
        os.chmod(path, FOLDER_MODE if folder else FILE_MODE)

    @staticmethod
    def _give_to_owner_of_folder(path: str) -> None:
        if os.geteuid() != 0:
            return
        folder = os.stat(os.path.dirname(path) or ".")
        if folder.st_uid != 0 and not folder.st_mode & stat.S_ISVTX:
            os.chown(path, folder.st_uid, folder.st_gid)


class WindowsPermissions:
    """`run` starts a command without a shell; `scratch` names a folder for the list that icacls
    saves.
    """

    def __init__(self, run: Runner, scratch: Callable[[], str]) -> None:
        self._run = run
        self._scratch = scratch
        self._sid = ""

    def create(self, path: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
        descriptor = os.open(path, flags, FILE_MODE)
        self._grant_to_me_alone(path, "F")
        return descriptor

    def make_folder(self, path: str) -> None:
        os.mkdir(path)
        self._grant_to_me_alone(path, "(OI)(CI)F")

    def exposure(self, path: str) -> str:
        listing = os.path.join(self._scratch(), "freellm-acl.txt")
        try:
            if self._run(["icacls", path, "/save", listing, "/q"]).code != 0:
                return ""
            with open(listing, "rb") as file:
                return _broad_readers(file.read())
        except FileNotFoundError:
            return ""
        finally:
            if os.path.exists(listing):
                os.unlink(listing)

    def restrict(self, path: str) -> None:
        rights = "(OI)(CI)F" if os.path.isdir(path) else "F"
        if not self._grant_to_me_alone(path, rights):
            raise PermissionError(13, "icacls could not change the access list", path)

    def _grant_to_me_alone(self, path: str, rights: str) -> bool:
        me = self._my_sid()
        if not me:
            return False
        grants = [f"*{me}:{rights}", f"*{_SYSTEM_SID}:{rights}"]
        return self._run(["icacls", path, "/inheritance:r", "/grant:r", *grants, "/q"]).code == 0

    def _my_sid(self) -> str:
        if not self._sid:
            said = self._run(["whoami", "/user", "/fo", "csv", "/nh"])
            candidate = said.output.strip().rpartition(",")[2].strip('"')
            if said.code == 0 and candidate.startswith("S-1-"):
                self._sid = candidate
        return self._sid


def _broad_readers(saved: bytes) -> str:
    """The groups that a saved list allows in: UTF-16, a name line, then
    `D:PAI(A;;FA;;;SY)(A;;FR;;;WD)`.
    """
    text = saved.decode("utf-16-le", "replace")
    found = []
    for entry in text.split("(")[1:]:
        fields = entry.partition(")")[0].split(";")
        if len(fields) < 6 or fields[0] != "A" or "IO" in fields[1]:
            continue
        if fields[5] in _BROAD:
            found.append(_BROAD[fields[5]])
    return ", ".join(dict.fromkeys(found))


def system_permissions() -> Permissions:
    if os.name == "nt":
        import tempfile

        return WindowsPermissions(_run, tempfile.gettempdir)
    return PosixPermissions()


def _run(command: Sequence[str]) -> Ran:
    import subprocess

    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return Ran(-1, str(exc))
    return Ran(done.returncode, done.stdout)
