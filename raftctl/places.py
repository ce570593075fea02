"""Where a command is to write a file, looked at before minutes go into what is to stand in it."""

import errno
import os
from pathlib import Path
from shlex import quote

from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit


def check_place(path: Path) -> None:
    """Whether a file can be written there. Raises CliError."""
    try:
        there, folder = path.exists(), path.parent
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not folder.exists():
            message = f"there is no folder {folder}"
            raise CliError("E_IO", message, Exit.UNEXPECTED, hint=f"mkdir -p {quote(str(folder))}")
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not os.access(path if there else folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except OSError as error:
        raise from_os_error(error) from error


def check_new_place(path: Path) -> None:
    """The same for a file that is not to take the place of another one. Raises CliError."""
    check_place(path)
    if path.exists():
        message = f"{path} is there already"
        raise CliError("E_EXISTS", message, Exit.PRECONDITION, hint="another FILE")
