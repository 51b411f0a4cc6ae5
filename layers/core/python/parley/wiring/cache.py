"""Valkey, as the settings say one signs in there."""

from contextlib import AbstractAsyncContextManager

from parley.kit.valkey import RedisCluster, open_valkey
from parley.settings import ValkeySettings
from parley.wiring.role import aws_of


def open_cache(settings: ValkeySettings) -> AbstractAsyncContextManager[RedisCluster]:
    user, cluster = settings.valkey_iam_user, settings.valkey_cluster_name
    if user is None or cluster is None:
        return open_valkey(settings.valkey_url, settings.valkey_password_file)
    aws = aws_of(settings)
    return open_valkey(settings.valkey_url, sign_in=lambda: (user, aws.cache_token(cluster, user)))
