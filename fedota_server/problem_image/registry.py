"""Push an image to a registry, without an engine.

References
----------
OCI distribution specification 1.1, “Pushing”; the token flow of the distribution project
("Token Authentication Specification").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from fedota_proto.errors import UnreachableError, UsageError
from fedota_server.problem_image.image_archive import MANIFEST_TYPE, Blob, ImageArchive

_TIMEOUT = httpx.Timeout(60.0, write=600.0, read=600.0)
_CHALLENGE = re.compile(r'([a-z_]+)="([^"]*)"')
_PLACE = re.compile(r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)*$")
_HERE = ("127.0.0.1", "localhost")


class Registry:
    """A registry, and the folder in it that images go to.

    Parameters
    ----------
    place
        As ``registry.example:5000/hospital``; this machine's own may speak HTTP, others HTTPS.
    user, password
        Where it wants some; empty: none.
    transport
        For tests: what answers in place of the network.

    Raises
    ------
    UsageError
        The place is none.
    """

    def __init__(
        self,
        place: str,
        user: str = "",
        password: SecretStr | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not _PLACE.match(place):
            raise UsageError(
                f"{place!r} names no registry: write HOST, HOST:PORT or HOST:PORT/FOLDER, as "
                "registry.example:5000/hospital."
            )
        self._host, _, self._folder = place.partition("/")
        scheme = "http" if self._host.partition(":")[0] in _HERE else "https"
        self._base = f"{scheme}://{self._host}"
        self._login = (user, password.get_secret_value()) if user and password else None
        self._transport = transport

    def push(self, image: ImageArchive, name: str, tag: str, say: Callable[[str], None]) -> str:
        """Send what the registry lacks of an image, and name it.

        Parameters
        ----------
        image
            The image.
        name, tag
            What it is called there, below the registry's folder.
        say
            Takes one line for each layer that is sent.

        Returns
        -------
        str
            The reference that ``docker pull`` takes.

        Raises
        ------
        UnreachableError
            The registry does not answer, or refuses.
        FolderError
            The client's archive is damaged.
        """
        repository = f"{self._folder}/{name}".lstrip("/")
        try:
            with httpx.Client(
                base_url=self._base, timeout=_TIMEOUT, transport=self._transport, trust_env=True
            ) as client:
                client.headers.update(self._authorization(client, repository))
                for blob in (*image.layers, image.config):
                    if self._lacks(client, repository, blob):
                        say(f"sending {blob.sha256[:12]}, {blob.piece.size_bytes / 1e6:.1f} MB")
                        self._send(client, repository, blob)
                _accepted(
                    client.put(
                        f"/v2/{repository}/manifests/{tag}",
                        content=image.manifest.piece.read(),
                        headers={"Content-Type": MANIFEST_TYPE},
                    )
                )
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"The registry {self._host} does not answer ({error or type(error).__name__}): "
                "check FEDOTA_REGISTRY and the network.",
                detail=repr(error),
            ) from error
        return f"{self._host}/{repository}:{tag}"

    def _authorization(self, client: httpx.Client, repository: str) -> dict[str, str]:
        """Find out what the registry wants to see, and get it."""
        answer = client.get("/v2/")
        if answer.status_code != 401:
            _accepted(answer)
            return {}
        kind, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
        asked = dict(_CHALLENGE.findall(rest))
        if kind.lower() == "basic" and self._login:
            return {"Authorization": _basic(self._login)}
        if kind.lower() == "bearer" and asked.get("realm", "").startswith(("https:", self._base)):
            params = {"scope": f"repository:{repository}:pull,push"}
            params |= {"service": asked["service"]} if "service" in asked else {}
            token = client.get(asked["realm"], params=params, auth=self._login)
            given = _accepted(token).json()
            return {"Authorization": f"Bearer {given.get('token') or given.get('access_token')}"}
        raise UnreachableError(
            f"The registry {self._host} wants to know who asks: set FEDOTA_REGISTRY_USER and "
            "FEDOTA_REGISTRY_PASSWORD."
        )

    @staticmethod
    def _lacks(client: httpx.Client, repository: str, blob: Blob) -> bool:
        return client.head(f"/v2/{repository}/blobs/sha256:{blob.sha256}").status_code != 200

    def _send(self, client: httpx.Client, repository: str, blob: Blob) -> None:
        begun = _accepted(client.post(f"/v2/{repository}/blobs/uploads/"))
        place = client.base_url.join(begun.headers["Location"])
        if urlsplit(str(place)).scheme != urlsplit(self._base).scheme:
            place = place.copy_with(scheme=urlsplit(self._base).scheme)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(blob.piece.size_bytes),
        }
        url = place.copy_merge_params({"digest": f"sha256:{blob.sha256}"})
        _accepted(client.put(url, content=_bytes_of(blob), headers=headers))


def _bytes_of(blob: Blob) -> Iterator[bytes]:
    yield from blob.piece.chunks()


def _basic(login: tuple[str, str]) -> str:
    request = next(httpx.BasicAuth(*login).auth_flow(httpx.Request("GET", "https://registry")))
    return str(request.headers["Authorization"])


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Let a good answer pass.

    Raises
    ------
    UnreachableError
        It is a refusal.
    """
    if answer.is_success:
        return answer
    why = {401: ": the password is wrong", 403: ": the account may not push there"}
    status = answer.status_code
    raise UnreachableError(
        f"The registry {answer.request.url.host} refuses ({status}{why.get(status, '')}): check "
        "FEDOTA_REGISTRY, FEDOTA_REGISTRY_USER and FEDOTA_REGISTRY_PASSWORD.",
        detail=answer.text[:500],
    )
