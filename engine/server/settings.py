"""Server settings: flags override the environment (DIPTYCH_…), which overrides the file, which overrides defaults."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.errors import InvalidSetting
from engine.events.log_address import drop_mask, mask_passwords

if TYPE_CHECKING:
    from engine.descriptions.writer import WriterOptions

ENVIRONMENT_PREFIX = "DIPTYCH_"
# Error messages never repeat the values of these settings.
_SECRET = frozenset({"events_url", "writer_url", "writer_key"})


class ServerSettings(BaseSettings):
    """The settings of one server.

    The docstring of an attribute is the description of its field, and the help text of its `engine serve` flag.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    store: Path
    """Store folder."""
    address: str = "127.0.0.1:50051"
    """Address to listen on, HOST:PORT. Port 0 picks a free port."""
    device: str = "cpu"
    """Device for the index and the encoders: cpu, cuda or module:Class."""
    search_threads: int = Field(default=min(8, os.cpu_count() or 1), ge=1, le=256)
    """Maximum number of concurrent searches."""
    encoder_threads: int = Field(default=8, ge=1, le=64)
    """Maximum number of concurrent queries with text or images. Concurrent queries are encoded in batches."""
    runtime: Literal["auto", "torch", "openvino"] = "auto"
    """Model runtime: auto, torch or openvino. auto uses openvino, which is faster on CPUs, if its vectors are equal."""
    max_batch: int = Field(default=32, ge=1, le=1024)
    """Maximum number of texts or images in an encoder batch."""
    max_wait_ms: float = Field(default=2.0, ge=0, le=1000)
    """Maximum batching delay in milliseconds. A single caller is never delayed."""
    encoder_cache_bytes: int = Field(default=64 * 2**20, ge=0)
    """Memory for cached text and image vectors, in bytes for each model. 0 disables the cache."""
    waiting_limit: int = Field(default=256, ge=1, le=100_000)
    """Maximum number of calls that wait for a thread. Further calls are rejected."""
    message_bytes: int = Field(default=16 * 2**20, ge=2**10, le=2**30)
    """Maximum request size in bytes."""
    poll_s: float = Field(default=0.2, gt=0, le=60)
    """Interval in seconds between checks for a newly published snapshot."""
    grace_s: float = Field(default=10.0, ge=0, le=3600)
    """Time in seconds for running calls to finish after SIGTERM."""
    metrics_address: str = ""
    """Address of the Prometheus metrics endpoint, HOST:PORT. Port 0 picks a free port. Disabled if empty."""
    recall_sample: float = Field(default=0.001, ge=0, le=1)
    """Share of searches to repeat exactly to monitor recall. 0 disables monitoring."""
    events_url: str = ""
    """Event database, postgresql://USER@HOST/DATABASE or sqlite:////FILE. Defaults to a file in the store."""
    describe_threads: int = Field(default=2, ge=1, le=64)
    """Maximum number of descriptions written concurrently."""
    writer: str = "coca"
    """Description writer: coca, chat or module:Class."""
    writer_url: str = Field(default="", validate_default=True)
    """OpenAI-compatible URL for the chat writer, such as http://127.0.0.1:11434/v1."""
    writer_model: str = Field(default="", validate_default=True)
    """Model name for the chat writer. Set its API key in DIPTYCH_WRITER_KEY or in the file."""
    # No flag: the arguments of a process are visible to every user of the machine.
    writer_key: SecretStr = SecretStr("")
    """API key for the chat writer. Set it in the environment or in the file."""
    writer_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Timeout for the chat writer in seconds."""
    writer_images: bool = False
    """Send images to the chat writer's model."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum log level: debug, info, warning or error."""

    @classmethod
    def flags(cls) -> dict[str, FieldInfo]:
        """Return the fields that are flags of the command line, by name: all but secrets."""
        return {name: field for name, field in cls.model_fields.items() if field.annotation is not SecretStr}

    @property
    def writer_options(self) -> "WriterOptions":
        """Options to open the description writer with."""
        # Imported here and below, since every `engine --help` imports this module and these cost 150 ms.
        from engine.descriptions.writer import WriterOptions

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
    def _check_address(cls, address: str) -> str:
        if address and not re.fullmatch(r"\S+:\d{1,5}", address):
            raise ValueError("expected HOST:PORT")
        return address

    @field_validator("events_url")
    @classmethod
    def _check_database(cls, address: str) -> str:
        try:
            # `--print-config` masks the password: drop the mask, so that libpq looks for it in its usual places.
            return address and drop_mask(address)
        except InvalidSetting as error:
            raise ValueError(str(error)) from error

    @field_validator("writer")
    @classmethod
    def _check_writer(cls, writer: str) -> str:
        from engine.descriptions.writer import WRITERS

        if writer not in WRITERS and not re.fullmatch(r"[\w.]+:\w+", writer):
            raise ValueError(f"expected {', '.join(WRITERS)} or module:Class")
        return writer

    @field_validator("writer_url", "writer_model")
    @classmethod
    def _check_set_for_chat(cls, value: str, others: ValidationInfo) -> str:
        if others.data.get("writer") == "chat" and not value:
            raise ValueError("expected a value for the chat writer")
        return value

    @field_validator("writer_url")
    @classmethod
    def _check_no_password(cls, address: str) -> str:
        if "@" in address.partition("://")[2].partition("/")[0]:
            raise ValueError("expected a URL without user name or password: the API key belongs in writer_key")
        return address

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        from engine.indexes.index import DEVICES

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
        """Return the sources, highest precedence first."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(flags: Mapping[str, Any], file: Path | None = None) -> ServerSettings:
    """Load the settings.

    Args:
        flags: Values by setting; None means not given.
        file: TOML file of settings.

    Raises:
        InvalidSetting: A value is missing or invalid, a setting is unknown, or the file cannot be read.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return _settings_class(file)(**given)
    except ValidationError as error:
        raise _to_invalid_setting(error.errors(), file) from error
    except OSError as error:
        raise InvalidSetting(f"{file}: expected a file of settings, got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{file}: expected TOML, got {error}") from error


