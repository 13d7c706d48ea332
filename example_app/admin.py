"""The admin site of the shop: a page for each table, and where one differs from the default."""

from backoffice.admin import Admin, ModelAdmin
from example_app.accounts import auth
from example_app.models import Author, Book, Order, OrderLine, Review


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title", "author", "isbn", "published", "price", "stock")
    search_fields = ("title", "isbn", "author__name")
    list_filter = ("author", "published")
    ordering = ("title",)
    icon = "book"


class OrderAdmin(ModelAdmin):
    model = Order
    list_display = ("id", "customer", "country", "status", "shipping", "placed_at")
    search_fields = ("customer", "email")
    list_filter = ("status", "country", "placed_at")
    ordering = ("-placed_at",)
    # The API moves an order from status to status: a cancelled one goes back to the stock there.
    readonly_fields = ("status", "placed_at")
    icon = "cart"


class ReviewAdmin(ModelAdmin):
    model = Review
    list_display = ("book", "reviewer", "rating", "body", "written_at")
    ordering = ("-written_at",)
    readonly_fields = ("account_id", "written_at")
    icon = "star"


admin = Admin(auth, models=[Author, BookAdmin, OrderAdmin, OrderLine, ReviewAdmin])
