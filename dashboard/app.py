"""The dashboard's frame: navigation, style, status line. Pages lie in views/."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import OperationalError

from dashboard.frame import status_line
from dashboard.problems import show_record_missing
from dashboard.record import laboratory, record_away
from dashboard.state import remember_pages
from dashboard.theme import FAVICON, LOGO
from dashboard.views import compare, datasets, experiment, experiments, new, sample, workers
from focus_core.errors import UserError

st.set_page_config(page_title="FOCUS", page_icon=str(FAVICON), layout="wide")
st.logo(str(LOGO), size="medium", link=None)

pages = {
    "experiments": st.Page(
        experiments.page,
        title="Experiments",
        icon=":material/stacked_line_chart:",
        url_path="experiments",
        default=True,
    ),
    "new": st.Page(new.page, title="New", icon=":material/add_circle:", url_path="new"),
    "compare": st.Page(compare.page, title="Compare", icon=":material/compare_arrows:", url_path="compare"),
    "sample": st.Page(sample.page, title="Sample", icon=":material/blur_on:", url_path="sample"),
    "datasets": st.Page(datasets.page, title="Datasets", icon=":material/database:", url_path="datasets"),
    "workers": st.Page(workers.page, title="Workers", icon=":material/memory:", url_path="workers"),
    "experiment": st.Page(experiment.page, title="Experiment", url_path="experiment", visibility="hidden"),
}
remember_pages(pages)
chosen = st.navigation(list(pages.values()), position="top")

try:
    laboratory()
except UserError as problem:
    show_record_missing(problem)
else:
    try:
        chosen.run()
    except OperationalError as error:  # the database went away in the middle of the page
        show_record_missing(record_away(error))
    else:
        status_line()
