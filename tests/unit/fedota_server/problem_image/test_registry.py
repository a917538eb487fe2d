"""Pushing to a registry that answers as the specification says, and to some that do not."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from support.saved_images import save_new

from fedota_proto.errors import UnreachableError, UsageError
from fedota_server.problem_image.client_archive import ClientArchive
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.problem_image import ProblemFacts, problem_image
from fedota_server.problem_image.registry import Registry

FACTS = ProblemFacts("abcdef123456", "Tumours", (), "", "[data]\n")


class KeptRegistry:
    """A registry in memory.

    Parameters
    ----------
    wants
        ``""``, ``"basic"`` or ``"bearer"``.
    """

    def __init__(self, wants: str = "") -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._wants = wants

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        if path == "/token":
            known = request.headers.get("Authorization", "").startswith("Basic ")
            assert request.url.params["scope"] == "repository:ward/client-x:pull,push"
            return httpx.Response(200 if known else 401, json={"token": "t0ken"})
        if self._refused(request):
            challenge = {
                "basic": 'Basic realm="here"',
                "bearer": 'Bearer realm="https://registry.example/token",service="kept"',
            }[self._wants]
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        return self._served(request, path)

    def _served(self, request: httpx.Request, path: str) -> httpx.Response:
        if found := re.fullmatch(r"/v2/ward/client-x/blobs/(sha256:[0-9a-f]{64})", path):
            return httpx.Response(200 if found[1] in self.blobs else 404)
        if path == "/v2/ward/client-x/blobs/uploads/":
            return httpx.Response(202, headers={"Location": "/v2/upload/1?_state=abc"})
        if path == "/v2/upload/1":
            assert request.url.params["_state"] == "abc"
            body = request.read()
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            assert request.url.params["digest"] == digest
            assert int(request.headers["Content-Length"]) == len(body)
            self.blobs[digest] = body
            return httpx.Response(201)
        if found := re.fullmatch(r"/v2/ward/client-x/manifests/(\w+)", path):
            self.manifests[found[1]] = request.read()
            return httpx.Response(201)
        return httpx.Response(200 if path == "/v2/" else 404)

    def _refused(self, request: httpx.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return bool(self._wants) and not given.startswith(
            {"basic": "Basic ", "bearer": "Bearer t0ken"}[self._wants]
        )


@pytest.fixture
def image(tmp_path: Path) -> ImageArchive:
    path = tmp_path / "client.tar"
    save_new(path)
    return problem_image(ClientArchive.read(path), FACTS)


def push(registry: KeptRegistry, image: ImageArchive, user: str = "") -> str:
    transport = httpx.MockTransport(registry.answer)
    password = SecretStr("word") if user else None
    place = Registry("registry.example/ward", user, password, transport=transport)
    return place.push(image, "client-x", "v1", lambda line: None)


@pytest.mark.parametrize(("wants", "user"), [("", ""), ("basic", "ann"), ("bearer", "ann")])
def test_all_of_an_image_arrives(image: ImageArchive, wants: str, user: str) -> None:
    registry = KeptRegistry(wants)
    assert push(registry, image, user) == "registry.example/ward/client-x:v1"
    manifest = json.loads(registry.manifests["v1"])
    named = {manifest["config"]["digest"], *(one["digest"] for one in manifest["layers"])}
    assert named == set(registry.blobs)


def test_what_is_there_is_not_sent_again(image: ImageArchive) -> None:
    registry = KeptRegistry()
    push(registry, image)
    registry.asked.clear()
    push(registry, image)
    assert not [one for one in registry.asked if one.startswith("POST")]


@pytest.mark.parametrize("wants", ["basic", "bearer"])
def test_a_registry_that_wants_a_name(image: ImageArchive, wants: str) -> None:
    with pytest.raises(UnreachableError, match="FEDOTA_REGISTRY_USER"):
        push(KeptRegistry(wants), image)


def test_a_registry_that_refuses(image: ImageArchive) -> None:
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200 if request.url.path == "/v2/" else 403)
    )
    with pytest.raises(UnreachableError, match=r"refuses \(403: the account may not push there"):
        Registry("registry.example", transport=transport).push(image, "x", "v1", lambda line: None)


def test_a_registry_that_is_away(image: ImageArchive) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UnreachableError, match="does not answer"):
        Registry("registry.example", transport=httpx.MockTransport(away)).push(
            image, "x", "v1", lambda line: None
        )


@pytest.mark.parametrize("place", ["https://registry.example", "registry.example/UPPER", "a b"])
def test_a_place_that_is_no_registry(place: str) -> None:
    with pytest.raises(UsageError, match="names no registry"):
        Registry(place)
