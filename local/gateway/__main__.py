"""Starts the gateway as its environment says."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from functools import partial

import uvicorn
from aws_lambda_powertools import Logger

from lambdas.accounts.app import create_app as create_accounts
from lambdas.authorizer.main import create_handler
from lambdas.chat.app import create_app as create_chat
from lambdas.history.app import create_app as create_history
from lambdas.moderation.app import create_app as create_moderation
from local.gateway.app import Gateway, functions_of
from local.gateway.page_config import PageConfig
from local.gateway.running import run_stack
from local.gateway.settings import GatewaySettings, uses_local_issuer
from local.gateway.static import Page
from local.oidc.app import create_issuer
from parley.kit.telemetry import open_logger
from parley.moderation.classifier import Classifier
from parley.moderation.onnx.classifier import open_classifier
from parley.settings import (
    AccountsSettings,
    AuthorizerSettings,
    ChatSettings,
    HistorySettings,
    JobsSettings,
    ModerationSettings,
    SettingsError,
)
from parley.wiring.authorizer import Credentials, create_credentials

# Running turns settle meanwhile; the supervisor waits eight seconds in all.
_GRACE_S = 3


def main() -> None:
    with ExitStack() as opened:
        try:
            settings = GatewaySettings.from_env()
            logger = open_logger("gateway", settings.log_level)
            # One environment serves all functions here, so the authorizer's own login has a name of its own.
            authorizer = AuthorizerSettings.from_env().model_copy(update={"database_url": settings.auth_database_url})
            credentials = opened.enter_context(closing(create_credentials(authorizer)))
            # One for all functions: it takes 90 MB.
            classifier = opened.enter_context(open_classifier(settings.classifier_folder))
            app = create_gateway(settings, authorizer, credentials, classifier, logger)
        except (SettingsError, ValueError) as error:
            sys.exit(f"The gateway cannot start:\n{error}")
        _serve(app, settings)


def _serve(app: Gateway, settings: GatewaySettings) -> None:
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def create_gateway(
    settings: GatewaySettings,
    authorizer: AuthorizerSettings,
    credentials: Credentials,
    classifier: Classifier,
    logger: Logger,
) -> Gateway:
    """The gateway before the real functions. Raises: SettingsError, ValueError for what must not run here."""
    chat = ChatSettings.from_env()
    jobs = JobsSettings.from_env().model_copy(update={"database_url": settings.jobs_database_url})
    reviews = ModerationSettings.from_env().model_copy(update={"database_url": settings.review_database_url})
    apps = (
        create_chat(chat, classifier),
        create_history(HistorySettings.from_env()),
        create_accounts(AccountsSettings.from_env()),
        create_moderation(reviews, classifier),
    )
    issuer = (
        create_issuer(
            settings.parley_home, stage=settings.stage, host=settings.host, other_origins=settings.cors_origins
        )
        if uses_local_issuer(authorizer)
        else None
    )
    return Gateway(
        functions_of(*apps),
        create_handler(authorizer, credentials),
        running=partial(run_stack, settings, chat, jobs, apps, classifier, logger),
        page=Page(settings.web_dist),
        page_settings=PageConfig(authorizer, settings.url),
        issuer=issuer,
        logger=logger,
        cors_origins=settings.cors_origins,
        request_limit_bytes=settings.request_limit_bytes,
    )


if __name__ == "__main__":
    main()
