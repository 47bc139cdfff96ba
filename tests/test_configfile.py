"""Settings from file, environment and command line."""

from __future__ import annotations

import grp
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.config import Config
from edgeemo.configfile import (
    ENV_PREFIX,
    exposure_warning,
    find_config,
    key_paths,
    load_config,
)
from edgeemo.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = Path("x" * 300)
"""A name that no file system looks up: an error for root too, as a closed folder is for others."""


def problems(path: Path | None = None, *overrides: str, **environ: str) -> tuple[str, ...]:
    """What is said of settings that can't be used."""
    with pytest.raises(ConfigError) as raised:
        load_config(path, overrides, environ)
    return raised.value.problems


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def test_load_config_without_anything_gives_the_defaults() -> None:
    """No file, no environment, no overrides: every default, and they are valid."""
    assert load_config(None, (), {}) == Config()


def test_load_config_lets_later_origins_win(write: Write) -> None:
    """The command line goes before the environment, and that before the file."""
    path = write("mqtt: {host: file, port: 1, user: file}")
    environ = {"EDGEEMO_MQTT_HOST": "env", "EDGEEMO_MQTT_PORT": "2"}
    mqtt = load_config(path, ["mqtt.host=line"], environ).mqtt
    assert (mqtt.host, mqtt.port, mqtt.user) == ("line", 2, "file")


def test_load_config_reads_sections_that_are_all_comments(write: Write) -> None:
    """A section with every key commented out means its defaults, however deep."""
    path = write("camera:\n  #name: x\nmqtt:\n  host: h\n  tls:\n    #enabled: true\n")
    assert load_config(path, (), {}) == Config.model_validate({"mqtt": {"host": "h"}})


def test_load_config_says_all_problems_at_once(write: Write) -> None:
    """Five mistakes of five kinds: one message, each with its key, its value and what is allowed."""
    path = write(
        "camera: {rotate: 45}\ncadence: {min_fps: 20}\nmqtt: {hots: a}\ndevice: 'a b'\nnonsense: 1"
    )
    assert problems(path) == (
        "device: 'a b' is not allowed: 1 to 64 letters, digits, hyphens and underscores",
        "camera.rotate: 45 is not allowed: input should be 0, 90, 180 or 270",
        "cadence: min_fps can't be more than max_fps",
        "mqtt.hots: unknown key; did you mean host?",
        f"nonsense: unknown key; known here: {', '.join(Config.model_fields)}",
    )


def test_load_config_checks_combinations_beside_bad_values(write: Write) -> None:
    """A wrong value in a section does not hide that two others of it exclude each other."""
    path = write("mqtt: {port: 0, user: u, password: a, password_file: b}")
    assert [p.split(":")[0] for p in problems(path)] == ["mqtt.port", "mqtt"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line 1, column 5: is not YAML"),
        ("a: &a {b: *a}", "line 1, column 4: an alias (*) stands within what it stands for: "),
        ("- 1", "should hold `key: value` lines, not a list"),
        ("mqtt: 3", "mqtt: 3 is not allowed"),
        ("1: 2", "1: "),
    ],
)
def test_load_config_explains_a_file_of_the_wrong_shape(write: Write, text: str, said: str) -> None:
    """What is not a configuration is said to be none, with the place."""
    assert problems(write(text))[0].startswith(said)


def test_load_config_says_how_to_mend_a_tab(write: Write) -> None:
    """YAML allows none before a key, and an editor shows it as blanks."""
    (problem,) = problems(write("mqtt:\n\thost: h"))
    assert problem == (
        r"line 2, column 1: is not YAML: found character '\t' that cannot start any token: "
        "indent with spaces"
    )


def test_load_config_refuses_a_section_that_stands_twice(write: Write) -> None:
    """A broker written above the shipped file is not lost to the section that is all comments there."""
    shipped = (ROOT / "config.yaml").read_text()
    line = shipped.splitlines().index("mqtt:") + 2
    assert problems(write(f"mqtt: {{host: x}}\n{shipped}")) == (
        f"line {line}, column 1: 'mqtt' stands here a second time (first in line 1): join the two",
    )


