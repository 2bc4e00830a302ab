"""Settings: which source wins, and one sentence that names what is wrong."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub_server.settings import (
    Settings,
    SettingsError,
    ensure_secret_key,
    load,
    parse_duration,
    parse_size,
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory that the environment names, and nothing else of ours in it."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    return tmp_path


def refusal(**flags: object) -> str:
    with pytest.raises(SettingsError) as failure:
        load(flags)
    return str(failure.value)


def test_flags_beat_the_environment_beats_the_file(data: Path, monkeypatch: pytest.MonkeyPatch):
    (data / "hub.toml").write_text("workers = 2\nthreads = 7\nHUB_SIGNUP = 'open'\n")
    monkeypatch.setenv("HUB_WORKERS", "3")
    assert load()[0].workers == 3
    assert load({"workers": 4})[0].workers == 4
    assert load({"workers": None})[0].workers == 3, "a flag that was not given says nothing"
    assert (load()[0].threads, load()[0].signup) == (7, "open")


def test_the_file_is_the_one_of_the_directory_that_the_flag_names(data: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "hub.toml").write_text("workers = 5\n")
    settings, _ = load({"data_dir": other})
    assert settings.workers == 5
    assert settings.database_url == f"sqlite:///{other}/hub.db"
    assert settings.blobs == f"file://{other}/blobs"
    assert settings.cache_folder == other / "cache"


def test_relative_folders_are_made_absolute(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(data)
    monkeypatch.setenv("HUB_DATA_DIR", "here")
    monkeypatch.setenv("HUB_CACHE_DIR", "~/cache")
    settings, _ = load()
    assert settings.data_dir == data / "here"
    assert settings.cache_folder == Path.home() / "cache"


def test_unknown_names_in_the_file_stop_the_start(data: Path):
    (data / "hub.toml").write_text("worker = 2\n")
    assert refusal().endswith("hub.toml: worker is not a setting; did you mean workers?")
    (data / "hub.toml").write_text("colour = 'red'\n")
    assert refusal().endswith("hub.toml: colour is not a setting.")
    (data / "hub.toml").write_text("data_dir = '/elsewhere'\n")
    assert "data_dir is not a setting" in refusal()


@pytest.mark.parametrize("text", [b"workers = \n", b"workers = '\xff'\n", b"[[[\n"])
def test_a_file_that_is_no_toml_stops_the_start(data: Path, text: bytes):
    (data / "hub.toml").write_bytes(text)
    assert "hub.toml is not valid TOML" in refusal()


@pytest.mark.parametrize(
    "name",
    ["HUB_WORKER", "HUB_WORKERSS", "HUB_WOKERS", "HUB_WORKEDS", "HUB_WROKERS", "HUB_PUBLICURL"],
)
def test_a_name_one_edit_away_stops_the_start(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv(name, "2")
    meant = "HUB_PUBLIC_URL" if "PUBLIC" in name else "HUB_WORKERS"
    assert refusal() == f"{name} is not a setting; did you mean {meant}?"


def test_other_unknown_names_are_warned_of_once(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_FLAVOUR", "sweet")
    assert load()[1] == ["HUB_FLAVOUR is not a setting of the hub and is ignored"]


@pytest.mark.parametrize(
    "name",
    ["HUB_PORT", "HUB_PORT_8000_TCP", "HUB_PORT_8000_TCP_ADDR", "HUB_SERVICE_HOST",
     "HUB_SERVICE_PORT_HTTP"],
)  # fmt: skip
def test_what_kubernetes_injects_is_ignored(data: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "tcp://10.0.0.1:8000")
    assert load()[1] == []


BAD = [
    ("WORKERS", "many"),
    ("WORKERS", "0"),
    ("THREADS", "1"),
    ("GRACE", "soon"),
    ("GRACE", "-1"),
    ("CACHE_SIZE", "20 bananas"),
    ("CACHE_SIZE", "-1"),
    ("MAX_PUSH", "1.5.2GB"),
    ("SIGNUP", "maybe"),
    ("ANONYMOUS", "write"),
    ("DEFAULT_LANGUAGE", "de"),
    ("LOG_FORMAT", "xml"),
    ("MIGRATE", "no"),
    ("JOBS", "perhaps"),
    ("S3_DIRECT", "2"),
    ("PUBLIC_URL", "hub.example.org"),
    ("PUBLIC_URL", "https://hub.example.org, ftp://x"),
    ("PUBLIC_URL", "https://hub.example.org/?q"),
    ("DATABASE_URL", "mysql://localhost/hub"),
    ("DATABASE_URL", "hub.db"),
    ("DATABASE_URL", "postgresql://u:p@h:port/hub"),
    ("BLOBS", "/srv/blobs"),
    ("BLOBS", "s3://"),
    ("BLOBS", "s3://a bucket/x"),
    ("S3_ENDPOINT", "s3.example.org"),
    ("S3_PUBLIC_ENDPOINT", "https://"),
    ("TRUSTED_PROXIES", "proxy.local"),
    ("TRUSTED_PROXIES", "10.0.0.0/33"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://a.example/path"),
    ("XACCEL", "xaccel"),
    ("SECRET_KEY", "short"),
    ("SECRET_KEY", ","),
    ("SECRET_KEY", "a-long-enough-secret,short"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_one_sentence_that_names_the_setting(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(f"HUB_{name}", value)
    said = refusal()
    assert said.startswith(f"HUB_{name}: ")
    assert said.endswith(".")
    assert "\n" not in said
    if name == "SECRET_KEY":
        assert value not in said


def test_a_bad_type_in_the_file_names_the_setting(data: Path):
    (data / "hub.toml").write_text("public_url = ['https://a', 'https://b']\n")
    assert refusal().startswith("HUB_PUBLIC_URL: ")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://u:p@h/hub", "postgresql+psycopg://u:p@h/hub"),
        ("postgresql://u:p@[::1]:5432/hub", "postgresql+psycopg://u:p@[::1]:5432/hub"),
        ("postgresql+psycopg://h/hub?sslmode=require", None),
        ("postgresql://u:12%3A3@/hub?host=/run/postgresql", None),
        ("sqlite:////srv/hub.db", "sqlite:////srv/hub.db"),
    ],
)
def test_database_addresses(data: Path, given: str, kept: str | None):
    url = Settings(data_dir=data, database_url=given).database_url
    assert kept is None or url == kept
    assert url.startswith(("sqlite:", "postgresql+psycopg:"))


def test_lists_are_divided_by_commas():
    settings = Settings(
        public_url="https://a.example/hub/, http://10.0.0.1:8000",
        trusted_proxies="10.0.0.1,192.168.0.0/16 , ::1",
        cors_origins="https://lab.example/",
    )
    assert settings.public_urls == ["https://a.example/hub", "http://10.0.0.1:8000"]
    assert settings.trusted_proxy_list == ["10.0.0.1", "192.168.0.0/16", "::1"]
    assert settings.cors_origin_list == ["https://lab.example"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("123", 123), (5, 5), ("1kb", 1000), ("20GB", 20 * 10**9), ("1.5 MB", 1_500_000),
        ("2T", 2 * 10**12), ("7B", 7),
    ],
)  # fmt: skip
def test_sizes(text: str | int, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "1XB", "1 GiB", "-1", "1e3", "1GBs"])
def test_what_is_no_size(text: str):
    with pytest.raises(ValueError, match="is not a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("40", 40), (7, 7), ("40s", 40), ("15m", 900), ("2H", 7200), ("1 d", 86400)],
)
def test_durations(text: str | int, seconds: int):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1w", "1.5h", "-3s", "1h30m"])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(text)


def test_settings_are_frozen_and_hide_their_secrets(data: Path):
    settings = Settings(data_dir=data, secret_key="a-very-secret-secret")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="frozen"):
        settings.workers = 2  # type: ignore[misc]
    assert "very-secret" not in repr(settings)


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "new")
    first, second = ensure_secret_key(settings), ensure_secret_key(settings)
    assert first.secret_key == second.secret_key
    assert first.secret_key
    assert len(first.secret_key.get_secret_value()) >= 48
    assert stat.S_IMODE((tmp_path / "new" / "secret.key").stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path):
    script = (
        "import sys, time\nfrom hub_server.settings import *\n"
        "s = Settings(data_dir=sys.argv[1])\nprint(flush=True)\nsys.stdin.read()\n"
        "print(ensure_secret_key(s).secret_key.get_secret_value())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "new")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout
        process.stdout.readline()
    for process in processes:
        assert process.stdin
        process.stdin.close()
    keys = set()
    for process in processes:
        assert process.stdout
        keys.add(process.stdout.read())
        process.stdout.close()
        assert process.wait() == 0
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret.key"]


def test_a_given_key_is_used_and_none_is_made(tmp_path: Path):
    given = Settings(data_dir=tmp_path, secret_key="0123456789abcdef")  # type: ignore[arg-type]
    assert ensure_secret_key(given) is given
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize("key", [None, "", "  "])
def test_with_postgresql_the_key_must_be_given(tmp_path: Path, key: str | None):
    settings = Settings(
        data_dir=tmp_path, database_url="postgresql://h/hub", secret_key=key  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(SettingsError, match="HUB_SECRET_KEY must be set, and equal on all nodes"):
        ensure_secret_key(settings)


def test_a_damaged_key_file_stops_the_start(tmp_path: Path):
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(SettingsError, match=r"HUB_SECRET_KEY: .*secret.key is damaged"):
        ensure_secret_key(Settings(data_dir=tmp_path))


def test_a_data_directory_that_is_a_file_stops_the_start(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"HUB_DATA_DIR: .*file cannot be used: "):
        ensure_secret_key(Settings(data_dir=tmp_path / "file"))
