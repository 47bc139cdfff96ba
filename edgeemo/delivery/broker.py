"""What every connection to the broker needs: who we are, TLS, the log-in, and why it was refused.

Used by the daemon, by `edgeemo watch`, `doctor` and `ha-remove`.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeemo.clock import is_synced
from edgeemo.config import Config, MqttConfig, TlsConfig
from edgeemo.delivery.messages import ENOUGH_BYTES, RAISE_LIMIT, TOO_LARGE
from edgeemo.errors import ConfigError
from edgeemo.secret import password_origin, read_password

MACHINE_ID = Path("/etc/machine-id")
LARGEST_COMMAND_BYTES = 64 * 1024
"""A broker that speaks MQTT 5 is asked not to send us anything longer; from others it is not taken."""

NOT_YET_VALID, EXPIRED = 9, 10
SELF_SIGNED = (18, 19)
UNKNOWN_ISSUER = (2, 20, 21)
WRONG_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_* codes (openssl-verification-options(1ssl))."""

KEEPS_NOTHING = "the broker keeps no messages, as states and entities have to be; allow it to (mosquitto: retain_available)"
ACKNOWLEDGES_NOTHING = (
    "the broker acknowledges no messages, as events have to be; allow it QoS 1 (mosquitto: max_qos)"
)

PACKET_TOO_LARGE = 0x95
with suppress(AttributeError):  # in paho 2.1 each code has a table of its own
    # mosquitto refuses what is longer than its message_size_limit by a code that MQTT has for other
    # packets; paho would end the connection over it, and the message would be sent again on the next.
    ReasonCode.names[PACKET_TOO_LARGE][TOO_LARGE].append(PacketTypes.PUBACK)


class Trouble(NamedTuple):
    """Why there is no connection: one line that also says how to mend it, and whether we were refused."""

    text: str
    is_refusal: bool = False
    """Trying again soon is of no use: somebody has to change something."""
    is_eviction: bool = False
    """Another client with our client id may have taken our place: few brokers tell."""


class Client(paho.Client):
    """A paho client that takes no packet of more than LARGEST_COMMAND_BYTES, but ends the connection."""

    refused_bytes = 0
    """How many the packet had for which it did so."""

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for all that is left of a packet at once: of a new one nothing is in memory yet.
        if bufsize > LARGEST_COMMAND_BYTES:
            self.refused_bytes = bufsize
            raise ConnectionAbortedError(f"{bufsize} bytes in one packet")
        return super()._sock_recv(bufsize)


def client_id(config: Config, machine_id: Path = MACHINE_ID) -> str:
    """The configured client id, else one that differs between two machines with one device id."""
    if config.mqtt.client_id:
        return config.mqtt.client_id
    try:
        machine = machine_id.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = socket.gethostname()
    # machine-id(5): the id itself is confidential; a keyed digest of it may be shown.
    digest = hashlib.blake2b(machine.encode(), key=b"edgeemo", digest_size=4).hexdigest()
    return f"edgeemo-{config.device}-{digest}"


def password(mqtt: MqttConfig) -> str | None:
    """The broker password, as `read_password` finds it. Raises ConfigError likewise."""
    return read_password(mqtt, "mqtt")


def tls_context(tls: TlsConfig) -> ssl.SSLContext:
    """What TLS is to insist on.

    Raises:
        ConfigError: a certificate or key can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file:
            # Without the function OpenSSL would ask for a passphrase on the terminal, and wait.
            context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ConfigError("mqtt.tls", [_unusable(tls, error)]) from error
    if tls.insecure_skip_verification:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _unusable(tls: TlsConfig, error: Exception) -> str:
    files = ", ".join(str(f) for f in (tls.ca_file, tls.cert_file, tls.key_file) if f)
    return f"{files} can't be used: {error}; PEM files are needed, the key without a passphrase and belonging to the certificate"


def new_client(config: Config, name: str, *, is_version_5: bool = True) -> Client:
    """An unconnected paho client that only writes from its own loop, with log-in and TLS set.

    Raises:
        ConfigError: password or certificates can't be used.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        protocol=MQTTProtocolVersion.MQTTv5 if is_version_5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    # With a callback here paho leaves writing to the thread that loops, whichever thread publishes.
    client.on_socket_register_write = lambda *_: None
    if config.mqtt.user is not None:
        client.username_pw_set(config.mqtt.user, password(config.mqtt))
    if config.mqtt.tls.enabled:
        client.tls_set_context(tls_context(config.mqtt.tls))
    return client