def test_load_config_says_keys_that_stand_twice_among_the_other_problems(write: Write) -> None:
    """In whatever section, however often, and with a wrong value elsewhere."""
    path = write("mqtt:\n  port: 1\n  tls: {}\n  port: 2\n  'port': 3\n  tls: {}\ndevice: a b")
    assert problems(path) == (
        "line 4, column 3: 'port' stands here a second time (first in line 2): take one out",
        "line 5, column 3: 'port' stands here a second time (first in line 2): take one out",
        "line 6, column 3: 'tls' stands here a second time (first in line 3): join the two",
        "device: 'a b' is not allowed: 1 to 64 letters, digits, hyphens and underscores",
    )


def test_load_config_refuses_a_key_that_stands_twice_in_an_override() -> None:
    """A section given in braces is YAML like any other."""
    assert problems(None, "mqtt={port: 1, port: 2}") == (
        "--set mqtt: line 1, column 11: 'port' stands here a second time (first in line 1): take one out",
    )


def test_load_config_takes_keys_that_come_by_merging_too(write: Write) -> None:
    """What stands beside a merge key goes before what it brings, and there may be two of them."""
    path = write(
        "camera: {controls: {a: &a {<<: {x: 1, y: 1}, x: 2}, b: {<<: *a, <<: {z: 3}, y: 4}}}"
    )
    assert load_config(path, (), {}).camera.controls == {
        "a": {"x": 2, "y": 1},
        "b": {"x": 2, "y": 4, "z": 3},
    }


@pytest.mark.parametrize(("first", "each"), [("[x]", "[{}]"), ("{k: x}", "{{<<: [{}]}}")])
def test_load_config_refuses_aliases_that_multiply(write: Write, first: str, each: str) -> None:
    """Nine aliases a level are 9¹² values after twelve: refused at the fifth, whether listed or merged."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {each.format(', '.join([f'*a{i - 1}'] * 9))}" for i in range(1, 13)]
    (problem,) = problems(write("\n".join(lines)))
    place, said = problem.split(": ", 1)
    assert place.startswith("line 5, ")
    assert said == "more than 10000 values, aliases (*) written out, are no settings: use fewer"


def test_load_config_refuses_more_values_than_settings_are(write: Write) -> None:
    """A list that was written out whole waits for nobody either."""
    (problem,) = problems(write(f"device: [{'1, ' * 10_000}]"))
    assert problem.startswith("line 1, column 9: more than 10000 values")


def test_load_config_explains_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is a problem of the configuration."""
    assert problems(tmp_path / "none.yaml") == ("can't be read: No such file or directory",)


def test_load_config_explains_bad_overrides() -> None:
    """An override names its origin; an unknown variable the nearest known one."""
    found = problems(None, "mqtt.port=x", "nothing", EDGEEMO_MODLE_PATH="m")
    assert (
        found[0]
        == "environment variable EDGEEMO_MODLE_PATH: unknown; did you mean EDGEEMO_MODEL_PATH?"
    )
    assert found[1] == "--set 'nothing': should be key=value, such as mqtt.host=localhost"
    assert found[2].startswith("mqtt.port (--set mqtt.port): 'x' is not allowed")


@pytest.mark.parametrize(
    "text", ["0123", "1_000", "12:30:45", "1.50", "2024-01-01", "yes", "0x1F", "4711", "'0123'"]
)
def test_load_config_takes_a_text_as_it_is_written(write: Write, text: str) -> None:
    """What YAML would make a number, a date or a truth value of stays the password that it is."""
    path = write(f"mqtt: {{user: u, password: {text}}}")
    password = load_config(path, (), {}).mqtt.password
    assert password is not None
    assert password.get_secret_value() == text.strip("'")


