"""A database or broker that does not answer, and a record of a newer release: a sentence, and the page comes back."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from private_database import require_servers
from sqlalchemy import text
from streamlit.testing.v1 import AppTest
from waiting import patience

from focus_store.database.engine import make_engine
from focus_store.database.session import UPDATE_COMMAND
from focus_store.database.tables import REVISION
from migrations.upgrade import migrate
from worker.laboratory.servers import POSTGRESQL, REDIS, PrivateServers

APP = Path(__file__).parents[2] / "dashboard" / "app.py"


def test_the_page_says_what_does_not_answer_and_comes_back_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_servers()
    with PrivateServers(careless=True) as servers:
        url = servers.database_url()
        migrate(url)
        monkeypatch.setenv("FOCUS_HOME", str(tmp_path))
        monkeypatch.setenv("FOCUS_DATABASE_URL", url)
        monkeypatch.setenv("FOCUS_BROKER_URL", servers.broker_url)
        monkeypatch.setattr("dashboard.record.connection._BROKER_SECONDS", 0.0)
        app = AppTest.from_file(str(APP), default_timeout=patience(60)).run()
        assert app.title[0].value == "Experiments"
        assert not any("broker" in warning.value for warning in app.warning)

        for name in (POSTGRESQL, REDIS):
            servers.process(name).send_signal(signal.SIGINT)
            servers.process(name).wait()
        app.run()
        assert not app.exception
        assert app.title[0].value == "The record cannot be opened"
        assert app.error[0].value.startswith("The database postgresql+psycopg://focus@/focus?host=")
        assert "does not answer" in app.error[0].value

        servers.start_server(POSTGRESQL)
        app.run()
        assert app.title[0].value == "Experiments"
        assert any("The broker does not answer" in warning.value for warning in app.warning)
        servers.start_server(REDIS)
        app.run()
        assert not any("broker" in warning.value for warning in app.warning)


def test_a_record_of_a_newer_release_names_the_command_that_updates_focus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'focus.db'}"
    migrate(url)
    with make_engine(url, writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    monkeypatch.setenv("FOCUS_HOME", str(tmp_path))
    monkeypatch.setenv("FOCUS_DATABASE_URL", "")
    app = AppTest.from_file(str(APP), default_timeout=patience(60)).run()
    assert app.code[0].value == UPDATE_COMMAND
    with make_engine(url, writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": REVISION})
    assert app.run().title[0].value == "Experiments"
