"""`Repository`: everything that pages and workers can ask of the record, by noun in the modules it is made of."""

from __future__ import annotations

from focus_store.benchmarks import Benchmarks
from focus_store.dataset_removal import DatasetRemoval
from focus_store.drafts import Drafts
from focus_store.experiments import Experiments
from focus_store.ingest import Ingestion
from focus_store.laboratory import Laboratory
from focus_store.lanes import Lanes
from focus_store.metrics import Metrics
from focus_store.results import Results
from focus_store.slots import Slots
from focus_store.unfinished import UnfinishedForms


class Repository(
    Experiments, Metrics, Ingestion, DatasetRemoval, Benchmarks, Laboratory, Slots, Lanes, Results, Drafts,
    UnfinishedForms,
):  # fmt: skip
    """Reads are in `experiments`, `metrics` and `results`, wishes of people in `requests` and `drafts`, what stands on
    their forms in `unfinished`, and what workers write in
    `leases`, `slots`, `laboratory` and `ingest`.

    Safe to share between threads; after a fork, call `close(forked=True)` in the child.
    """
