"""On what a test of a real laboratory runs, where it does not run on both.

What depends on the database or the broker is shown on both: the whole way of a run and of a sample, and kills in the
middle of a transaction or a message. What worker, trainer and simulator do is shown on one of them, once; the record's
own promises (claims, leases, wishes) are tested on both databases in tests/focus_store.
"""

from __future__ import annotations

import pytest

# SQLite and a broker of files, and PostgreSQL and Redis.
ON_FILES = pytest.mark.parametrize("laboratory", ["embedded"], indirect=True)
ON_SERVERS = pytest.mark.parametrize("laboratory", ["servers"], indirect=True)
