"""The pages of the site, in the order in which a reader meets them."""

from starlette.routing import Route

from backoffice.admin.guard import ACCOUNT, FORGOT, LOGIN, LOGOUT, REQUEST_VERIFY
from backoffice.admin.jobs.pages import PATH as JOBS
from backoffice.admin.link_tokens import RESET, VERIFY
from backoffice.admin.routes import (
    account,
    action,
    cell,
    columns,
    detail,
    export,
    form,
    history,
    home,
    imports,
    jobs,
    keyboard,
    listing,
    looks,
    lookup,
    own,
    recovery,
    saved_views,
    search,
    sign_in,
)
from backoffice.admin.routes.people import people_pages
from backoffice.admin.routes.system import system_pages
from backoffice.admin.site import Site


def pages(site: Site) -> list[Route]:
    """Address to page. What is not here does not exist."""
    return [
        site.route(LOGIN, sign_in.login, "GET", "POST", guarded=False),
        site.route(LOGOUT, sign_in.logout, "POST"),
        site.route(FORGOT, recovery.forgot_password, "GET", "POST", guarded=False),
        site.route(RESET, recovery.reset_password, "GET", "POST", guarded=False),
        site.route(REQUEST_VERIFY, recovery.request_verify, "GET", "POST", guarded=False),
        site.route(VERIFY, recovery.verify, "GET", "POST", guarded=False),
        site.route(ACCOUNT, account.account),
        site.route(f"{ACCOUNT}/sessions", account.end_sessions, "POST"),
        site.route(f"{ACCOUNT}/password", account.change_password, "POST"),
        site.route(f"{ACCOUNT}/keyboard", keyboard.keyboard),
        site.route("/", home.home),
        site.route("/look", looks.look, "POST"),
        site.route("/pages/{name}", own.own, "GET", "POST"),
        site.route(f"/{JOBS}", jobs.jobs),
        site.route(f"/{JOBS}/detail", jobs.job),
        site.route(f"/{JOBS}/cancel", jobs.cancel, "POST"),
        site.route("/history", history.everything),
        site.route("/search", search.search),
        *system_pages(site),
        *people_pages(site),
        site.route("/{resource}", listing.records),
        site.route("/{resource}/views", saved_views.saved_views, "GET", "POST"),
        site.route("/{resource}/columns", columns.columns, "GET", "POST"),
        site.route("/{resource}/cell", cell.cell, "GET", "POST"),
        site.route("/{resource}/add", form.add, "GET", "POST"),
        site.route("/{resource}/detail", detail.record),
        site.route("/{resource}/edit", form.edit, "GET", "POST"),
        site.route("/{resource}/action", action.action, "GET", "POST"),
        site.route("/{resource}/export", export.export),
        site.route("/{resource}/import", imports.imports, "GET", "POST", takes_file=True),
        site.route("/{resource}/import/match", imports.match, "POST"),
        site.route("/{resource}/import/write", imports.write, "POST"),
        site.route("/{resource}/import/refused", imports.refused),
        site.route("/{resource}/lookup", lookup.lookup),
        site.route("/{resource}/history", history.of_records),
        site.route("/{resource}/undo", history.undo, "GET", "POST"),
    ]
