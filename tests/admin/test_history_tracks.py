"""What the history takes for the row of a record, without another look at the database."""

from sqlalchemy.orm import make_transient_to_detached

from backoffice.admin import Admin
from backoffice.admin.history.tracks import track_of
from backoffice.admin.records import RecordView
from backoffice.auth import Auth
from tests.admin.library import Author


def test_a_record_is_its_row_only_where_all_of_it_was_read() -> None:
    """A value that was written over what nobody has read tells nothing of what it was."""
    view = Admin(Auth(), models=[Author]).site._model_views[0]
    assert isinstance(view, RecordView)
    track = track_of(view)
    assert track is not None
    author = Author(id=1, name="Ada")
    make_transient_to_detached(author)
    author.name = "Grace"
    row = track.as_read(author)
    assert row is not None
    assert row["name"] == "Ada"

    del author.__dict__["secret_note"]
    assert track.as_read(author) is None
    author.secret_note = "new"
    assert track.as_read(author) is None
