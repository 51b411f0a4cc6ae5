"""The moderation function as Lambda runs it: `lambdas.moderation.main.handler` takes API Gateway's REST proxy events and, from
the functions that run turns, `{"texts": […]}`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from lambdas.moderation.app import create_app
from lambdas.moderation.direct import classify
from parley.edge.buffered import open_handler as open_http_handler
from parley.settings import ModerationSettings

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def open_handler(settings: ModerationSettings) -> Handler:
    """A handler whose application is open for as long as the process lives."""
    app = create_app(settings)
    http = open_http_handler(app)
    loop = asyncio.get_event_loop()  # the one that the application was opened on

    def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        if "texts" in event:
            return loop.run_until_complete(classify(app.state.moderation.classifier, event["texts"]))
        return http(dict(event), context)

    return handle


# At import, on purpose: Lambda imports the module in its init phase, with a whole core and before the first request.
handler = open_handler(ModerationSettings.from_env())
