"""`celery -A worker.celery_app worker`, with `-Q train --pool prefork -c 1` or `-Q sample --pool solo`."""

from __future__ import annotations

from worker.consumer.app import app

__all__ = ["app"]
