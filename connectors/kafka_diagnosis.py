"""Finds out why no broker answers, because kafka-python reports every cause as a timeout."""

from __future__ import annotations

import socket
import ssl

from connectors.kafka_certificates import tls_context
from moderation.errors import ConnectionLost, SettingsError
from moderation.settings import KafkaSettings

TIMEOUT_S = 3.0
EXPIRED, NOT_YET_VALID = 10, 9
OTHER_HOST = (62, 64)
"""Results of the verification of a certificate (X509_V_ERR_…)."""
API_VERSIONS = b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
"""The first request of every client (ApiVersions, version 0), which brokers answer before a login."""
REFUSALS = ("CERTIFICATE", "UNKNOWN_CA")
"""In the reasons of alerts that a server sends about the certificate of a client, missing ones included."""


class ClosedAfterHandshake(OSError):
    """The broker closed the connection, as some do that refuse a client certificate."""


def why_unreachable(settings: KafkaSettings, error: Exception) -> ConnectionLost | SettingsError:
    """Return the error for an operator: one sentence on the cause, and what to change.

    A SettingsError does not pass by itself; ConnectionLost may.
    """
    unresolved = []
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S) as connection:
                return _by_handshake(settings, server.strip(), host.strip("[]"), connection)
        except TimeoutError:
            break  # a frozen host or broker
        except socket.gaierror:
            unresolved.append(host)
        except OSError:
            continue
    if unresolved:
        return ConnectionLost(f"the host {unresolved[0]} of kafka.bootstrap_servers is unknown; correct the name")
    return no_broker(settings, error)


def require_tls(settings: KafkaSettings) -> None:
    """Raise the error for an operator where TLS is set and no broker completes a handshake.

    kafka-python (3.0.12) waits for a handshake without a limit, so that a frozen broker would block a start for good.
    """
    if not settings.security_protocol.endswith("SSL"):
        return
    failures: list[Exception] = []
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S) as connection:
                failure = _handshake(tls_context(settings), host.strip("[]"), connection, API_VERSIONS)
            if failure is None:
                return
            failures.append(failure)
        except OSError as error:
            failures.append(error)
    raise why_unreachable(settings, failures[0])


def no_broker(settings: KafkaSettings, error: Exception) -> ConnectionLost:
    """Return the error without a cause."""
    return ConnectionLost(
        f"no Kafka broker answers at {settings.bootstrap_servers} ({type(error).__name__}); "
        "check kafka.bootstrap_servers, kafka.security_protocol and that the broker runs"
    )


def _by_handshake(
    settings: KafkaSettings, server: str, host: str, connection: socket.socket
) -> ConnectionLost | SettingsError:
    """Return the cause that a TLS handshake shows."""
    protocol = settings.security_protocol
    if not protocol.endswith("SSL"):
        if _handshake(ssl._create_unverified_context(), host, connection) is None:  # nosec B323  # noqa: S323  # nothing is sent
            wanted = "SASL_SSL" if protocol.startswith("SASL") else "SSL or SASL_SSL"
            return SettingsError(f"the broker at {server} expects TLS; set kafka.security_protocol to {wanted}")
        return _by_login(settings, server)
    failure = _handshake(tls_context(settings), host, connection, API_VERSIONS)
    if failure is None:
        return _by_login(settings, server)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _by_certificate(settings, server, host, failure)
    if isinstance(failure, ClosedAfterHandshake) or _refuses_client(failure):
        return _by_client_certificate(settings, server, failure)
    return SettingsError(
        f"the broker at {server} does not answer with TLS ({failure}); set kafka.security_protocol to "
        f"{protocol.replace('SASL_SSL', 'SASL_PLAINTEXT').replace('SSL', 'PLAINTEXT')}, or name its TLS port"
    )


def _handshake(context: ssl.SSLContext, host: str, connection: socket.socket, request: bytes = b"") -> Exception | None:
    """Return why a handshake, or the answer to a request after it, fails; None where both succeed.

    A request is needed for TLS 1.3, in which a client finishes before the server has seen its certificate. Raises
    TimeoutError.
    """
    completed = False
    try:
        with context.wrap_socket(connection, server_hostname=host) as encrypted:
            completed = True
            if request:
                encrypted.sendall(request)
                return None if encrypted.recv(1) else ClosedAfterHandshake()
            return None
    except TimeoutError:
        raise
    except (ConnectionError, ssl.SSLEOFError) as error:
        return ClosedAfterHandshake() if completed else error
    except OSError as error:  # every error of ssl is one
        return error


def _refuses_client(failure: Exception) -> bool:
    reason = getattr(failure, "reason", None) or ""
    return "ALERT" in reason and any(part in reason for part in REFUSALS)


def _by_client_certificate(settings: KafkaSettings, server: str, failure: Exception) -> ConnectionLost | SettingsError:
    if isinstance(failure, ClosedAfterHandshake):
        return ConnectionLost(
            f"the broker at {server} closes the connection after the TLS handshake; if it requires a client "
            "certificate, set kafka.ssl_certfile and kafka.ssl_keyfile to one that it trusts"
        )
    if settings.ssl_certfile is not None:
        return SettingsError(
            f"the broker at {server} refuses the client certificate in {settings.ssl_certfile} ({failure}); set "
            "kafka.ssl_certfile to one that is valid and signed by an authority that the broker trusts"
        )
    return SettingsError(
        f"the broker at {server} requires a client certificate ({failure}); set kafka.ssl_certfile and "
        "kafka.ssl_keyfile"
    )


def _by_certificate(
    settings: KafkaSettings, server: str, host: str, failure: ssl.SSLCertVerificationError
) -> ConnectionLost | SettingsError:
    if failure.verify_code in (EXPIRED, NOT_YET_VALID):
        return ConnectionLost(
            f"the certificate of the broker at {server} is not valid now ({failure.verify_message}); renew it, or "
            "correct the clock of this machine"
        )
    if failure.verify_code in OTHER_HOST:
        return SettingsError(
            f"the certificate of the broker at {server} is not for {host}; name the host in kafka.bootstrap_servers as "
            "the certificate does"
        )
    trusted = "the system's" if settings.ssl_cafile is None else str(settings.ssl_cafile)
    return SettingsError(
        f"the certificate of the broker at {server} is signed by an authority that is not trusted "
        f"({failure.verify_message}; trusted: {trusted}); set kafka.ssl_cafile to the file of its authority"
    )


def _by_login(settings: KafkaSettings, server: str) -> ConnectionLost:
    protocol = settings.security_protocol
    if protocol.startswith("SASL"):
        return ConnectionLost(
            f"the broker at {server} accepts connections, but not the login of {settings.sasl_username!r} by "
            f"{settings.sasl_mechanism}; correct kafka.sasl_username, kafka.sasl_password or kafka.sasl_mechanism, or "
            f"set kafka.security_protocol to {protocol.removeprefix('SASL_')} if the port takes no login"
        )
    return ConnectionLost(
        f"the broker at {server} accepts connections, but does not answer; if the port expects a login, set "
        f"kafka.security_protocol to SASL_{protocol}"
    )
