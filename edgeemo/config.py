"""Every setting, its default, unit and range; one section a component, all of them frozen.

Reading them from a file, the environment and the command line is `edgeemo.configfile`'s work.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from edgeemo.address import Address, Kind, mask_url

PACKAGE = Path(__file__).resolve().parent
MAX_TOPIC_LETTERS = 200
"""Of a prefix: even with 4 bytes each a topic stays far below MQTT's 65,535, and below the 200 levels of Mosquitto."""
MAX_HOST_LETTERS = 253
"""RFC 1035's 255 octets of a name, without the length of its first part and the empty part at its end."""
HOST_SIGNS = {
    "://": "host and port are two keys, and what mqtts:// asks for is tls.enabled: true",
    "@": "the log-in goes into mqtt.user and mqtt.password",
    ":": "host and port are two keys",
    "/": "no path belongs behind it",
}
"""What no name of a host holds, and where it belongs; of several the first counts."""


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", text):
        raise ValueError("1 to 64 letters, digits, hyphens and underscores")
    return text


def _topic(text: str) -> str:
    is_made_of_words = re.fullmatch(r"[^#+\s/]+(/[^#+\s/]+)*", text) and text.isprintable()
    if not is_made_of_words or text.startswith("$"):  # $SYS is the broker's own
        raise ValueError(
            "words with / between them, without spaces, + and #, and without $ in front"
        )
    if len(text) > MAX_TOPIC_LETTERS:
        raise ValueError(f"at most {MAX_TOPIC_LETTERS} characters: shorten it")
    return text


def _host(text: str) -> str:
    if _is_ip(text):
        return text
    if _is_ip(text.strip("[]")):
        raise ValueError("an address stands here without brackets")
    for sign, instead in HOST_SIGNS.items():
        if sign in text:
            raise ValueError(f"a name or an address alone: {instead}")
    if " " in text or not text.isprintable():
        raise ValueError(
            "a name or an address alone: take out blanks and whatever can't be printed"
        )
    if not 0 < len(text) <= MAX_HOST_LETTERS or not _can_be_looked_up(text):
        raise ValueError("no name that can be looked up: 1 to 63 characters between two dots")
    return text


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _can_be_looked_up(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


Identifier = Annotated[str, AfterValidator(_identifier)]
Topic = Annotated[str, AfterValidator(_topic)]
Host = Annotated[str, AfterValidator(_host)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0.0, le=86_400.0)]
Zone = tuple[Share, Share, Share, Share]


def expanded(path: Path) -> Path:
    """The path with the home for which ~ or ~USER stands. Raises ValueError where there is none."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("~ stands for no home here: give the whole path") from error


def hostname_id() -> str:
    """This machine's name, reduced to the characters that an id may have."""
    return re.sub(r"[^a-zA-Z0-9_-]+", "-", platform.node()).strip("-")[:64] or "edgeemo"


def bundled(name: str) -> Path:
    """A file that comes with edgeemo: beside the modules when installed, at the top of a checkout."""
    installed = PACKAGE / "models" / name
    return installed if installed.exists() else PACKAGE.parent / "models" / name


def bundled_model() -> Path:
    """The network that tells expressions apart."""
    return bundled("emotion.tflite")


def bundled_verifier() -> Path:
    """The network that tells faces from the rest."""
    return bundled("face.tflite")


def default_state_dir() -> Path:
    """Where systemd says that state goes, else where the XDG base directory specification does."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    # expanduser leaves the ~ where there is no home: an account without one then hears that it can't be written.
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(base) / "edgeemo"


class Section(BaseModel):
    """What all sections share: immutable, and no key passes that is not known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,  # they become config.yaml's comments and the schema's text
    )

    @field_validator("*")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("no path and no text may hold a null character")
        return value

    @field_validator("*")
    @classmethod
    def _home(cls, value: Any) -> Any:
        return expanded(value) if isinstance(value, Path) else value


