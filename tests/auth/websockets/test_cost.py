"""What websockets cost that are open."""

import gc
from contextlib import ExitStack

from sqlalchemy import event

from tests.auth.websockets.conftest import Street, settled, wait_for


class TestCost:
    """Open websockets cost one question a look, and leave nothing behind."""

    def test_many_are_asked_about_together(self, street: Street) -> None:
        users = [street.user(f"u{n}@example.com") for n in range(20)]
        tokens = [street.token(user.email) for user in users]
        asked: list[str] = []
        engine = street.services.database.engine.sync_engine
        with ExitStack() as stack:
            for token in tokens:
                stack.enter_context(street.connect(token=token))
            settled(street)
            event.listen(engine, "before_cursor_execute", lambda *each: asked.append(each[2]))
            # A role changes, which may concern everybody.
            role = street.accounts.role("reader", "books:read")
            street.call(street.services.roles.change(role.id, permissions=[], actor="test"))
            wait_for(lambda: bool(about(asked)))
            settled(street)
        assert len(about(asked)) == 1

    def test_five_hundred_that_came_and_went_leave_nothing(self, street: Street) -> None:
        street.user()
        token = street.token()
        found = street.services.websockets
        for _ in range(10):
            with ExitStack() as stack:
                for _ in range(50):
                    stack.enter_context(street.connect(token=token)).receive_json()
                assert len(found) == 50
            wait_for(lambda: len(found) == 0)
        gc.collect()
        wait_for(lambda: len(found._all) == 0)
        wait_for(lambda: found._task is None or found._task.done())

    def test_requests_do_not_start_a_watch(self, street: Street) -> None:
        street.user()
        assert street.get("/who", street.token()).status_code == 200
        assert street.services.websockets._task is None


def about(asked: list[str]) -> list[str]:
    """The questions how sessions stand."""
    return [each for each in asked if "JOIN backoffice_session" in each]
