"""The history function as Lambda runs it: `lambdas.history.main.handler` takes API Gateway's REST proxy events."""

from lambdas.history.app import create_app
from parley.edge.buffered import open_handler
from parley.settings import HistorySettings

# At import, on purpose: Lambda imports the module in its init phase, with a whole core and before the first request.
handler = open_handler(create_app(HistorySettings.from_env()))