def test_load_config_takes_texts_as_written_wherever_a_section_comes_from(write: Write) -> None:
    """From a merge key, from --set and from the environment, as from the file itself."""
    merged = write("mqtt: {<<: {host: h, user: 0123}}")
    section = "{host: h, user: 0123}"
    found = [
        load_config(merged, (), {}),
        load_config(None, (f"mqtt={section}",), {}),
        load_config(None, (), {"EDGEEMO_MQTT": section}),
    ]
    assert [config.mqtt.user for config in found] == ["0123"] * 3


def test_load_config_takes_numbers_for_ids_cameras_and_versions(write: Write) -> None:
    """An id, a camera's number and a version of MQTT need no quotes."""
    config = load_config(write("device: 07\ncamera: {source: 0}\nmqtt: {protocol: 5}"), (), {})
    assert (config.device, config.camera.source, config.mqtt.protocol) == ("07", "0", "5")


def test_load_config_leaves_values_for_the_camera_what_yaml_makes_them(write: Write) -> None:
    """Controls have no type of ours: libcamera gets numbers and truth values."""
    path = write("camera: {controls: {ExposureTime: 10_000, AnalogueGain: 2.50, AwbEnable: yes}}")
    assert load_config(path, (), {}).camera.controls == {
        "ExposureTime": 10_000,
        "AnalogueGain": 2.5,
        "AwbEnable": True,
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2024-13-45", "timestamp"),
        ("!!timestamp abc", "timestamp"),
        ("!!bool maybe", "bool"),
        ("!!int ''", "int"),
    ],
)
def test_load_config_explains_a_value_that_is_not_what_it_promises(
    write: Write, text: str, kind: str
) -> None:
    """YAML's own reader fails on what only looks like a date or is tagged so; that is said, with the place."""
    said = f"line 1, column 9: is not YAML: this is no {kind}: a text like that belongs in quotes"
    assert problems(write(f"device: {text}")) == (said,)


def test_load_config_explains_an_escape_that_is_no_character(write: Write) -> None:
    """YAML's own reader fails on numbers beyond Unicode's, too."""
    said = "an escape in it is no character: put that text in single quotes"
    assert problems(write('device: "\\UFFFFFFFF"')) == (said,)


def test_load_config_explains_an_override_that_holds_itself() -> None:
    """A list within itself has no end."""
    (problem,) = problems(None, "camera.controls={a: &a [*a]}")
    assert problem.startswith("camera.controls (--set camera.controls): '{a: &a [*a]}'")


@pytest.mark.parametrize("text", ["{abc}", "{a: 1}", "[a]", "[a", "null", "yes"])
def test_load_config_takes_a_password_from_outside_as_it_is(text: str) -> None:
    """Neither brackets nor the word null mean anything in it."""
    environ = {"EDGEEMO_MQTT_USER": "u", "EDGEEMO_MQTT_PASSWORD": text}
    password = load_config(None, (), environ).mqtt.password
    assert password is not None
    assert password.get_secret_value() == text


def test_load_config_takes_null_from_outside_for_none(write: Write) -> None:
    """Where there may be none: elsewhere it is a text like any other."""
    path = write("{device: hall, mqtt: {host: h}}")
    config = load_config(path, ["mqtt.host=null", "device=null"], {})
    assert (config.mqtt.host, config.device) == (None, "null")


def test_load_config_takes_controls_from_the_command_line() -> None:
    """They are a map, though of texts: in braces it is YAML."""
    config = load_config(None, ["camera.controls={ExposureTime: 10_000}"], {})
    assert config.camera.controls == {"ExposureTime": 10_000}


def test_load_config_takes_a_choice_of_numbers_as_text() -> None:
    """Degrees come as text from the command line and the environment."""
    assert load_config(None, ["camera.rotate=90"], {}).camera.rotate == 90


def test_load_config_refuses_an_empty_host() -> None:
    """A variable that was left empty names no broker, and is said to be wrong."""
    (problem,) = problems(None, EDGEEMO_MQTT_HOST="")
    assert problem.startswith("mqtt.host (environment variable EDGEEMO_MQTT_HOST): ''")