class CameraConfig(Section):
    """Where pictures come from."""

    name: Identifier = "camera"
    """The camera's id in topics and events."""
    source: str = Field(default="auto", min_length=1)
    """auto | picamera2[:N] | v4l2[:N|path|name in /dev/v4l/by-id] | a number or /dev path |
    rtsp:// or http:// URL | a video, picture or folder | demo."""
    width: int = Field(default=1280, ge=160, le=7680)
    """Wanted width in pixels; a camera may choose another, which is said."""
    height: int = Field(default=720, ge=120, le=4320)
    """Wanted height in pixels, likewise."""
    fps: float = Field(default=15.0, ge=0.5, le=240.0)
    """Wanted frames a second."""
    format: Literal["auto", "MJPG", "YUYV"] = "auto"
    """Pixel format asked of a USB camera."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise."""
    mirror: bool = False
    """Whether left and right are exchanged, after rotating."""
    realtime: bool = False
    """Whether a file is played at its own speed, dropping frames as a camera would."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP carries pictures."""
    user: str | None = None
    """Log-in of a stream, so that its URL need not hold it."""
    password: SecretStr | None = None
    """Better in password_file, EDGEEMO_CAMERA_PASSWORD or the systemd credential camera_password."""
    password_file: Path | None = None
    """A file whose first line is the password."""
    open_timeout_s: Seconds = 5.0
    """How long a camera or stream may take to open."""
    stall_s: Seconds = 5.0
    """Without a frame for this long a camera counts as lost."""
    retry_max_s: Seconds = 60.0
    """Longest pause between attempts to open it again; the first is a second."""
    controls: dict[str, Any] = Field(default_factory=dict)
    """libcamera controls by name, e.g. ExposureTime, AfMode; picamera2 only."""

    @field_validator("source")
    @classmethod
    def _follows_grammar(cls, value: str) -> str:
        address = Address.parse(value)
        if address.kind is Kind.FILE:
            expanded(Path(address.target))
        return value

    @field_validator("rotate", mode="before")
    @classmethod
    def _as_number(cls, value: object) -> object:
        # Environment and --set give texts, which a Literal does not take for numbers.
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @model_validator(mode="after")
    def _one_password(self) -> CameraConfig:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, value in super().__repr_args__():
            yield key, mask_url(value) if key == "source" else value


class DetectConfig(Section):
    """Which faces count."""

    min_face_px: int = Field(default=44, ge=16, le=4096)
    """Smallest face looked for, in pixels of the picture."""
    min_face_share: Share = 0.1
    """Smallest face as a share of the picture's height; the larger of both counts."""
    max_faces: int = Field(default=8, ge=1, le=64)
    """At most so many at a time, the largest first; `largest_only` says when a larger one comes in."""
    largest_only: bool = False
    """Only the largest face counts; another takes over at once when its area is 1.5 times as large, else
    after two seconds in which it was 1.2 times as large."""
    model: Path = Field(default_factory=bundled_verifier)
    """The .tflite file of the network that tells faces from the rest, with its sidecar .json."""
    exclude: tuple[Zone, ...] = ()
    """Zones to leave out: [x, y, width, height] as shares of the picture; a face whose centre lies in one is ignored."""


class TrackConfig(Section):
    """When a detection is believed, and how long a face is held without one."""

    confirm_hits: int = Field(default=2, ge=1, le=20)
    """Detections before a face gets its id."""
    confirm_within: int = Field(default=4, ge=1, le=40)
    """... within so many looks."""
    probe_s: Seconds = 0.4
    """A known face is looked for again after this long; one that was missed, at every look."""
    hold_s: Seconds = 0.5
    """How long a face is held that is neither found nor can be followed."""
    follow_s: Seconds = 8.0
    """How long a face is held that is not found but can be followed, such as a turned head."""

    @model_validator(mode="after")
    def _enough_looks(self) -> TrackConfig:
        if self.confirm_hits > self.confirm_within:
            raise ValueError("confirm_hits can't be more than confirm_within")
        return self


class CadenceConfig(Section):
    """How often is looked: frame skipping as a policy."""

    max_fps: float = Field(default=10.0, gt=0.0, le=120.0)
    """At most so many frames a second are analysed, the rest skipped."""
    min_fps: float = Field(default=1.0, gt=0.0, le=120.0)
    """The floor, also when the board is hot or nothing moves."""
    full_scan_s: Seconds = 5.0
    """The whole picture is scanned at least this often while something moves."""
    search_share: float = Field(default=0.3, gt=0.0, le=1000.0)
    """How much of the picture is searched for new faces in one look: 1 is all of it at every size."""
    classify_s: Seconds = 0.3
    """A face that moves is classified again after this long; a new or undecided one sooner."""
    motion_threshold: Share = 0.01
    """Share of the picture that must change before a new look is worth it; 0 looks always."""

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> CadenceConfig:
        if self.min_fps > self.max_fps:
            raise ValueError("min_fps can't be more than max_fps")
        return self


class ModelConfig(Section):
    """The network."""

    path: Path = Field(default_factory=bundled_model)
    """The .tflite file; its sidecar .json lies beside it."""
    runtime: Literal["auto", "litert", "tflite-runtime"] = "auto"
    """auto takes litert where it is installed and works, else tflite-runtime."""
    threads: int = Field(default=1, ge=1, le=16)
    """More than one slows small networks down."""