def render(settings: ServerSettings) -> str:
    """Return the settings as TOML that `load` accepts. Passwords are masked, and `load` ignores masked ones."""
    values = settings.model_dump(mode="json")
    values["events_url"] = values["events_url"] and mask_passwords(values["events_url"])
    del values["writer_key"]  # not even whether it is set
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _settings_class(file: Path | None) -> type[ServerSettings]:
    """Return the settings class that reads this file; pydantic-settings takes the path from the class alone."""
    if file is None:
        return ServerSettings
    # pydantic-settings silently ignores whatever is not a regular file.
    if not file.is_file():
        found = "a folder" if file.is_dir() else "another kind of file" if file.exists() else "none"
        raise InvalidSetting(f"{file}: expected a file of settings, got {found}")

    class FileSettings(ServerSettings):
        model_config = SettingsConfigDict(toml_file=file, use_attribute_docstrings=False)

    return FileSettings


def _to_invalid_setting(errors: list[ErrorDetails], file: Path | None) -> InvalidSetting:
    # A misspelt name explains a missing setting.
    error = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = list(ServerSettings.model_fields)
        nearest = get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"expected one of {', '.join(known)}"
        source = f"{file}: " if file is not None else ""
        return InvalidSetting(f"{source}unknown setting {name!r}; {hint}")
    if error["type"] == "missing":
        return InvalidSetting(
            f"expected a {name}: --{name}, {ENVIRONMENT_PREFIX}{name.upper()} or `{name}` in a file, got none"
        )
    value = "" if name in _SECRET else f", got {error['input']!r}"
    return InvalidSetting(f"{name}: {error['msg']}{value}")