@pytest.mark.parametrize(
    "host", ["broker", "broker.lan.", "mosquitto_1", "brök.lan", "10.0.0.1", "::1", "fe80::1%eth0"]
)
def test_load_config_takes_names_and_addresses_of_a_broker(host: str) -> None:
    """With a dot at the end, with a container's underscore, in any language, of IPv6 with its scope."""
    assert load_config(None, [f"mqtt.host={host}"], {}).mqtt.host == host


@pytest.mark.parametrize(
    ("host", "shown", "said"),
    [
        (
            "mqtts://me:hush@broker",
            "mqtts://***@broker",
            "a name or an address alone: host and port are two keys, and what mqtts:// asks for is tls.enabled: true",
        ),
        ("broker:1883", None, "a name or an address alone: host and port are two keys"),
        ("[::1]:1883", None, "a name or an address alone: host and port are two keys"),
        ("[::1]", None, "an address stands here without brackets"),
        (
            "me:hush@broker",
            "***@broker",
            "a name or an address alone: the log-in goes into mqtt.user and mqtt.password",
        ),
        ("broker/mqtt", None, "a name or an address alone: no path belongs behind it"),
        (
            " broker ",
            None,
            "a name or an address alone: take out blanks and whatever can't be printed",
        ),
        ("a..b", None, "no name that can be looked up: 1 to 63 characters between two dots"),
    ],
)
def test_load_config_refuses_what_is_more_than_a_host(
    host: str, shown: str | None, said: str
) -> None:
    """An address with its port, its scheme or its log-in is said to belong into several keys."""
    (problem,) = problems(None, f"mqtt.host={host}")
    assert problem == f"mqtt.host (--set mqtt.host): {shown or host!r} is not allowed: {said}"


@pytest.mark.parametrize("key", ["mqtt.prefix", "homeassistant.prefix"])
@pytest.mark.parametrize("prefix", ["$SYS", "$SYS/broker", "a b", "a/", "a\x01", "\ud800"])
def test_load_config_refuses_a_prefix_that_no_broker_takes(key: str, prefix: str) -> None:
    """The broker's own topics, wildcards and what is no text."""
    (problem,) = problems(None, f"{key}={prefix}")
    assert problem == (
        f"{key} (--set {key}): {prefix!r} is not allowed: "
        "words with / between them, without spaces, + and #, and without $ in front"
    )


@pytest.mark.parametrize("key", ["mqtt.prefix", "homeassistant.prefix"])
def test_load_config_bounds_a_prefix(key: str) -> None:
    """Up to 200 letters pass; a longer one is refused in a line that does not repeat it all."""
    load_config(None, [f"{key}={'x' * 200}"], {})
    (problem,) = problems(None, f"{key}={'x' * 70_000}")
    assert problem.endswith("xxx' is not allowed: at most 200 characters: shorten it")
    assert len(problem) < 400


def test_load_config_says_a_number_too_long_to_be_written_out(write: Write) -> None:
    """Python refuses to make text of it: the setting is named all the same."""
    (problem,) = problems(write(f"camera: {{width: 0x{'F' * 5000}}}"))
    assert problem == (
        "camera.width: a number that long is not allowed: input should be less than or equal to 7680"
    )


@pytest.mark.parametrize("given", ["password", "password_file"])
def test_load_config_refuses_a_password_without_a_user(tmp_path: Path, given: str) -> None:
    """It would never be sent, and the broker would be blamed."""
    secret = tmp_path / "secret"
    secret.write_text("hush")
    variable = f"EDGEEMO_MQTT_{given.upper()}"
    (problem,) = problems(None, "mqtt.host=h", **{variable: str(secret)})
    assert problem == (
        f"mqtt.{given} (environment variable {variable}): "
        "is of no use without mqtt.user: give that too, or take the password out"
    )


