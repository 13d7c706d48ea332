"""Evaluation: what an SQL condition says of an object that is loaded, without asking the database.

SQL has three truth values: what is compared with NULL is neither true nor false, but unknown (None
here). The answer is the database's own, or there is none: `Unanswerable` for whatever two databases
may see differently (the order of texts, rounded numbers, types of one's own), and for what only
they know (sub-queries, functions, columns that are not loaded).
"""

import operator
import uuid
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import inspect as inspected
from sqlalchemy import types
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.exc import UnmappedColumnError
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    AsBoolean,
    BinaryExpression,
    BindParameter,
    ColumnClause,
    ColumnElement,
    ExpressionClauseList,
    False_,
    Grouping,
    Null,
    True_,
    UnaryExpression,
)
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from backoffice.auth.user_keys import UserKey

Comparison = Callable[[Any, Any], bool]

#: Types whose values are in Python what they are in the database; a subclass may do otherwise.
_PLAIN = {
    types.BigInteger,
    types.Boolean,
    types.Date,
    types.DateTime,
    types.Enum,
    types.Integer,
    types.SmallInteger,
    types.String,
    types.Text,
    types.Unicode,
    types.UnicodeText,
    types.Uuid,
    types.VARCHAR,
    types.NullType,
    AutoString,
    UTCDateTime,
    UserKey,
}
#: Values that all databases find equal as Python does.
_EQUATED = {bool, int, str, uuid.UUID, date, datetime}
#: Those that all put in the same order: of texts, each database has its own.
_ORDERED = {int, date, datetime}
#: What a database keeps in a whole number.
_LARGEST = 2**63 - 1

_EQUALITY: dict[Any, Comparison] = {operators.eq: operator.eq, operators.ne: operator.ne}
_ORDER: dict[Any, Comparison] = {
    operators.lt: operator.lt,
    operators.le: operator.le,
    operators.gt: operator.gt,
    operators.ge: operator.ge,
}
#: `IS` and its kin tell NULL from others, and are never unknown.
_IDENTITY = {
    operators.is_: True,
    operators.is_not: False,
    operators.is_not_distinct_from: True,
    operators.is_distinct_from: False,
}
_MEMBERSHIP = {operators.in_op: True, operators.not_in_op: False}
_BETWEEN = {operators.between_op: True, operators.not_between_op: False}


class Unanswerable(Exception):
    """Only the database can tell."""


def truth(condition: ColumnElement[Any], found: object) -> bool | None:
    """What the condition says of the object; Unanswerable where it cannot be told here."""
    return _Subject(found).truth(condition)


class _Subject:
    """An object, as conditions ask for its columns."""

    def __init__(self, found: object) -> None:
        state: Any = inspected(found)
        self._mapper: Mapper[Any] = state.mapper
        # Not the attributes: reading one that is not loaded would ask the database.
        self._loaded: dict[str, Any] = state.dict

    def truth(self, condition: Any) -> bool | None:
        match condition:
            case True_():
                return True
            case False_():
                return False
            case Grouping():
                return self.truth(condition.element)
            case AsBoolean():
                return self._as_boolean(condition)
            case UnaryExpression() if condition.operator is operators.inv:
                return _negated(self.truth(condition.element))
            case ExpressionClauseList():
                return self._joined(condition)
            case BinaryExpression():
                return self._compared(condition)
        return _boolean(self._value(condition))

    def _as_boolean(self, condition: AsBoolean) -> bool | None:
        found = self.truth(condition.element)
        return found if condition.operator is operators.is_true else _negated(found)

    def _joined(self, condition: Any) -> bool | None:
        """By AND or OR: one that decides is enough, whatever the others would be."""
        if condition.operator not in (operators.and_, operators.or_):
            raise Unanswerable
        decisive = condition.operator is operators.or_
        found: bool | None = not decisive
        unanswered = False
        for each in condition.clauses:
            try:
                one = self.truth(each)
            except Unanswerable:
                unanswered = True
                continue
            if one is decisive:
                return decisive
            found = None if one is None else found
        if unanswered:
            raise Unanswerable
        return found

    def _compared(self, condition: BinaryExpression[Any]) -> bool | None:
        how = condition.operator
        left = self._value(condition.left)
        if how in _MEMBERSHIP:
            return _sign(_member(left, self._members(condition.right)), _MEMBERSHIP[how])
        if how in _BETWEEN and not condition.modifiers.get("symmetric"):
            low, high = (self._value(each) for each in _bounds(condition.right))
            inside = _both(_compare(left, low, operators.ge), _compare(left, high, operators.le))
            return _sign(inside, _BETWEEN[how])
        if how in _IDENTITY:
            same = self._is(left, condition.right)
            return same if _IDENTITY[how] else not same
        return _compare(left, self._value(condition.right), how)

    def _is(self, left: Any, right: Any) -> bool:
        other = self._value(right)
        if left is None or other is None:
            return left is other
        return bool(_compare(left, other, operators.eq))

    def _members(self, right: Any) -> list[Any]:
        if not isinstance(right, BindParameter) or not isinstance(right.value, list | tuple | set):
            raise Unanswerable
        return list(right.value)

    def _value(self, part: Any) -> Any:
        match part:
            case Null():
                return None
            case True_():
                return True
            case False_():
                return False
            case Grouping():
                return self._value(part.element)
            case BindParameter() if part.callable is None and type(part.type) in _PLAIN:
                return part.value
            case ColumnClause():
                return self._column(part)
        raise Unanswerable

    def _column(self, column: Any) -> Any:
        kind = column.type
        if type(kind) not in _PLAIN or getattr(kind, "collation", None) is not None:
            raise Unanswerable
        try:
            return self._loaded[self._mapper.get_property_by_column(column).key]
        except (UnmappedColumnError, KeyError):
            raise Unanswerable from None


def _bounds(right: Any) -> Any:
    if not isinstance(right, ExpressionClauseList):
        raise Unanswerable
    return right.clauses


def _compare(left: Any, right: Any, how: Any) -> bool | None:
    if how not in _EQUALITY and how not in _ORDER:
        raise Unanswerable
    if left is None or right is None:
        return None
    if how in _EQUALITY and _are_alike(left, right, _EQUATED):
        return _EQUALITY[how](left, right)
    if how in _ORDER and _are_alike(left, right, _ORDERED):
        return _ORDER[how](left, right)
    raise Unanswerable


def _are_alike(left: Any, right: Any, kinds: set[type[Any]]) -> bool:
    """Of one type: what a database makes of a text beside a number is its own affair."""
    kind = type(left)
    if kind is not type(right):
        return False
    if isinstance(left, Enum):
        return kinds is _EQUATED
    if isinstance(left, datetime):
        return (left.tzinfo is None) == (right.tzinfo is None)
    if isinstance(left, int) and max(abs(left), abs(right)) > _LARGEST:
        return False
    return kind in kinds


def _member(value: Any, members: list[Any]) -> bool | None:
    found: bool | None = False
    for each in members:
        same = _compare(value, each, operators.eq)
        if same:
            return True
        found = None if same is None else found
    return found


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _sign(found: bool | None, positive: bool) -> bool | None:
    return found if positive else _negated(found)


def _negated(found: bool | None) -> bool | None:
    return None if found is None else not found


def _boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise Unanswerable
