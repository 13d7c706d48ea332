"""A database that takes a connection and says nothing keeps no app from starting."""

import socket
import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backoffice.auth import Auth


def test_an_app_starts_and_answers_503(monkeypatch: pytest.MonkeyPatch) -> None:
    auth, app, began = Auth(), FastAPI(), time.monotonic()
    app.include_router(auth.router, prefix="/auth")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://user:none@127.0.0.1:{listener.getsockname()[1]}/shop"
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "0.5")
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with TestClient(app) as client:
            form = {"username": "ann@example.com", "password": "a rather long one"}
            answer = client.post("/auth/login", data=form)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert time.monotonic() - began < 60
