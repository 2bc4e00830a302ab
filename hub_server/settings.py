"""What an operator may set, from flags, the environment or `hub.toml` (in this order of weight).

The only module that reads the environment. One frozen object, made once by the command line and
handed to `create_app`; nothing reads settings at import.
"""

import contextlib
import difflib
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "HUB_"
# Kubernetes injects HUB_PORT, HUB_SERVICE_HOST … for a service that is called "hub".
INJECTED = re.compile(r"^HUB_(PORT|SERVICE)(_|$)")
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SHORTEST_SECRET = 16
DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class SettingsError(Exception):
    """One sentence that names the setting; the start ends with it."""


def parse_size(text: str | int) -> int:
    """`20GB`, `512 MB` or plain bytes, decimal units."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", str(text).strip().upper())
    if (
        not match
        or (unit := match[2] if match[2].endswith("B") or not match[2] else match[2] + "B")
        not in UNITS
    ):
        raise ValueError(f"{text!r} is not a size such as 20GB or 512MB")
    return int(float(match[1]) * UNITS[unit])


def parse_duration(text: str | int) -> int:
    """Seconds of `30d`, `12h`, `15m`, `40s` or a plain number."""
    match = re.fullmatch(r"(\d+)\s*([smhd]?)", str(text).strip().lower())
    if not match:
        raise ValueError(f"{text!r} is not a duration such as 30d, 12h or 15m")
    return int(match[1]) * DURATIONS[match[2] or "s"]


class Settings(BaseSettings):
    """See the table in README.md; each field is `HUB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(Path("data"), description="Everything the embedded default keeps")
    database_url: str = Field(
        "", description="SQLite or PostgreSQL (psycopg 3); default: hub.db in the data directory"
    )
    blobs: str = Field(
        "", description="`file://…` or `s3://bucket/prefix`; default: blobs in the data directory"
    )
    s3_endpoint: str | None = Field(None, description="The S3 service as the hub sees it")
    s3_public_endpoint: str | None = Field(None, description="The S3 service as clients see it")
    s3_region: str = Field("us-east-1", description="Region of the bucket")
    s3_access_key_id: str | None = Field(None, description="Access key")
    s3_secret_access_key: SecretStr | None = Field(None, description="Secret key")
    s3_direct: bool = Field(False, description="Clients may go to the S3 service directly")
    public_url: str = Field(
        "", description="Addresses people use, comma separated; may carry a path"
    )
    trusted_proxies: str = Field(
        "", description="Addresses or networks whose X-Forwarded-* count, comma separated"
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs sessions and links; `new,old` rotates"
    )
    cache_dir: Path | None = Field(
        None, description="This node's cache; default: cache in the data directory"
    )
    cache_size: int = Field(20 * 10**9, description="Bound of the node's cache")
    signup: Literal["open", "invite", "closed"] = Field(
        "invite", description="Who may make an account"
    )
    anonymous: Literal["read", "none"] = Field(
        "read", description="What callers without an account may do"
    )
    default_language: Literal["en", "fr", "ko"] = Field(
        "en", description="Where the browser asks for none of them"
    )
    log_format: Literal["text", "json"] = Field("text", description="Format of the log on stderr")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged"
    )
    migrate: Literal["auto", "check"] = Field(
        "auto", description="Upgrade the schema at start, or only check it"
    )
    workers: int = Field(1, ge=1, le=64, description="Worker processes of `serve`")
    threads: int = Field(24, ge=2, le=512, description="Threads of a worker for requests")
    pool_size: int = Field(
        0, ge=0, le=512, description="Database connections of a worker; 0: as many as threads"
    )
    grace: int = Field(
        30, ge=0, le=86400, description="Seconds that transfers get to end at a stop"
    )
    jobs: bool = Field(True, description="`serve` runs background jobs too")
    git_binary: str = Field(
        "git", description="git command for fast fetches and checks; empty: none"
    )
    max_push: int = Field(20 * 10**9, description="Largest body of one git push")
    max_git_file: int = Field(10 * 1024 * 1024, description="Largest file outside LFS")
    max_git_object: int = Field(100 * 1024 * 1024, description="Largest single Git object")
    max_lfs_file: int = Field(500 * 10**9, description="Largest LFS file")
    max_commit_body: int = Field(2 * 10**9, description="Largest body of an HTTP commit")
    lfs_multipart_threshold: int = Field(
        5 * 10**9, description="LFS files above this are sent in parts"
    )
    lfs_part_size: int = Field(256 * 10**6, description="Size of one part")
    pending_per_user: int = Field(
        1000, description="Uploads a reader may have waiting for a pull request"
    )
    max_packs: int = Field(
        20, ge=2, le=10_000, description="Packs of a repository above which they are made fewer"
    )
    pack_grace: int = Field(
        86400, ge=0, description="Seconds for which packs that others replaced are kept"
    )
    prune_days: int = Field(
        30, ge=0, description="Days for which what no ref reaches is kept; 0: for ever"
    )
    prune_grace: int = Field(
        86400, ge=0, description="Seconds between marking such objects and deleting them"
    )
    gc_days: int = Field(
        7, ge=0, description="Days for which garbage collection can be undone; 0: not at all"
    )
    keep_lfs: bool = Field(
        False, description="Keep LFS files as they are beside their chunks, for ever"
    )
    deleted_repo_days: int = Field(7, description="Days a deleted repository can be brought back")
    xaccel: str = Field(
        "",
        description="Internal location of the front proxy for X-Accel-Redirect, such as /-/xaccel/",
    )
    cors_origins: str = Field(
        "", description="Origins that may call the API from a browser, comma separated"
    )
    card_images: Literal["block", "allow"] = Field(
        "block", description="Images of other hosts in cards"
    )
    region: str = Field("us", description="Value of the `region:` tag")
    fault: str = Field("", description="For tests: where the process fails, see faults.py")

    @field_validator(
        "cache_size",
        "max_push",
        "max_git_file",
        "max_git_object",
        "max_lfs_file",
        "max_commit_body",
        "lfs_multipart_threshold",
        "lfs_part_size",
        mode="before",
    )
    @classmethod
    def _size(cls, value: str | int) -> int:
        return parse_size(value)

    @field_validator("grace", "pack_grace", "prune_grace", mode="before")
    @classmethod
    def _duration(cls, value: str | int) -> int:
        return parse_duration(value)

    @field_validator("public_url")
    @classmethod
    def _urls(cls, value: str) -> str:
        for url in filter(None, (part.strip() for part in value.split(","))):
            if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
                raise ValueError(f"{url!r} is not an address such as https://hub.example.org")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if value.startswith("postgres://"):
            value = "postgresql://" + value.removeprefix("postgres://")
        if value.startswith("postgresql://"):
            value = "postgresql+psycopg://" + value.removeprefix("postgresql://")
        known = re.match(r"sqlite:///.|postgresql\+psycopg://[^/?]*(/|$)", value)
        port = re.search(r"://[^/?]*:([^/?:@\]]*)(?:[/?]|$)", value)
        if value and (not known or (port and not re.fullmatch(r"\d{0,5}", port[1]))):
            raise ValueError("must be a sqlite:/// or postgresql:// URL")
        return value

    @field_validator("blobs")
    @classmethod
    def _blobs(cls, value: str) -> str:
        if value and not re.match(r"file://.|s3://[A-Za-z0-9._-]{3,255}(/|$)", value):
            raise ValueError("must be file://directory or s3://bucket/prefix")
        return value

    @field_validator("s3_endpoint", "s3_public_endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^/\s?#@]+/?", value):
            raise ValueError(f"{value!r} is not an address such as https://s3.example.org")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        for origin in listed(value):
            if not re.fullmatch(r"https?://[^/\s?#@*]+/?", origin):
                raise ValueError(f"{origin!r} is not an origin such as https://lab.example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in listed(value):
            ipaddress.ip_network(network, strict=False)
        return value

    @field_validator("xaccel")
    @classmethod
    def _location(cls, value: str) -> str:
        if value and not re.fullmatch(r"/[\w./-]*", value):
            raise ValueError(f"{value!r} is not a location such as /-/xaccel/")
        return value

    @field_validator("secret_key")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        given = value.get_secret_value() if value else ""
        if given.strip() and (not listed(given) or min(map(len, listed(given))) < SHORTEST_SECRET):
            raise ValueError(f"each key needs at least {SHORTEST_SECRET} characters")
        return value

    @model_validator(mode="before")
    @classmethod
    def _paths(cls, values: dict[str, Any]) -> dict[str, Any]:
        data = Path(values.get("data_dir") or "data").expanduser().resolve()
        values["data_dir"] = data
        values["database_url"] = values.get("database_url") or f"sqlite:///{data}/hub.db"
        values["blobs"] = values.get("blobs") or f"file://{data}/blobs"
        values["cache_dir"] = Path(values.get("cache_dir") or data / "cache").expanduser().resolve()
        return values

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load` merges the sources itself, to name the one that is wrong

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def connections(self) -> int:
        return self.pool_size or self.threads

    @property
    def cache_folder(self) -> Path:
        return self.cache_dir or self.data_dir / "cache"

    @property
    def public_urls(self) -> list[str]:
        return listed(self.public_url, strip="/")

    @property
    def cors_origin_list(self) -> list[str]:
        return listed(self.cors_origins, strip="/")

    @property
    def trusted_proxy_list(self) -> list[str]:
        return listed(self.trusted_proxies)


def listed(text: str, *, strip: str = "") -> list[str]:
    return [part.strip().rstrip(strip) for part in text.split(",") if part.strip()]


def load(flags: Mapping[str, object] | None = None) -> tuple[Settings, list[str]]:
    """Settings from flags, environment and `hub.toml`, and warnings for the log.

    Raises SettingsError with one sentence that names the setting.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    environment, warnings = _environment()
    data_dir = Path(str(given.get("data_dir") or environment.get("data_dir") or "data"))
    values = {**_file(data_dir.expanduser() / "hub.toml"), **environment, **given}
    try:
        return Settings(**values), warnings
    except ValidationError as failure:
        first = failure.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "data_dir"
        said = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{PREFIX}{name.upper()}: {said}.") from None


def _environment() -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    warnings = []
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    for name, value in os.environ.items():
        if not name.startswith(PREFIX) or INJECTED.match(name):
            continue
        if name in known:
            values[known[name]] = value
        elif near := _one_edit_away(name, known):
            raise SettingsError(f"{name} is not a setting; did you mean {near}?")
        else:
            warnings.append(f"{name} is not a setting of the hub and is ignored")
    return values, warnings


def _one_edit_away(name: str, known: Mapping[str, str]) -> str | None:
    for candidate in difflib.get_close_matches(name, known, n=3, cutoff=0.85):
        steps = difflib.SequenceMatcher(None, name, candidate).get_opcodes()
        edits = sum(max(b - a, d - c) for step, a, b, c, d in steps if step != "equal")
        if edits == 1 or _swapped(name, candidate):
            return candidate
    return None


def _swapped(name: str, other: str) -> bool:
    """The same but for two letters that changed places, as hurried fingers write them."""
    wrong = [at for at, (a, b) in enumerate(zip(name, other, strict=False)) if a != b]
    if len(name) != len(other) or len(wrong) != 2 or wrong[1] - wrong[0] != 1:  # noqa: PLR2004
        return False
    return name[wrong[0] : wrong[1] + 1] == other[wrong[0] : wrong[1] + 1][::-1]


def _file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise SettingsError(f"{path} is not valid TOML: {failure}.") from None
    except OSError as failure:
        raise SettingsError(f"{path} cannot be read: {failure.strerror}.") from None
    plain = {name.lower().removeprefix(PREFIX.lower()): value for name, value in values.items()}
    names = [name for name in Settings.model_fields if name != "data_dir"]
    for name in plain:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise SettingsError(f"{path}: {name} is not a setting{hint}")
    return plain


def ensure_secret_key(settings: Settings) -> Settings:
    """With SQLite a key is made once and kept in the data directory; PostgreSQL needs it given."""
    if settings.secret_key and settings.secret_key.get_secret_value().strip():
        return settings
    if not settings.is_sqlite:
        raise SettingsError(
            "HUB_SECRET_KEY must be set, and equal on all nodes, when the database is PostgreSQL."
        )
    path = settings.data_dir / "secret.key"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
        kept = path.read_text().strip()
    except OSError as failure:
        raise SettingsError(
            f"HUB_DATA_DIR: {failure.filename} cannot be used: {failure.strerror}."
        ) from None
    if len(kept) < SHORTEST_SECRET:
        raise SettingsError(
            f"HUB_SECRET_KEY: {path} is damaged; bring it back from a backup, or remove it if no "
            "one has used this hub yet."
        )
    return settings.model_copy(update={"secret_key": SecretStr(kept)})


def _make_secret(path: Path) -> None:
    """Whole or not at all, also when several processes make it or the power fails."""
    fresh = path.with_name(f"secret.key.{secrets.token_hex(8)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # another process was first: its key counts
        path.hardlink_to(fresh)
    fresh.unlink()


def data_path(name: str) -> Path:
    """`templates`, `static` or `migrations`: inside the package in a wheel, else beside it."""
    packaged = Path(str(resources.files("hub_server"))) / "_data" / name
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / name
