"""Orders: placed from the stock, and moved from one status to the next.

They hold the addresses of customers: seeing them is a permission of its own.
"""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from example_app.accounts import auth
from example_app.database import AsyncDatabase
from example_app.models import Book, Order, OrderLine, OrderStatus
from example_app.schemas import (
    Id,
    NewOrder,
    NewOrderLine,
    OrderMove,
    OrderSearch,
    OrderShown,
    Page,
)
from example_app.shipping import Rates

router = APIRouter(prefix="/api/orders", tags=["orders"])

#: The statuses from which an order may come to this one.
BEFORE: dict[OrderStatus, set[OrderStatus]] = {
    OrderStatus.pending: set(),
    OrderStatus.paid: {OrderStatus.pending},
    OrderStatus.shipped: {OrderStatus.paid},
    OrderStatus.delivered: {OrderStatus.shipped},
    OrderStatus.cancelled: {OrderStatus.pending, OrderStatus.paid},
}


@router.get("", dependencies=[auth.require("orders:read")])
async def list_orders(
    search: Annotated[OrderSearch, Query()], session: AsyncDatabase
) -> Page[OrderShown]:
    found = [] if search.status is None else [col(Order.status) == search.status]
    page = select(Order).where(*found).order_by(col(Order.placed_at).desc(), col(Order.id).desc())
    orders = await session.exec(page.limit(search.limit).offset(search.offset))
    total = await session.exec(select(func.count()).select_from(Order).where(*found))
    return Page(items=[OrderShown.model_validate(order) for order in orders], total=total.one())


@router.get("/{order_id}", dependencies=[auth.require("orders:read")])
async def show_order(order_id: Id, session: AsyncDatabase) -> OrderShown:
    return OrderShown.model_validate(await existing(session, order_id))


@router.post("", status_code=201, dependencies=[auth.require("orders:write")])
async def place_order(new: NewOrder, session: AsyncDatabase, rates: Rates) -> OrderShown:
    lines, weight_kg = [], 0.0
    # By ascending id, so that two orders for the same books cannot deadlock.
    for wanted in sorted(new.lines, key=lambda line: line.book_id):
        price, weight = await taken_from_stock(session, wanted)
        lines.append(OrderLine(**wanted.model_dump(), unit_price=price))
        weight_kg += weight * wanted.quantity
    shipping = rates.cost(new.country, weight_kg)
    order = Order(**new.model_dump(exclude={"lines"}), shipping=shipping, lines=lines)
    session.add(order)
    await session.commit()
    return OrderShown.model_validate(order)


@router.patch("/{order_id}", dependencies=[auth.require("orders:write")])
async def move_order(order_id: Id, move: OrderMove, session: AsyncDatabase) -> OrderShown:
    # One conditional statement: of two moves at the same time, the second changes no row.
    moved = await session.exec(
        update(Order)
        .where(col(Order.id) == order_id, col(Order.status).in_(BEFORE[move.status]))
        .values(status=move.status)
    )
    order = await existing(session, order_id)
    if moved.rowcount == 0:
        raise HTTPException(409, f"An order that is {order.status} cannot become {move.status}.")
    if move.status is OrderStatus.cancelled:
        await put_back(session, order.lines)
    await session.commit()
    return OrderShown.model_validate(order)


async def existing(session: AsyncSession, order_id: int) -> Order:
    order = await session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, f"There is no order {order_id}.")
    return order


async def taken_from_stock(session: AsyncSession, wanted: NewOrderLine) -> tuple[Decimal, float]:
    """Price and weight of a book, whose stock is now less; 409 when there are not enough."""
    book = await session.exec(
        update(Book)
        .where(col(Book.id) == wanted.book_id, col(Book.stock) >= wanted.quantity)
        .values(stock=Book.stock - wanted.quantity)
        .returning(col(Book.price), col(Book.weight_kg))
    )
    taken = book.one_or_none()
    if taken is None:
        if await session.get(Book, wanted.book_id) is None:
            raise HTTPException(422, f"There is no book {wanted.book_id}.")
        raise HTTPException(409, f"Fewer than {wanted.quantity} of book {wanted.book_id} are left.")
    return taken.price, taken.weight_kg


async def put_back(session: AsyncSession, lines: list[OrderLine]) -> None:
    for line in sorted(lines, key=lambda line: line.book_id):
        more = Book.stock + line.quantity
        await session.exec(update(Book).where(col(Book.id) == line.book_id).values(stock=more))
