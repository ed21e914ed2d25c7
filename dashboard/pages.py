"""The pages of the dashboard: each is a module of `views/` and one line here.

Menu, addresses, the document of each address and the links between pages follow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageSpec:
    """What the frame needs to know about a page before its module is imported."""

    name: str  # the last part of its address, and how other pages refer to it
    title: str
    view: str  # "module:function", which draws it
    icon: str | None = None  # of Material Symbols; a page without one is reached by links and not from the menu
    default: bool = False  # what "/" shows

    @property
    def address(self) -> str:
        return "/" if self.default else f"/{self.name}"


PAGES = (
    PageSpec("experiments", "Experiments", "dashboard.views.experiments.page:page", "stacked_line_chart", default=True),
    PageSpec("new", "New", "dashboard.views.new.page:page", "add_circle"),
    PageSpec("compare", "Compare", "dashboard.views.compare.page:page", "compare_arrows"),
    PageSpec("sample", "Sample", "dashboard.views.sample.page:page", "blur_on"),
    PageSpec("datasets", "Datasets", "dashboard.views.datasets.page:page", "database"),
    PageSpec("workers", "Workers", "dashboard.views.workers.page:page", "memory"),
    PageSpec("experiment", "Experiment", "dashboard.views.experiment.page:page"),
)
