"""The dashboard's frame: navigation, style, status line. The pages are in views/."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import OperationalError

from dashboard.look.theme import FAVICON, LOGO
from dashboard.pages import PAGES, PageSpec
from dashboard.parts.frame import status_line
from dashboard.parts.problems import show_record_missing
from dashboard.parts.state import remember_pages
from dashboard.record.connection import laboratory, record_away
from dashboard.server.hearing import tell_where_asked
from focus_core.catalogue.by_path import load
from focus_core.errors import UserError

st.set_page_config(page_title="FOCUS", page_icon=str(FAVICON), layout="wide")
st.logo(str(LOGO), size="medium", link=None)


def _page(spec: PageSpec) -> st.Page:
    """The page's module is imported when the page is drawn."""
    icon = None if spec.icon is None else f":material/{spec.icon}:"
    return st.Page(
        lambda: load(spec.view)(),
        title=spec.title,
        icon=icon,
        url_path=spec.name,
        default=spec.default,
        visibility="hidden" if icon is None else "visible",
    )


pages = {spec.name: _page(spec) for spec in PAGES}
remember_pages(pages)
tell_where_asked([*pages.values()])
chosen = st.navigation(list(pages.values()), position="top")

try:
    laboratory()
except UserError as problem:
    show_record_missing(problem)
else:
    try:
        chosen.run()
    except OperationalError as error:  # the database became unavailable while the page was being drawn
        show_record_missing(record_away(error))
    else:
        status_line()
