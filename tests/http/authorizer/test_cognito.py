"""The contract with Cognito, on tokens that moto's Cognito really issues and signs."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from lambdas.authorizer.main import create_handler
from parley.accounts.model import user_id_for
from parley.settings import AuthorizerSettings

USER, PASSWORD = "ada", "Passw0rd!x"


@dataclass(frozen=True, slots=True)
class Pool:
    """A user pool with one user in two groups, and the tokens of one sign-in."""

    settings: AuthorizerSettings
    subject: str
    access_token: str
    id_token: str


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with closing(open_client(f"http://{host}:{port}")) as cognito:
            yield make_pool(cognito, f"http://{host}:{port}")
    finally:
        server.stop()


def open_client(url: str) -> Any:
    return boto3.client(
        "cognito-idp",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 1}),
    )


def make_pool(cognito: Any, url: str) -> Pool:
    pool_id = cognito.create_user_pool(PoolName="parley")["UserPool"]["Id"]
    client_id = cognito.create_user_pool_client(
        UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool_id, Username=USER)
    cognito.admin_set_user_password(UserPoolId=pool_id, Username=USER, Password=PASSWORD, Permanent=True)
    for group in ("pro", "reviewer"):
        cognito.create_group(UserPoolId=pool_id, GroupName=group)
        cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=USER, GroupName=group)
    attributes = cognito.admin_get_user(UserPoolId=pool_id, Username=USER)["UserAttributes"]
    tokens = cognito.initiate_auth(
        ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]
    return Pool(
        AuthorizerSettings(
            database_url="postgresql://127.0.0.1:9/away",
            oidc_issuer=f"https://cognito-idp.eu-central-1.amazonaws.com/{pool_id}",
            oidc_discovery_url=f"{url}/{pool_id}/.well-known/openid-configuration",
            oidc_issuer_name="cognito",
            oidc_audience=client_id,
        ),
        next(each["Value"] for each in attributes if each["Name"] == "sub"),
        tokens["AccessToken"],
        tokens["IdToken"],
    )


def event(token: str) -> dict:
    return {
        "headers": {"Authorization": f"Bearer {token}"},
        "methodArn": "arn:aws:execute-api:eu-central-1:1:a/live/GET/v1/models",
    }


def test_cognitos_access_token_is_accepted_with_its_groups(pool):
    verdict = create_handler(pool.settings)(event(pool.access_token), None)

    user_id = str(user_id_for("cognito", pool.subject))
    assert verdict["context"] == {"user_id": user_id, "tier": "pro", "roles": "reviewer", "credential": "token"}


def test_cognitos_id_token_is_refused(pool):
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        create_handler(pool.settings)(event(pool.id_token), None)


def test_a_token_for_another_app_client_of_the_pool_is_refused(pool):
    other = pool.settings.model_copy(update={"oidc_audience": "another-client"})

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        create_handler(other)(event(pool.access_token), None)