def test_load_config_minds_no_credential_without_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What systemd hands every service is there whether it is wanted or not."""
    (tmp_path / "mqtt_password").write_text("hush")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_config(None, ["mqtt.host=h"], {}).mqtt.host == "h"


def test_load_config_refuses_what_is_for_tls_without_tls(tmp_path: Path) -> None:
    """Who gives it means TLS: otherwise the log-in would go out for everyone to read."""
    pem = tmp_path / "x.pem"
    pem.touch()
    values = {"ca_file": pem, "cert_file": pem, "key_file": pem, "insecure_skip_verification": True}
    given = ["mqtt.host=h", *(f"mqtt.tls.{name}={value}" for name, value in values.items())]
    assert problems(None, *given) == tuple(
        f"mqtt.tls.{name} (--set mqtt.tls.{name}): "
        "is given, but mqtt.tls.enabled is false: turn it on, or take this out"
        for name in values
    )


def test_load_config_minds_nothing_unused_without_a_broker() -> None:
    """Who looks at pictures with a password in the environment is not kept from it."""
    assert load_config(None, ["mqtt.password=hush"], {}).mqtt.host is None


def test_load_config_says_nothing_unused_for_a_value_that_is_refused(
    write: Write, tmp_path: Path
) -> None:
    """A user and a switch that were given wrongly were given."""
    (tmp_path / "ca.pem").touch()
    tls = f"{{enabled: perhaps, ca_file: {tmp_path / 'ca.pem'}}}"
    found = problems(write(f"mqtt: {{host: h, user: [1], password: hush, tls: {tls}}}"))
    assert [p.split(":")[0] for p in found] == ["mqtt.user", "mqtt.tls.enabled"]


def test_load_config_takes_lists_from_the_command_line() -> None:
    """A value in brackets is YAML, so that zones can be given."""
    config = load_config(None, ["detect.exclude=[[0, 0, 0.5, 1]]"], {})
    assert config.detect.exclude == ((0.0, 0.0, 0.5, 1.0),)


def test_environment_names_are_unique() -> None:
    """No two keys share a variable although _ both joins and occurs in names."""
    names = [ENV_PREFIX + "_".join(path).upper() for path in key_paths()]
    assert len(names) == len(set(names))


def test_config_shows_no_password_in_its_repr() -> None:
    """A log line that shows the settings shows no password."""
    assert "hush" not in repr(load_config(None, ["mqtt.user=me", "mqtt.password=hush"], {}))


def test_problems_show_no_secret(write: Write) -> None:
    """A password of the wrong type is not repeated in the message."""
    assert "4711" not in str(problems(write("mqtt: {password: [4711]}")))


def test_load_config_repeats_no_login_of_an_address(write: Write) -> None:
    """An address that follows no form is told without its log-in, and what is allowed."""
    (problem,) = problems(write("camera: {source: 'rtps://me:hush@cam/1'}"))
    assert problem.startswith("camera.source: 'rtps://***@cam/1' is not allowed: a URL starts with")


def test_config_shows_no_login_of_an_address_in_its_repr() -> None:
    """Who logs the settings as they are logs no log-in."""
    config = load_config(None, ["camera.source=rtsp://me:hush@cam/1", "camera.password=hush"], {})
    assert "hush" not in repr(config)


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o604, True), (0o600, False)])
def test_exposure_warning_names_a_readable_password(write: Write, mode: int, warned: bool) -> None:
    """A file with a password that others can read is warned about, with the cure."""
    path = write("mqtt: {password: hush}")
    path.chmod(mode)
    said = exposure_warning(path)
    assert (said is not None and "chmod o-r" in said and "hush" not in said) == warned


def test_exposure_warning_leaves_a_group_of_ones_own_alone(write: Write) -> None:
    """As installed, the service's group may read its settings, and nobody else is in it."""
    path = write("mqtt: {password: hush}")
    path.chmod(0o640)
    lonely = next(entry.gr_gid for entry in grp.getgrall() if not entry.gr_mem)
    shared = 2**31  # a group that is not known here may be anybody's
    if os.geteuid() != 0:
        pytest.skip("giving a file to a group needs root")
    os.chown(path, -1, lonely)
    assert exposure_warning(path) is None
    os.chown(path, -1, shared)
    assert exposure_warning(path) is not None