class MoodConfig(Section):
    """How raw scores become a mood."""

    smoothing_s: Seconds = 0.6
    """Time constant: a score's weight falls to 37 % after this long."""
    threshold: Share = 0.45
    """Least smoothed probability of a label; below it the mood is `uncertain`."""
    hysteresis: Share = 0.1
    """How much another label must lead before the mood changes."""
    hold_s: float = Field(default=0.5, ge=0.0, le=60.0)
    """How long it must lead."""


class PublishConfig(Section):
    """How often is spoken."""

    state_interval_s: Seconds = 1.0
    """Least time between two states of a camera; the last change is sent when it is over."""
    change_interval_s: float = Field(default=1.0, ge=0.0, le=3600.0)
    """Least time between two `changed` events of a face; the last change is sent when it is over."""
    telemetry_s: Seconds = 60.0
    """Time between two telemetry messages."""


class TlsConfig(Section):
    """Encryption to the broker."""

    enabled: bool = False
    """Whether to speak TLS; the usual port is then 8883."""
    ca_file: Path | None = None
    """Instead of the system's certificate authorities."""
    cert_file: Path | None = None
    """The client's own certificate."""
    key_file: Path | None = None
    """The client's own key."""
    insecure_skip_verification: bool = False
    """Accept any certificate: whoever answers can read and forge everything."""

    @model_validator(mode="after")
    def _pairs(self) -> TlsConfig:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self


class MqttConfig(Section):
    """The broker."""

    host: Host | None = None
    """Name or address; without one nothing is published."""
    port: int = Field(default=1883, ge=1, le=65_535)
    """TCP port."""
    user: str | None = None
    """Log-in name."""
    password: SecretStr | None = None
    """Better in password_file, EDGEEMO_MQTT_PASSWORD or the systemd credential mqtt_password."""
    password_file: Path | None = None
    """A file whose first line is the password."""
    client_id: str | None = Field(default=None, max_length=128)
    """Default: edgeemo-<device>-<digest of the machine's id>."""
    prefix: Topic = "edgeemo"
    """Topics begin with <prefix>/<device>."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """Version of MQTT; auto takes 5, with which brokers say more about what they refuse, else 3.1.1."""
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """A dead connection is noticed within one and a half times this."""
    tls: TlsConfig = TlsConfig()

    @model_validator(mode="after")
    def _one_password(self) -> MqttConfig:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        return self


class OutboxConfig(Section):
    """Events that wait for the broker: bounded in every direction, the oldest dropped first."""

    max_events: int = Field(default=10_000, ge=10, le=1_000_000)
    """At most so many events wait."""
    max_mb: float = Field(default=16.0, ge=0.1, le=4096.0)
    """At most so many megabytes."""
    max_age_s: float = Field(default=7 * 86_400.0, ge=60.0, le=366 * 86_400.0)
    """None waits longer than this."""


class HomeAssistantConfig(Section):
    """Entities that appear by themselves."""

    enabled: bool = True
    """Whether discovery is sent."""
    prefix: Topic = "homeassistant"
    """Home Assistant's discovery prefix."""


class PowerConfig(Section):
    """Looking less when the board is hot."""

    hot_c: float = Field(default=75.0, ge=30.0, le=120.0)
    """From here fewer frames are analysed, °C."""
    cool_c: float = Field(default=70.0, ge=20.0, le=120.0)
    """Below here all again, °C."""

    @model_validator(mode="after")
    def _apart(self) -> PowerConfig:
        if self.cool_c >= self.hot_c:
            raise ValueError("cool_c must be below hot_c")
        return self


class LogConfig(Section):
    """What is said on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important messages to be said; debug: each event too."""

    @field_validator("level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class Config(Section):
    """All settings of one daemon."""

    device: Identifier = Field(default_factory=hostname_id)
    """This machine's id in topics and events."""
    state_dir: Path = Field(default_factory=default_state_dir)
    """Where the outbox and the pause flag live."""
    camera: CameraConfig = CameraConfig()
    detect: DetectConfig = DetectConfig()
    track: TrackConfig = TrackConfig()
    cadence: CadenceConfig = CadenceConfig()
    model: ModelConfig = Field(default_factory=ModelConfig)
    mood: MoodConfig = MoodConfig()
    publish: PublishConfig = PublishConfig()
    mqtt: MqttConfig = MqttConfig()
    outbox: OutboxConfig = OutboxConfig()
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    power: PowerConfig = PowerConfig()
    log: LogConfig = LogConfig()

    def changed(self, values: Mapping[str, Mapping[str, object]]) -> Config:
        """The same with other values, given by section and name; they are not checked."""
        sections = {
            name: getattr(self, name).model_copy(update=dict(section))
            for name, section in values.items()
        }
        return self.model_copy(update=sections)
