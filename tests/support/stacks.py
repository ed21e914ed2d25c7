"""The stack that a test of a real laboratory runs on, if it does not run on both.

What depends on the database or the broker is tested on both: the complete life of a run and of a sample, and kills in
the middle of a transaction or a message. Worker, trainer and simulator are tested on one of them, once; the record's
own contracts (claims, leases, wishes) are tested on both databases in tests/focus_store.
"""

from __future__ import annotations

import pytest

# SQLite and a broker of files, and PostgreSQL and Redis.
ON_FILES = pytest.mark.parametrize("laboratory", ["embedded"], indirect=True)
ON_SERVERS = pytest.mark.parametrize("laboratory", ["servers"], indirect=True)