def test_shipped_config_is_written_from_the_settings() -> None:
    """config.yaml holds every key at its default; the script that writes it says so."""
    subprocess.run([sys.executable, ROOT / "tools/make_config.py", "--check"], check=True)
    assert load_config(ROOT / "config.yaml", (), {}) == Config()


def test_shipped_config_is_valid_when_uncommented(tmp_path: Path) -> None:
    """Taking away every # before a key gives the defaults again."""
    lines = (ROOT / "config.yaml").read_text().splitlines()
    bare = [
        line.replace("#", "", 1) if line.lstrip()[:2] not in ("# ", "") else line for line in lines
    ]
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(line for line in bare if "# default:" not in line))
    assert load_config(path, (), {}) == Config()


def test_load_config_names_files_that_are_not_there(tmp_path: Path) -> None:
    """A password or certificate file that does not exist is a problem of the configuration."""
    gone = tmp_path / "gone"
    tls = f"mqtt.tls={{enabled: true, ca_file: {gone}}}"
    assert problems(None, "mqtt.user=u", f"mqtt.password_file={gone}", tls) == (
        f"mqtt.password_file: {gone} does not exist",
        f"mqtt.tls.ca_file: {gone} does not exist",
    )


def test_load_config_refuses_a_path_that_no_system_takes(write: Write) -> None:
    """YAML can write a null character; a traceback from deep below would name no setting."""
    said = problems(write('model:\n  path: "a\\0.tflite"\n'))
    assert said == (
        "model.path: 'a\\x00.tflite' is not allowed: no path and no text may hold a null character",
    )


def test_load_config_names_files_that_cannot_be_looked_at() -> None:
    """What may be there, but is hidden from this user, is not called absent."""
    assert problems(None, "mqtt.user=u", f"mqtt.password_file={HIDDEN}") == (
        f"mqtt.password_file: {HIDDEN} can't be read by this user",
    )


def test_find_config_passes_over_what_cannot_be_looked_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who may not enter the system's folder gets the defaults, and is told so."""
    with caplog.at_level(logging.WARNING):
        assert find_config(None, [HIDDEN]) is None
    (said,) = caplog.messages
    assert said == f"{HIDDEN} needs sudo (File name too long): the defaults apply"


def test_find_config_takes_the_system_s_file_where_none_is_given(write: Write) -> None:
    """The given one goes before it."""
    path = write("device: hall")
    assert find_config(None, [path]) == path
    assert find_config(HIDDEN, [path]) == HIDDEN


@pytest.mark.parametrize("key", ["state_dir", "model.path", "detect.model"])
def test_load_config_puts_the_home_into_every_path(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shell has seen a path that stands in a file or behind an equals sign."""
    monkeypatch.setenv("HOME", str(tmp_path))
    section, _, name = key.rpartition(".")
    config = load_config(None, [f"{key}=~/x"], {})
    assert getattr(getattr(config, section) if section else config, name) == tmp_path / "x"


@pytest.mark.parametrize("key", ["state_dir", "camera.source"])
def test_load_config_says_that_there_is_no_home(key: str) -> None:
    """A ~ that stands for nothing is a problem like any other."""
    (problem,) = problems(None, f"{key}=~nobody-of-that-name/x")
    assert problem == (
        f"{key} (--set {key}): '~nobody-of-that-name/x' is not allowed: "
        "~ stands for no home here: give the whole path"
    )


def test_exposure_warning_takes_no_right_that_the_service_needs(write: Write) -> None:
    """A group that is the service's own keeps its right to read; one with members in it does not."""
    if os.geteuid() != 0:
        pytest.skip("giving a file to a group needs root")
    path = write("mqtt: {password: hush}")
    path.chmod(0o644)
    lonely = next(entry.gr_gid for entry in grp.getgrall() if not entry.gr_mem)
    for group, rights in ((lonely, "(chmod o-r)"), (2**31, "(chmod o-r, g-r)")):
        os.chown(path, -1, group)
        assert rights in (exposure_warning(path) or "")
