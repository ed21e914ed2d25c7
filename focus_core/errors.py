"""The three ways in which a FOCUS command can end without having done its work."""

import errno


class UserError(Exception):
    """A mistake that the user can fix.

    The message is one sentence that says what, where, which value, and what to do next. Command lines print it
    and exit with 2; the dashboard shows the same sentence. It is never accompanied by a traceback.
    """


class StopRequested(Exception):
    """A long job was asked to stop; its state is on disk and it can be resumed. Exit code 3."""


# What the user can fix about a file: disk space, permissions, and the type of what is at a path.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MENDABLE = (
    *DISK_FULL,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_USER_MISTAKE = 2
EXIT_STOPPED = 3
