"""The board's health, read from trees of files as kernels lay them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.thermal import Health, Thermometer, Throttling, parse_throttled
from sysfs import NOWHERE, tree


def program(path: Path, script: str) -> str:
    """A vcgencmd of our own."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def test_thermometer_reads_a_pi_4(tmp_path: Path) -> None:
    """Temperature and throttling come from the kernel's two files."""
    sysfs = tree(
        tmp_path,
        {
            "class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "class/thermal/thermal_zone0/temp": "61835\n",
            "devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        },
    )
    under_voltage_and_throttled = Throttling.UNDER_VOLTAGE | Throttling.THROTTLED
    assert Thermometer(sysfs, NOWHERE).read() == Health(
        61.835, under_voltage_and_throttled, under_voltage_and_throttled
    )


def test_thermometer_finds_the_file_by_its_driver(tmp_path: Path) -> None:
    """A board whose firmware device has another name is found through the driver."""
    sysfs = tree(
        tmp_path,
        {"bus/platform/drivers/raspberrypi-firmware/soc@107c:firmware/get_throttled": "80008\n"},
    )
    soft_limit = Throttling.SOFT_TEMPERATURE_LIMIT
    assert Thermometer(sysfs, NOWHERE).read() == Health(None, soft_limit, soft_limit)


def test_thermometer_prefers_the_processors_zone(tmp_path: Path) -> None:
    """A Wi-Fi chip that is hotter is not the processor."""
    sysfs = tree(
        tmp_path,
        {
            "class/thermal/thermal_zone0/type": "iwlwifi_1\n",
            "class/thermal/thermal_zone0/temp": "90000\n",
            "class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
            "class/thermal/thermal_zone1/temp": "45000\n",
        },
    )
    assert Thermometer(sysfs, NOWHERE).read().temperature_c == 45.0


def test_thermometer_takes_the_hottest_of_unknown_zones(tmp_path: Path) -> None:
    """With no zone that names the processor, the hottest one is the careful guess."""
    sysfs = tree(
        tmp_path,
        {
            "class/thermal/thermal_zone0/type": "acpitz\n",
            "class/thermal/thermal_zone0/temp": "27800\n",
            "class/thermal/thermal_zone1/type": "something\n",
            "class/thermal/thermal_zone1/temp": "51000\n",
        },
    )
    assert Thermometer(sysfs, NOWHERE).read().temperature_c == 51.0


@pytest.mark.parametrize("content", ["", "garbage\n"])
def test_thermometer_knows_nothing_from_an_unreadable_zone(tmp_path: Path, content: str) -> None:
    """A sensor that says no number is no temperature, rather than 0."""
    sysfs = tree(
        tmp_path,
        {
            "class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "class/thermal/thermal_zone0/temp": content,
            "devices/platform/soc/soc:firmware/get_throttled": content,
        },
    )
    assert Thermometer(sysfs, NOWHERE).read() == Health()


def test_thermometer_knows_nothing_of_a_machine_without_sensors(tmp_path: Path) -> None:
    """A virtual machine has neither."""
    assert Thermometer(tmp_path, NOWHERE).read() == Health()


def test_thermometer_asks_vcgencmd_where_the_kernel_is_silent(tmp_path: Path) -> None:
    """An older kernel has no file, but the firmware's tool answers."""
    vcgencmd = program(tmp_path / "vcgencmd", 'test "$1" = get_throttled && echo throttled=0x20002')
    capped = Throttling.FREQUENCY_CAPPED
    assert Thermometer(tmp_path / "sys", vcgencmd).read() == Health(None, capped, capped)


@pytest.mark.parametrize("script", ["echo 'VCHI initialization failed'", "exit 255"])
def test_thermometer_survives_a_vcgencmd_that_fails(tmp_path: Path, script: str) -> None:
    """A tool that may not open its device leaves throttling unknown."""
    vcgencmd = program(tmp_path / "vcgencmd", script)
    assert Thermometer(tmp_path / "sys", vcgencmd).read() == Health()


@pytest.mark.parametrize(
    ("text", "value"),
    [("throttled=0x50005\n", 0x50005), ("50005", 0x50005), ("0\n", 0), ("throttled=0x0", 0)],
)
def test_parse_throttled_reads_both_spellings(text: str, value: int) -> None:
    """The kernel writes bare hexadecimal digits, vcgencmd an assignment."""
    assert parse_throttled(text) == value


@pytest.mark.parametrize(
    ("bits", "is_for_heat"),
    [
        (0b0000, False),
        (0b0001, False),  # a weak supply alone
        (0b0101, False),  # throttled because of the supply
        (0b0100, True),
        (0b1000, True),
        (0b1101, True),
    ],
)
def test_throttling_tells_heat_from_a_weak_supply(bits: int, is_for_heat: bool) -> None:
    """Only heat is cured by working less."""
    assert Throttling(bits).is_for_heat is is_for_heat


def test_health_says_null_for_what_is_unknown() -> None:
    """Telemetry keeps unknown apart from false."""
    assert set(Health().as_dict().values()) == {None}


def test_health_says_what_the_firmware_says() -> None:
    """Telemetry has the rounded temperature and the flags."""
    health = Health(61.835, Throttling.UNDER_VOLTAGE, Throttling.THROTTLED)
    assert health.as_dict() == {
        "temperature_c": 61.8,
        "throttled": False,
        "under_voltage": True,
        "throttled_since_start": True,
        "under_voltage_since_start": False,
    }
