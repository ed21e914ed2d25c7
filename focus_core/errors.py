"""The three ways a FOCUS command can end without having done its work."""

import errno


class UserError(Exception):
    """A mistake that the person at the keyboard can fix.

    The message is one sentence that says what, where, which value, and what to do next. Command lines print it
    and exit with 2; the dashboard shows the same sentence. It is never accompanied by a traceback.
    """


class StopRequested(Exception):
    """Somebody asked a long job to stop; its state is on disk and it can be resumed. Exit code 3."""


# What the person at the keyboard can fix about a file: room, rights, and what lies at a path.
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
