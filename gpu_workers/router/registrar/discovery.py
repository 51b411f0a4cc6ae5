"""The workers that Cloud Map lists for a pool."""

import asyncio
import logging
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gpu_workers.router.registrar.settings import Settings

DEADLINE_S = 2.5
DEFAULT_PORT = 8000
_log = logging.getLogger(__name__)


class DiscoveryFailed(Exception):
    """Cloud Map gave no list."""


class Discovery:
    """Asks Cloud Map through boto3, which blocks, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._namespace, self._service = settings.cloud_map_namespace, settings.cloud_map_service
        limits = Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"total_max_attempts": 1},
            # The call goes to data-servicediscovery.…; a stand-in has no such name.
            inject_host_prefix=settings.aws_endpoint_url is None,
        )
        self._client: Any = boto3.client(
            "servicediscovery",
            region_name=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url,
            config=limits,
        )

    async def list_workers(self) -> frozenset[str]:
        """The base URLs of the pool's instances, healthy or not: who serves is for their probes to say.

        Raises: DiscoveryFailed, within 2.5 s.
        """
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await asyncio.to_thread(
                    self._client.discover_instances,
                    NamespaceName=self._namespace,
                    ServiceName=self._service,
                    HealthStatus="ALL",
                    MaxResults=1000,
                )
        except (BotoCoreError, ClientError, TimeoutError) as error:
            raise DiscoveryFailed(type(error).__name__) from error
        return frozenset(url for entry in answer["Instances"] if (url := worker_url(entry["Attributes"])))

    def close(self) -> None:
        self._client.close()


def worker_url(attributes: dict[str, str]) -> str | None:
    """The base URL of an instance; None for one without an address, which is no task of ours."""
    address = attributes.get("AWS_INSTANCE_IPV4")
    if not address:
        _log.warning("instance_without_address")
        return None
    return f"http://{address}:{attributes.get('AWS_INSTANCE_PORT', DEFAULT_PORT)}"
