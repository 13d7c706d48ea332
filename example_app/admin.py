"""The admin site of the shop: a page for each table, and where one differs from the default."""

from datetime import UTC, datetime, time

from sqlmodel import func, select

from backoffice.admin import (
    Admin,
    Card,
    Chart,
    Days,
    ModelAdmin,
    PageContext,
    Series,
    TabularInline,
)
from example_app.accounts import auth
from example_app.models import Author, Book, Order, OrderLine, OrderStatus, Review


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title", "author", "isbn", "published", "price", "stock")
    search_fields = ("title", "isbn", "author__name")
    list_filter = ("author", "published")
    ordering = ("title",)
    icon = "book"


class Lines(TabularInline):
    model = OrderLine
    extra = 0


class OrderAdmin(ModelAdmin):
    model = Order
    inlines = (Lines,)
    list_display = ("id", "customer", "country", "status", "shipping", "placed_at")
    search_fields = ("customer", "email")
    list_filter = ("status", "country", "placed_at")
    ordering = ("-placed_at",)
    # The API moves an order from status to status: a cancelled one goes back to the stock there.
    readonly_fields = ("status", "placed_at")
    icon = "cart"


class ReviewAdmin(ModelAdmin):
    """What is deleted here is out of sight, and can come back: `Review` has a `deleted_at`."""

    model = Review
    list_display = ("book", "reviewer", "rating", "body", "written_at")
    ordering = ("-written_at",)
    readonly_fields = ("account_id", "written_at")
    icon = "star"


admin = Admin(auth, models=[Author, BookAdmin, OrderAdmin, OrderLine, ReviewAdmin])


@admin.card("Orders to be sent", permission="orders:view", icon="cart")
async def to_be_sent(context: PageContext) -> Card:
    paid = select(func.count()).select_from(Order).where(Order.status == OrderStatus.paid)
    return Card((await context.session.exec(paid)).one(), url='orders?filter=status__eq="paid"')


@admin.chart("Orders", permission="orders:view")
async def orders(context: PageContext, days: Days) -> Chart:
    day = func.date(Order.placed_at)
    since = datetime.combine(days.first, time.min, UTC)
    query = select(day, func.count()).where(Order.placed_at >= since).group_by(day)
    rows = (await context.session.exec(query)).all()
    return Chart(days.all, [Series("Placed", days.filled(rows))], url="orders")
