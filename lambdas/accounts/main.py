"""The accounts function as Lambda runs it: `lambdas.accounts.main.handler` takes API Gateway's REST proxy events."""

from lambdas.accounts.app import create_app
from parley.edge.buffered import open_handler
from parley.settings import AccountsSettings

# At import, on purpose: Lambda imports the module in its init phase, with a whole core and before the first request.
handler = open_handler(create_app(AccountsSettings.from_env()))
