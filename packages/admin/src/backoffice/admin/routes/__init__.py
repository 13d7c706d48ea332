"""The pages of the site, in the order in which a reader meets them."""

from starlette.routing import Route

from backoffice.admin.routes import action, detail, export, form, home, listing, lookup, sign_in
from backoffice.admin.site import Site


def pages(site: Site) -> list[Route]:
    """Address to page. What is not here does not exist."""
    return [
        site.route("/login", sign_in.login, "GET", "POST", guarded=False),
        site.route("/logout", sign_in.logout, "POST"),
        site.route("/", home.home),
        site.route("/{resource}", listing.records),
        site.route("/{resource}/add", form.add, "GET", "POST"),
        site.route("/{resource}/detail", detail.record),
        site.route("/{resource}/edit", form.edit, "GET", "POST"),
        site.route("/{resource}/action", action.action, "GET", "POST"),
        site.route("/{resource}/export", export.export),
        site.route("/{resource}/lookup", lookup.lookup),
    ]