def connect(client: paho.Client, mqtt: MqttConfig) -> None:
    """Open the connection and say who we are; the broker's answer comes through the client's loop.

    Raises:
        OSError, UnicodeError: as `explain` puts into words.
    """
    assert mqtt.host is not None
    properties = None
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own gap
        properties.MaximumPacketSize = LARGEST_COMMAND_BYTES
    # paho allows a ping one keep-alive to go out and another to come back; the sum is to be 1.5 of ours.
    client.connect(mqtt.host, mqtt.port, max(1, mqtt.keepalive_s * 3 // 4), properties=properties)


def explain(error: Exception, mqtt: MqttConfig) -> Trouble:
    """Put into words why connecting failed."""
    where = f"{mqtt.host}:{mqtt.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(f"{where}: {_explain_certificate(error, mqtt)}", is_refusal=True)
    if isinstance(error, ssl.SSLError):
        return Trouble(f"{where}: {_explain_tls(str(error), mqtt)}", is_refusal=True)
    return Trouble(_explain_network(error, mqtt, where))


def _explain_network(error: Exception, mqtt: MqttConfig, where: str) -> str:
    explanations: tuple[tuple[type[Exception], str], ...] = (
        (socket.gaierror, f"the name {mqtt.host} can't be resolved; is mqtt.host right, is there a network?"),
        (UnicodeError, f"{mqtt.host} is no host name; see mqtt.host"),
        (ConnectionRefusedError, f"{where} refuses connections; is the broker running, is mqtt.port right?"),
        (ConnectionResetError, f"{where}: {_no_tls(mqtt) if mqtt.tls.enabled else _no_answer(mqtt)}"),
        (TimeoutError, f"{where} does not answer; is the address right, does a firewall drop us?"),
    )  # fmt: skip
    for kind, text in explanations:
        if isinstance(error, kind):
            return text
    return f"{where} can't be reached: {error}"


def _explain_certificate(error: ssl.SSLCertVerificationError, mqtt: MqttConfig) -> str:
    code = error.verify_code
    if code == EXPIRED:
        return f"the broker's certificate has expired{_clock_hint()}"
    if code == NOT_YET_VALID:
        return f"the broker's certificate is not valid yet{_clock_hint()}"
    if code in SELF_SIGNED or code in UNKNOWN_ISSUER:
        authorities = mqtt.tls.ca_file or "this system's certificate authorities"
        return f"the broker's certificate is not signed by an authority we know ({authorities}); give its CA in mqtt.tls.ca_file"
    if code in WRONG_NAME:
        return f"the broker's certificate is for another name than {mqtt.host}; use the name that is in it as mqtt.host"
    return f"the broker's certificate is refused: {error.verify_message}"


def _no_tls(mqtt: MqttConfig) -> str:
    return f"no TLS is spoken on port {mqtt.port}; the TLS port is often 8883, or turn mqtt.tls.enabled off"


def _no_answer(mqtt: MqttConfig) -> str:
    return f"port {mqtt.port} is open but does not answer as an MQTT broker; is mqtt.port right, is TLS meant to be on (mqtt.tls.enabled)?"


def _clock_hint() -> str:
    return (
        "" if is_synced() else ", or this machine's clock, which no time server has set, is wrong"
    )


def _explain_tls(reason: str, mqtt: MqttConfig) -> str:
    """Words for an alert or a failed handshake, known by the names that OpenSSL gives them."""
    text = reason.lower().replace("_", " ")
    if any(
        word in text for word in ("wrong version number", "record layer failure", "eof occurred")
    ):
        return _no_tls(mqtt)
    if "certificate required" in text or "handshake failure" in text:
        return "the broker wants a certificate from us: give mqtt.tls.cert_file and key_file"
    if "unknown ca" in text or "bad certificate" in text or "certificate unknown" in text:
        return "the broker does not accept our certificate (mqtt.tls.cert_file)"
    if "certificate expired" in text:
        return "our certificate (mqtt.tls.cert_file) has expired"
    return f"TLS failed: {reason}"


def explain_answer(code: ReasonCode, config: Config) -> Trouble:
    """Put into words why the broker did not let us in, by the reason code of its CONNACK."""
    mqtt = config.mqtt
    user = "no user (mqtt.user)"
    if mqtt.user is not None:
        user = f"user {mqtt.user}, {password_origin(mqtt, 'mqtt')}"
    name = code.getName()
    texts = {
        "Bad user name or password": f"wrong user or password ({user})",
        "Not authorized": f"the broker does not let us in ({user}); check mqtt.user and the password",
        "Client identifier not valid": "the broker does not accept our client id; see mqtt.client_id",
        "Banned": "the broker has banned us",
        "Retain not supported": KEEPS_NOTHING,
        "QoS not supported": ACKNOWLEDGES_NOTHING,
    }
    text = texts.get(name, f"the broker refused the connection: {name}")
    is_passing = name in ("Server unavailable", "Server busy", "Server shutting down")
    return Trouble(f"{mqtt.host}:{mqtt.port}: {text}", is_refusal=not is_passing)


def shortage(properties: Properties | None) -> str | None:
    """Put into words what a broker that let us in says it does not give, though the daemon needs it.

    Only MQTT 5 tells; what a broker is silent about it gives.
    """
    if not getattr(properties, "RetainAvailable", True):
        return KEEPS_NOTHING
    if not getattr(properties, "MaximumQoS", True):
        return ACKNOWLEDGES_NOTHING
    allowed = getattr(properties, "MaximumPacketSize", ENOUGH_BYTES)
    if allowed < ENOUGH_BYTES:
        return f"the broker takes no packet of more than {allowed} bytes; {RAISE_LIMIT}"
    return None


def explain_silence(mqtt: MqttConfig) -> Trouble:
    """Put into words that a port took the connection and ended it, or said nothing."""
    return Trouble(f"{mqtt.host}:{mqtt.port}: {_no_answer(mqtt)}")


def explain_unanswered(mqtt: MqttConfig, seconds: float) -> Trouble:
    """Put into words that the broker is there, and has not acknowledged a message for so long."""
    return Trouble(
        f"{mqtt.host}:{mqtt.port}: the broker has not acknowledged a message within {seconds:g} s, it is sent again; "
        "is the broker overloaded, does it limit the rate?"
    )


def explain_oversize(mqtt: MqttConfig, size: int) -> Trouble:
    """Put into words that somebody sent us a message that is no command."""
    return Trouble(
        f"{mqtt.host}:{mqtt.port}: a message of {size} bytes came and was not read: no command has more than "
        f"{LARGEST_COMMAND_BYTES}; if it comes again it is retained: clear it at the broker"
    )


def refused(filters: Sequence[str], codes: Sequence[ReasonCode]) -> list[tuple[str, str]]:
    """Of the filters of one subscription those that the broker refuses, each with its reason."""
    answers = zip(filters, codes, strict=False)
    return [(wanted, code.getName()) for wanted, code in answers if code.is_failure]


def explain_loss(mqtt: MqttConfig, code: ReasonCode | None, said: str | None) -> Trouble:
    """Put into words how a connection was lost.

    Args:
        mqtt: the settings.
        code: the reason of the broker's DISCONNECT, if it sent one.
        said: what the network layer reported last, if anything.
    """
    where = f"{mqtt.host}:{mqtt.port}"
    if code is not None and code.getName() == "Session taken over":
        return Trouble(
            f"{where}: another client has logged in with our client id and pushed us off: "
            "give each machine its own `device` (or mqtt.client_id)",
            is_eviction=True,
        )
    if code is not None and code.is_failure and code.getName() != "Unspecified error":
        return Trouble(f"{where}: the broker closed the connection: {code.getName()}")
    if said and ("ssl" in said.lower() or "tls" in said.lower()):
        return Trouble(f"{where}: {_explain_tls(said, mqtt)}", is_refusal=True)
    return Trouble(f"{where}: the connection was lost", is_eviction=True)
