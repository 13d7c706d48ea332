"""Where the pages about the running app are."""

from starlette.routing import Route

from backoffice.admin.operations.menu import FIRST_STEPS, PATH
from backoffice.admin.routes import health, home, limits, outbox
from backoffice.admin.site import Site


def system_pages(site: Site) -> list[Route]:
    """Address to page."""
    return [
        site.route(f"/{PATH}/limits", limits.limits),
        site.route(f"/{PATH}/limits/detail", limits.limit),
        site.route(f"/{PATH}/limits/override", limits.override, "POST"),
        site.route(f"/{PATH}/limits/lift", limits.lift, "POST"),
        site.route(f"/{PATH}/limits/reset", limits.reset, "POST"),
        site.route(f"/{PATH}/outbox", outbox.messages),
        site.route(f"/{PATH}/outbox/detail", outbox.message),
        site.route(f"/{PATH}/outbox/preview", outbox.preview),
        site.route(f"/{PATH}/outbox/retry", outbox.retry, "POST"),
        site.route(f"/{PATH}/{FIRST_STEPS}", home.hide_steps, "POST"),
        site.route(f"/{PATH}/health", health.health),
        site.route(f"/{PATH}/chain", health.chain),
        *(
            site.route(f"/{PATH}/{name}", health.report(each))
            for name, each in site.system.reports.items()
        ),
    ]
