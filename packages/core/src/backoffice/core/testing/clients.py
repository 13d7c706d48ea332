"""Clients of an app that runs already; needs the extra `testing`."""

from typing import Any, Self

from starlette.testclient import TestClient


class Client(TestClient):
    """A TestClient that neither starts nor ends the app: somebody else's run is its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def client(first: TestClient, **options: Any) -> Client:
    """A client beside `first`, which has started the app."""
    made = Client(first.app, **options)
    made.portal = first.portal
    made.app_state.update(first.app_state)
    return made
