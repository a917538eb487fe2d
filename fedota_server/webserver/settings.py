"""The webserver's settings."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from fedota_server.webserver.container_settings import ContainerSettings

_URL = r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$"


class WebserverSettings(ContainerSettings):
    """What ``fedota up`` is told, from ``FEDOTA_*`` variables; none is needed on an empty machine.

    The folder, the limits of jobs and of starts are those of every ``fedota`` command; what runs
    the servers stands in `ContainerSettings`.
    """

    model_config = SettingsConfigDict(env_prefix="FEDOTA_", frozen=True, validate_default=True)

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="postgresql://… or sqlite:///…; empty: fedota.db in the platform's folder.",
    )
    web_host: str = Field(
        default="127.0.0.1",
        pattern=r"^\S+$",
        description="Address that the web page listens on; others than loopback need TLS.",
    )
    web_port: int = Field(
        default=8501, ge=1, le=65_535, description="Port that the web page listens on."
    )
    web_url: str = Field(
        default="",
        pattern=_URL,
        description="Address at which people reach the web page; empty: host and port.",
    )
    tls_cert: Path | None = Field(
        default=None, description="The web page's certificate and its chain, PEM."
    )
    tls_key: Path | None = Field(
        default=None, description="The private key of the web page's certificate, PEM."
    )
    trusted_proxy: bool = Field(
        default=False,
        description="Whether a TLS proxy stands in front, which alone reaches the web page.",
    )
    registration: Literal["open", "code", "closed"] = Field(
        default="closed",
        description="Who may register, until an administrator says otherwise on the page.",
    )
    round_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port at which data holders reach completed problems; 0: chosen once and kept.",
    )
    public_host: str = Field(
        default="127.0.0.1",
        pattern=r"^[^\s/]+$",
        description="Name or address by which data holders reach this machine.",
    )
    front_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port of the proxy in front that passes selectors' and the webserver's gRPC "
        "through by server name, for data holders who reach no other; 0: none, each has its own.",
    )
    front_routes: Path | None = Field(
        default=None,
        description="File that tells this proxy, in lines `name host:port;`, where each server is; "
        "unset: none is written.",
    )
    selector_ports: str = Field(
        default="20000-29999",
        pattern=r"^[0-9]{1,5}-[0-9]{1,5}$",
        description="Ports of the selectors, first-last; a firewall lets data holders through.",
    )
    session_days: float = Field(
        default=14.0, ge=0.01, le=366, description="Days after which one must sign in again."
    )
    model_max_bytes: int = Field(
        default=1 << 30,
        ge=1 << 20,
        le=1 << 40,
        description="Largest file that may be uploaded as a model or as a test file.",
    )
    job_parallel: int = Field(
        default=1, ge=1, le=64, description="How many jobs may run at the same time."
    )
    client_image: str = Field(
        default="",
        pattern=r"^\S*$",
        description="Image of the client that the shown Docker command names; empty: none.",
    )
    oidc_metadata_url: str = Field(
        default="",
        pattern=_URL,
        description="The sign-on service's …/.well-known/openid-configuration; empty: none.",
    )
    oidc_client_id: str = Field(
        default="", max_length=400, description="The platform's name at the sign-on service."
    )
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="The platform's secret at the sign-on service."
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token with which /metrics may be read, beside administrators' API tokens.",
    )
    keep_servers: bool = Field(
        default=True,
        description="Whether servers train on while the webserver is restarted, or end with it.",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("tls_key")
    @classmethod
    def _with_its_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if (key is None) != (info.data.get("tls_cert") is None):
            raise PydanticCustomError(
                "tls", "a certificate and its key go together: set FEDOTA_TLS_CERT as well, or none"
            )
        return key

    @field_validator("trusted_proxy")
    @classmethod
    def _never_in_clear(cls, proxy: bool, info: ValidationInfo) -> bool:
        host = info.data.get("web_host", "")
        if not (proxy or is_loopback(host) or info.data.get("tls_cert")):
            raise PydanticCustomError(
                "clear",
                "passwords would travel in clear to {host}: set FEDOTA_TLS_CERT and "
                "FEDOTA_TLS_KEY, or true here if a proxy in front speaks TLS, or listen on "
                "127.0.0.1",
                {"host": host},
            )
        return proxy

    @field_validator("selector_ports")
    @classmethod
    def _ascending(cls, ports: str) -> str:
        first, last = (int(port) for port in ports.split("-"))
        if not 1 <= first <= last <= 65_535:
            raise PydanticCustomError("ports", "first-last must ascend within 1-65535")
        return ports

    @field_validator("oidc_client_secret")
    @classmethod
    def _whole_sign_on(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        given = [info.data.get("oidc_metadata_url"), info.data.get("oidc_client_id")]
        if len({bool(value) for value in (*given, secret.get_secret_value())}) == 2:
            raise PydanticCustomError(
                "oidc",
                "single sign-on needs FEDOTA_OIDC_METADATA_URL, FEDOTA_OIDC_CLIENT_ID and this: "
                "set all three, or none",
            )
        return secret

    @property
    def database_address(self) -> str:
        """The database's URL, with its password: for `Database` alone, never shown."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.home / 'fedota.db'}"

    @property
    def serves_tls(self) -> bool:
        """Whether the process itself speaks HTTPS."""
        return self.tls_cert is not None

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers come by HTTPS, so that cookies may be `Secure`."""
        return self.serves_tls or self.trusted_proxy or self.web_url.startswith("https:")

    @property
    def page_url(self) -> str:
        """The address that people use, without a slash at its end."""
        if self.web_url:
            url = self.web_url.rstrip("/")
            return url.removesuffix(":443") if url.startswith("https:") else url
        host = self.public_host if _is_everywhere(self.web_host) else self.web_host
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.serves_tls else 'http'}://{shown}:{self.web_port}"

    @property
    def selector_port_range(self) -> range:
        """The ports that selectors may listen on."""
        first, last = (int(port) for port in self.selector_ports.split("-"))
        return range(first, last + 1)

    @property
    def has_oidc(self) -> bool:
        """Whether single sign-on is configured."""
        return bool(self.oidc_metadata_url)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
