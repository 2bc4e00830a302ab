"""Fault points: silent unless armed, and then exactly at the pass that was asked for."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import faults
from hub_server.cli.base import settings_from
from hub_server.faults import Fault, InjectedFault, parse
from hub_server.settings import SettingsError


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    faults.arm("")
    yield
    faults.arm("")


def test_a_point_does_nothing_by_itself() -> None:
    faults.point("repack.built")


def test_what_a_fault_looks_like() -> None:
    assert parse("") == parse(" , ") == []
    assert parse("repack.built:kill") == [Fault("repack.built", "kill")]
    assert parse("a.b:sleep=0.5, c.d_e:error:n=3") == [
        Fault("a.b", "sleep", 0.5),
        Fault("c.d_e", "error", turn=3),
    ]


@pytest.mark.parametrize(
    "text",
    ["kill", "repack:kill", "a.b:die", "a.b:sleep", "a.b:kill:n=0", "a.b:kill:3", "A.b:kill"],
)
def test_what_is_no_fault(text: str) -> None:
    with pytest.raises(ValueError, match="is not a fault"):
        parse(text)


def test_an_error_is_raised_at_its_point_only_and_at_every_pass() -> None:
    faults.arm("a.b:error")
    faults.point("a.c")
    for _ in range(2):
        with pytest.raises(InjectedFault, match=r"a\.b"):
            faults.point("a.b")


def test_the_nth_pass_alone_and_arming_again_goes_on_counting() -> None:
    faults.arm("a.b:error:n=3")
    faults.point("a.b")
    faults.arm("a.b:error:n=3")
    faults.point("a.b")
    with pytest.raises(InjectedFault):
        faults.point("a.b")
    faults.point("a.b")


def test_sleep_waits_and_goes_on() -> None:
    faults.arm("a.b:sleep=0.05")
    began = time.monotonic()
    faults.point("a.b")
    assert time.monotonic() - began >= 0.05


def test_kill_is_sigkill() -> None:
    code = (
        "from hub_server import faults\n"
        "faults.arm('a.b:kill:n=2')\n"
        "faults.point('a.b')\n"
        "print('first', flush=True)\n"
        "try:\n    faults.point('a.b')\nfinally:\n    print('second', flush=True)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, b"first\n")


def test_the_setting_is_armed_by_every_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUB_FAULT", "a.b:error")
    settings_from(data_dir=tmp_path)
    with pytest.raises(InjectedFault):
        faults.point("a.b")
    monkeypatch.setenv("HUB_FAULT", "repack.built")
    with pytest.raises(SettingsError, match=r"^HUB_FAULT: 'repack.built' is not a fault"):
        settings_from(data_dir=tmp_path)
