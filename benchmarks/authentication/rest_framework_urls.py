"""The views that Django serves."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class MayRead(BasePermission):  # type: ignore[misc]  # it has no types
    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.has_perm("auth.view_permission"))


class Books(APIView):  # type: ignore[misc]  # it has no types
    permission_classes: ClassVar = [MayRead]

    def get(self, request: Request) -> Response:
        return Response({"v": 1})


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b'{"v":1}', content_type="application/json")


urlpatterns: list[Any] = [path("books", Books.as_view()), path("bare", bare)]
