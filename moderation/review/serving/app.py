"""Puts the console together: API, pages, static files and protection."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import Engine, text
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from connectors.reviewdb.engine import at_edge, open_engine
from connectors.reviewdb.schema import require_head
from moderation.detector import Detector, load_detector
from moderation.errors import ModerationError, SettingsError
from moderation.review.api import document
from moderation.review.pages import (
    account_pages,
    bulk_pages,
    flag_pages,
    own_pages,
    passing_forms,
    quality_pages,
    queue_pages,
    signing_in,
)
from moderation.review.pages.rendering import STATIC
from moderation.review.passages import PassageFinder
from moderation.review.serving import metrics, problems
from moderation.review.serving.console import Console, console_of
from moderation.review.serving.guard import LOCAL_HOSTS, Guard
from moderation.risk.bundle import policy_entry, read_manifest
from moderation.settings import Settings

SHUTDOWN_S = 10


class LastingFiles(StaticFiles):
    """Static files whose address changes with their content, so that browsers keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with a long lifetime."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def build_app(console: Console) -> ASGIApp:
    """Return the application of a console."""
    return Guard(routes(console), console)


def routes(console: Console) -> FastAPI:
    """Return the application without its protection."""
    app = FastAPI(title="Moderation console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.state.metrics = metrics.ReviewMetrics(console.engine)
    problems.install(app)
    for module in (
        signing_in,
        flag_pages,
        queue_pages,
        account_pages,
        passing_forms,
        bulk_pages,
        quality_pages,
        own_pages,
    ):
        app.include_router(module.router, include_in_schema=False)
    app.include_router(metrics.router, include_in_schema=False)
    document.install(app)
    app.add_api_route("/healthz", health, include_in_schema=False)
    app.mount("/static", LastingFiles(directory=STATIC))
    return app


def health(request: Request) -> Response:
    """Return whether the database answers, for a load balancer."""
    engine: Engine = console_of(request).engine
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        connection.execute(text("SELECT 1"))
    return JSONResponse({"status": "ok"})


def open_console(settings: Settings) -> Console:
    """Return the console of the settings. Raises SettingsError, SchemaOutdated, BundleError and ConnectionLost."""
    asked = settings.console
    if asked.host not in LOCAL_HOSTS and not asked.public_url:
        raise SettingsError(
            f"console.host {asked.host!r} is not this machine's own address, where passwords travel unencrypted; set "
            "console.public_url to the https:// address of a proxy that terminates TLS"
        )
    if not asked.password_sign_in and not settings.oidc.issuer:
        raise SettingsError("console.password_sign_in is off and oidc.issuer is empty, so that no person can sign in")
    manifest, version = read_manifest(settings.risk)
    of_policy = policy_entry(settings.risk, manifest, settings.scoring.policy)
    engine = open_engine(settings.database_url.get_secret_value())
    try:
        require_head(engine)
    except ModerationError:
        engine.dispose()
        raise
    return Console(
        engine,
        asked,
        settings.platform_id,
        (of_policy.certificate, version),
        features=manifest.features,
        oidc=settings.oidc,
        threshold=of_policy.threshold,
        policy=settings.scoring.policy,
        most_wrong_share=settings.flags.most_wrong_share,
        statements=settings.statements,
        passages=PassageFinder(lambda: _detector(settings)) if asked.passages else None,
    )


def _detector(settings: Settings) -> Detector:
    """Load the detector of the settings for single texts; PassageFinder keeps its results."""
    return load_detector(
        settings.detector,
        max_text_bytes=settings.max_text_bytes,
        threads=settings.detector_threads,
        remembered_texts=0,
        deadline_s=settings.detector_deadline_s,
    )


def serve(console: Console) -> None:
    """Serve the console until SIGTERM or SIGINT; requests that run are finished. Raises SettingsError.

    The socket is opened here, because uvicorn exits without a message of ours when the port is in use.
    """
    asked = console.settings
    try:
        family = socket.AF_INET6 if ":" in asked.host else socket.AF_INET
        listening = socket.create_server((asked.host.strip("[]"), asked.port), family=family)
    except OSError as error:
        raise SettingsError(
            f"the console cannot listen on {asked.host} port {asked.port}: {error.strerror or error}; choose another "
            "address or port with console.host, console.port or the options"
        ) from None
    config = uvicorn.Config(
        build_app(console),
        forwarded_allow_ips=asked.trusted_proxies,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
