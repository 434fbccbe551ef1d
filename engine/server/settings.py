"""How the server is set up: flag before environment (DIPTYCH_…) before file before default."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.descriptions.writer import WRITERS, WriterOptions
from engine.errors import InvalidSetting
from engine.events.log_address import masked, unmasked
from engine.indexes.index import DEVICES

ENVIRONMENT_PREFIX = "DIPTYCH_"
# Settings whose values an error must not say back.
_SECRET = frozenset({"events_url", "writer_url", "writer_key"})


class ServerSettings(BaseSettings):
    """Everything that can be chosen of a server."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    store: Path
    """The folder of snapshots."""
    address: str = "127.0.0.1:50051"
    """Where to listen, HOST:PORT; port 0 takes a free one."""
    device: str = "cpu"
    """Where index and encoder run: cpu or cuda."""
    search_threads: int = Field(default=min(8, os.cpu_count() or 1), ge=1, le=256)
    """How many queries are searched at once."""
    encoder_threads: int = Field(default=8, ge=1, le=64)
    """How many queries with words or pictures are under way at once; those that meet are encoded together."""
    runtime: Literal["auto", "torch", "openvino"] = "auto"
    """What computes the models: openvino is the faster one on a CPU; auto takes it where it gives the same vectors."""
    max_batch: int = Field(default=32, ge=1, le=1024)
    """How many texts or pictures go through a model at once."""
    max_wait_ms: float = Field(default=2.0, ge=0, le=1000)
    """How long a batch may wait for those who were in the one before; a lone caller never waits."""
    encoder_cache_bytes: int = Field(default=64 * 2**20, ge=0)
    """The memory for vectors of texts and pictures that were asked for before, for each model; 0 keeps none."""
    waiting_limit: int = Field(default=256, ge=1, le=100_000)
    """How many calls may wait for a thread before further ones are refused."""
    message_bytes: int = Field(default=16 * 2**20, ge=2**10, le=2**30)
    """The largest request."""
    poll_s: float = Field(default=0.2, gt=0, le=60)
    """How often to look whether another snapshot was published."""
    grace_s: float = Field(default=10.0, ge=0, le=3600)
    """How long calls may take to finish after SIGTERM."""
    metrics_address: str = ""
    """Where Prometheus may fetch metrics, HOST:PORT; port 0 takes a free one, empty is nowhere."""
    recall_sample: float = Field(default=0.001, ge=0, le=1)
    """The share of searches that are answered again exactly, to watch their recall; 0 watches none."""
    events_url: str = ""
    """The database that keeps events: postgresql://USER@HOST/DATABASE or sqlite:////FILE; empty: a file of the store"""
    describe_threads: int = Field(default=2, ge=1, le=64)
    """How many descriptions are written at once."""
    writer: str = "coca"
    """Who writes descriptions: coca, chat, or module:Class of your own."""
    writer_url: str = Field(default="", validate_default=True)
    """The OpenAI-compatible address that the writer chat asks, such as http://127.0.0.1:11434/v1."""
    writer_model: str = Field(default="", validate_default=True)
    """The model that it asks for there."""
    writer_key: SecretStr = SecretStr("")
    """The key that it shows there; from the environment or a file, for everybody sees a command's flags."""
    writer_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long it waits for an answer."""
    writer_images: bool = False
    """Whether that model looks at pictures, and gets them."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious of what is logged."""

    @property
    def writer_options(self) -> WriterOptions:
        """What opens the writer of descriptions."""
        return WriterOptions(
            name=self.writer,
            url=self.writer_url,
            model=self.writer_model,
            key=self.writer_key.get_secret_value(),
            timeout_s=self.writer_timeout_s,
            images=self.writer_images,
        )

    @field_validator("metrics_address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and not re.fullmatch(r"\S+:\d{1,5}", address):
            raise ValueError("expected HOST:PORT")
        return address

    @field_validator("events_url")
    @classmethod
    def _is_database(cls, address: str) -> str:
        try:
            # What was printed without its password can be read back; libpq knows where else to look for one.
            return address and unmasked(address)
        except InvalidSetting as error:
            raise ValueError(str(error)) from error

    @field_validator("writer")
    @classmethod
    def _is_writer(cls, writer: str) -> str:
        if writer not in WRITERS and not re.fullmatch(r"[\w.]+:\w+", writer):
            raise ValueError(f"expected {', '.join(WRITERS)} or module:Class")
        return writer

    @field_validator("writer_url", "writer_model")
    @classmethod
    def _is_told_with_chat(cls, value: str, others: ValidationInfo) -> str:
        if others.data.get("writer") == "chat" and not value:
            raise ValueError("expected one with the writer chat")
        return value

    @field_validator("writer_url")
    @classmethod
    def _is_without_password(cls, address: str) -> str:
        if "@" in address.partition("://")[2].partition("/")[0]:
            raise ValueError("expected an address without a name or password: a key goes into writer_key")
        return address

    @field_validator("device")
    @classmethod
    def _is_device(cls, device: str) -> str:
        if device not in DEVICES and not re.fullmatch(r"[\w.]+:\w+", device):
            raise ValueError(f"expected {', '.join(DEVICES)} or module:Class")
        return device

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put what `load` read from the file behind the environment."""
        return init_settings, env_settings


def load(flags: Mapping[str, Any], file: Path | None = None) -> ServerSettings:
    """Return the settings; flags that are None count as not given. Raises InvalidSetting naming what is wrong."""
    given = {name: value for name, value in flags.items() if value is not None}
    written = {} if file is None else _read(file)
    # The environment stands between the two: what it sets is taken out of the file's.
    behind = {name: value for name, value in written.items() if f"{ENVIRONMENT_PREFIX}{name}".upper() not in os.environ}
    try:
        return ServerSettings(**{**behind, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(place) for place in first["loc"])
        if first["type"] == "missing":
            raise InvalidSetting(
                f"expected a {name}: --{name}, {ENVIRONMENT_PREFIX}{name.upper()} or `{name}` in a file, got none"
            ) from error
        # An address may hold a password.
        came = "" if name in _SECRET else f", got {first['input']!r}"
        raise InvalidSetting(f"{name}: {first['msg']}{came}") from error


def render(settings: ServerSettings) -> str:
    """Return the settings as TOML that `load` reads back, passwords masked, which is as if there were none."""
    values = settings.model_dump(mode="json")
    values["events_url"] = values["events_url"] and masked(values["events_url"])
    del values["writer_key"]  # nothing of it, not even that there is one
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            written = tomllib.load(opened)
    except OSError as error:
        raise InvalidSetting(f"{file}: expected a file of settings, got {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{file}: expected TOML, got {error}") from error
    known = list(ServerSettings.model_fields)
    for name in written:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise InvalidSetting(f"{file}: unknown setting {name!r}; {hint}")
    return written
