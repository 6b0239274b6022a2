"""The OpenID Connect client: authorization code flow with PKCE, state and nonce, by Authlib."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from moderation.errors import ModerationError
from moderation.settings.oidc import OidcSettings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a key pair only: with a shared secret, each client of the provider could sign."""
TIMEOUT_S = 10.0
LEEWAY_S = 60
KEPT_S = 300.0
_KEPT: dict[str, tuple[float, Any]] = {}
"""Configuration and keys of the provider, with the time until which they are kept."""


class ProviderFailed(ModerationError):
    """The provider does not answer, or what it sends is not valid; the message is for the log."""


@dataclass(frozen=True)
class Attempt:
    """What a browser keeps while the person is at the provider."""

    state: str
    nonce: str
    verifier: str
    target: str

    def encoded(self) -> str:
        """Return the value of the cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def decoded(cls, value: str) -> Attempt | None:
        """Return the attempt of a cookie, None for any other value."""
        try:
            found = json.loads(base64.urlsafe_b64decode(value.encode()))
            return cls(**{name: str(found[name]) for name in cls.__dataclass_fields__})
        except (ValueError, TypeError, LookupError):
            return None


def begin(asked: OidcSettings, callback: str, target: str) -> tuple[str, Attempt]:
    """Return the address of the provider to go to, and the attempt. Raises ProviderFailed."""
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), target)
    with _client(asked, callback) as client:
        metadata = _metadata(asked)
        address, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
        )
    return str(address), attempt


def finish(asked: OidcSettings, callback: str, attempt: Attempt, code: str) -> Mapping[str, Any]:
    """Exchange a code and return the verified claims of the person. Raises ProviderFailed."""
    try:
        with _client(asked, callback) as client:
            metadata = _metadata(asked)
            token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=attempt.verifier)
        read = _read(token["id_token"], metadata["jwks_uri"])
        expected = {
            "iss": {"essential": True, "value": asked.issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": asked.client_id},
        }
        params = {"nonce": attempt.nonce, "client_id": asked.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, expected, params)
        claims.validate(leeway=LEEWAY_S)
    except (AuthlibBaseError, JoseError, httpx2.HTTPError, LookupError, ValueError) as error:
        raise ProviderFailed(f"the provider {asked.issuer} refused or sent no valid identity: {error}") from None
    return dict(claims)


def _client(asked: OidcSettings, callback: str) -> OAuth2Client:
    return OAuth2Client(
        asked.client_id,
        asked.secret(),
        scope=asked.scopes,
        redirect_uri=callback,
        code_challenge_method="S256",
        timeout=TIMEOUT_S,
    )


def _read(token: str, address: str) -> jwt.Token:
    """Return a token whose signature is valid. Keys are read again where the kept ones do not verify it."""
    try:
        return jwt.decode(token, KeySet.import_key_set(_kept_json(address)), algorithms=ALGORITHMS)
    except (JoseError, ValueError):
        _KEPT.pop(address, None)
        return jwt.decode(token, KeySet.import_key_set(_kept_json(address)), algorithms=ALGORITHMS)


def _metadata(asked: OidcSettings) -> Mapping[str, Any]:
    """Return the configuration of the provider. Raises ProviderFailed where it is of another issuer or not readable."""
    address = f"{asked.issuer.rstrip('/')}/.well-known/openid-configuration"
    found: Mapping[str, Any] = _kept_json(address)
    if found.get("issuer") != asked.issuer:
        raise ProviderFailed(f"the provider {asked.issuer} names the issuer {found.get('issuer')!r}; set oidc.issuer")
    return found


def _kept_json(address: str) -> Any:
    """Return the JSON at an address, at most KEPT_S old."""
    until, found = _KEPT.get(address, (0.0, None))
    if time.monotonic() >= until:
        found = _json(address)
        _KEPT[address] = (time.monotonic() + KEPT_S, found)
    return found


def _json(address: str) -> Any:
    try:
        answer = httpx2.get(address, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise ProviderFailed(f"{address} cannot be read: {type(error).__name__}: {error}") from None
