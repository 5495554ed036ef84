"""Who can write to a file. Its times tell of changes, but not of those by somebody who has it mapped into memory."""

import os
import stat


def others_may_write(status: os.stat_result) -> bool:
    """Tell whether a file may be changed by somebody else than this user and the administrator, as its mode says.

    Whoever has a file mapped into memory, writable, can change it later without its size or times changing.
    """
    if os.name != "posix":
        return False
    if status.st_uid not in {0, os.geteuid()}:
        return bool(status.st_mode & 0o222)
    is_group_s = status.st_mode & stat.S_IWGRP and status.st_gid != status.st_uid  # else, it is the user's own group
    return bool(is_group_s or status.st_mode & stat.S_IWOTH)


def is_ours_alone(status: os.stat_result) -> bool:
    """Tell whether a file that was made to be this user's own is: with one name, and for nobody else to open."""
    if os.name != "posix":
        return True
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077 == 0 and status.st_nlink == 1
