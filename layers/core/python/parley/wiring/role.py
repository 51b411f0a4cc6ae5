"""The function's role in AWS."""

from parley.kit.aws import Aws
from parley.kit.sigv4 import Credentials
from parley.settings import AwsSettings


def aws_of(settings: AwsSettings) -> Aws:
    """The function's role. Raises: ValueError where the environment has none, which `Settings` finds first if it is needed."""
    key_id, secret, token = settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token
    if settings.aws_region is None or key_id is None or secret is None:
        raise ValueError("there is no role in the environment")
    credentials = Credentials(
        key_id.get_secret_value(), secret.get_secret_value(), token.get_secret_value() if token else ""
    )
    return Aws(settings.aws_region, credentials, settings.aws_endpoint_url)
