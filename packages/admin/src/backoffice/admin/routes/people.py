"""The pages of people and of what they may do, beside those that every model has."""

from starlette.routing import Route

from backoffice.admin.impersonation import END
from backoffice.admin.routes import impersonation, matrix, person
from backoffice.admin.site import Site


def people_pages(site: Site) -> list[Route]:
    """Address to page; before those of every model, whose place some of them take."""
    return [
        site.route("/roles/matrix", matrix.matrix, "GET", "POST"),
        site.route("/users/detail", person.user),
        site.route("/users/roles", person.give_role, "POST"),
        site.route("/users/permissions", person.give_permission, "POST"),
        site.route("/users/lock", person.lock, "POST"),
        site.route("/users/password", person.set_password, "POST"),
        site.route("/users/impersonate", impersonation.start, "GET", "POST"),
        site.route(END, impersonation.end, "POST"),
    ]
