"""URLs: what of them may be seen."""

import string

import pytest

from backoffice.core.settings.urls import shown


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("sqlite:///backoffice.db", "sqlite:///backoffice.db"),
        ("sqlite:////srv/shop/x.db", "sqlite:////srv/shop/x.db"),
        ("sqlite://", "sqlite://"),
        ("console:", "console:"),
        ("hunter2:", "***"),
        ("smtp://me%40host:hunter2@mail.example:587", "smtp://me%40host:***@mail.example:587"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://user:hunter2@host:5432/db", "postgresql://user:***@host:5432/db"),
        (
            "postgresql+psycopg://u:hunter2@[::1]:5432/db",
            "postgresql+psycopg://u:***@[::1]:5432/db",
        ),
        ("postgresql://u:hunter2@one:1,two:2/db", "postgresql://u:***@one:1,two:2/db"),
        ("postgresql://u:hunter2:x@host/db", "postgresql://u:***@host/db"),
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://hunter2@host/0", "redis://***@host/0"),
        ("redis://hunter2:@host/0", "redis://***@host/0"),
        ("redis://:hunter2", "redis://***"),
        ("redis+cluster://u:hunter2@one:1,two:2", "redis+cluster://u:***@one:1,two:2"),
        (
            "redis+sentinel://u:hunter2@one,two/shop/0?sentinel_password=hunter2",
            "redis+sentinel://u:***@one,two/shop/0?sentinel_password=***",
        ),
        (
            "postgresql://host/db?sslmode=require&connect_timeout=5",
            "postgresql://host/db?sslmode=require&connect_timeout=5",
        ),
        (
            "postgresql:///db?host=/run/pg&user=me&password=hunter2&sslpassword=hunter2",
            "postgresql:///db?host=/run/pg&user=***&password=***&sslpassword=***",
        ),
        ("redis://host?password=hunter2", "redis://host?password=***"),
        ("postgresql://host/db?hunter2", "postgresql://host/db?***"),
        ("postgresql://host/db?sslmode=x;password=hunter2", "postgresql://host/db?sslmode=***"),
        ("postgresql://host/db#hunter2", "postgresql://***"),
        ("postgresql:hunter2@host/db", "***"),
        ("hunter2", "***"),
        ("postgresql://host/db\x1b[2J", "postgresql://***"),
    ],
)
def test_a_url_is_shown_without_what_is_or_may_be_secret(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.parametrize("mark", [*string.punctuation, " ", "\n", "@/", "?@", "#:", "&password="])
@pytest.mark.parametrize(
    "form",
    [
        "postgresql://user:{}@host:5432/db?sslmode=require",
        "postgresql://user:{}@host/db",
        "redis://:{}@host:6379/0",
        "redis://:x{}@host:6379/0",
        "postgresql://host/db?password={}&sslmode=require",
        "postgresql://host/db?sslpassword={}",
    ],
)
def test_no_part_of_a_password_is_shown_whatever_stands_in_it(form: str, mark: str) -> None:
    seen = shown(form.format(f"hunt{mark}er22"))
    assert "hunt" not in seen
    assert "er22" not in seen
