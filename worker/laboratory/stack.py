"""`focus-lab stack`: the laboratory with its own PostgreSQL and Redis, without docker.

The servers listen on Unix sockets alone and end with the laboratory, however that ends. Runs, datasets and, if the
servers' account can reach it, the record stay in FOCUS_HOME.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

from focus_core.errors import EXIT_DONE, UserError
from focus_store.settings import Settings
from worker.laboratory import services
from worker.laboratory.guardian import guarded
from worker.laboratory.home_lock import HomeLock
from worker.laboratory.launcher import Launcher, say


def serve_stack(settings: Settings, port: int, lock: HomeLock) -> int:
    log = settings.log_folder / "servers.log"
    with guarded(settings.home, log) as (stack, alive):
        ours = replace(settings, database_url=stack.database_url, broker_url=stack.broker_url)
        lock.write(port, database_url=ours.database_url, broker_url=ours.broker_url)
        say(f"PostgreSQL and Redis are in {stack.folder}")
        if not stack.kept:
            say(f"{settings.home} is closed to PostgreSQL's account: this stack's record ends with it; its runs stay")

        def migrate() -> None:
            done = subprocess.run(services.migrate(), env={**os.environ, **ours.environment()}, check=False)
            if done.returncode != EXIT_DONE:
                raise UserError(f"the record in {settings.home / 'stack'} was left as it is; see above.")

        return Launcher(ours, port, migrate, alive).run()
