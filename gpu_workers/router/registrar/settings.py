"""What the registrar is told by its environment."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gpu_workers.router.registrar.model import Limits


class Settings(BaseSettings):
    """One pool of one stage. Raises: pydantic's ValidationError, which names every problem, when made."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    stage: str
    pool: str
    cloud_map_namespace: str
    cloud_map_service: str
    router_url: str = "http://127.0.0.1:8080"
    # In tests it may hold a password.
    valkey_url: SecretStr
    valkey_iam_user: str | None = None
    valkey_cluster_name: str | None = None
    aws_region: str
    # Stands in for all of AWS, in tests.
    aws_endpoint_url: str | None = None
    saturated_waiting_per_worker: Annotated[float, Field(gt=0)] = 4
    saturated_kv_use: Annotated[float, Field(gt=0.1, le=1)] = 0.95
    # Where the vLLM tasks' entrypoint answers /ready.
    ready_port: Annotated[int, Field(gt=0, lt=65536)] = 8001
    health_port: Annotated[int, Field(ge=0, lt=65536)] = 8082

    @model_validator(mode="after")
    def _sign_in_is_whole(self) -> Self:
        if (self.valkey_iam_user is None) != (self.valkey_cluster_name is None):
            raise ValueError("VALKEY_IAM_USER and VALKEY_CLUSTER_NAME belong together: give both or neither")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(self.saturated_waiting_per_worker, self.saturated_kv_use)
