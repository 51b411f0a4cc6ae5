"""The job in CodeBuild: begun, and followed by its log."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from local.model_store.aws import StageStore, aws_errors
from local.model_store.errors import StoreError

# CodeBuild tells no one when it goes on, and its log is some seconds behind: the last lines come after the build's end.
_POLL_S = 1.0
_LAG_POLLS = 15
# A quantised shard is held in memory, twice: 16 GB instead of 8.
_QUANTISING_MACHINE = "BUILD_GENERAL1_LARGE"


def start_build(store: StageStore, variables: Mapping[str, str]) -> str:
    """Begins a push and gives its build id. Raises: StoreError."""
    overrides = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
    machine = {"computeTypeOverride": _QUANTISING_MACHINE} if "QUANTISE" in variables else {}
    with aws_errors(store.region):
        build = store.client("codebuild").start_build(
            projectName=store.project, environmentVariablesOverride=overrides, **machine
        )
    return str(build["build"]["id"])


def follow_build(
    store: StageStore,
    build_id: str,
    show_line: Callable[[str], None],
    show_phase: Callable[[str], None],
    has_ended: Callable[[], bool],
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Shows the build's log from its beginning until it is over, and gives how it ended: `SUCCEEDED`, `FAILED`, …

    `has_ended` says that the job's last line was shown. Raises: StoreError.
    """
    log = _Log(store, show_line)
    while True:
        build = _get_build(store, build_id)
        show_phase(build.get("currentPhase", "QUEUED").lower().replace("_", " "))
        log.show_new(build.get("logs", {}))
        if build["buildStatus"] != "IN_PROGRESS":
            break
        pause(_POLL_S)
    for _ in range(_LAG_POLLS):
        if has_ended():
            break
        pause(_POLL_S)
        log.show_new(build.get("logs", {}))
    return str(build["buildStatus"])


class _Log:
    """The build's log stream, from where it was read last."""

    def __init__(self, store: StageStore, show_line: Callable[[str], None]) -> None:
        self._store = store
        self._show_line = show_line
        self._token: str | None = None

    def show_new(self, place: Mapping[str, Any]) -> None:
        """All that is there now; nothing while the build has no machine yet."""
        while place.get("streamName"):
            events, token = self._read(place)
            for event in events:
                for line in event["message"].splitlines():
                    self._show_line(line)
            # At the end of a stream the token is the one that was sent; before it a page may be empty.
            if token == self._token:
                return
            self._token = token

    def _read(self, place: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        client = self._store.client("logs")
        begin = {"nextToken": self._token} if self._token else {"startFromHead": True}
        names = {"logGroupName": place["groupName"], "logStreamName": place["streamName"]}
        with aws_errors(self._store.region):
            try:
                page = client.get_log_events(**names, **begin)
            except client.exceptions.ResourceNotFoundException:
                return [], self._token or ""
        return page["events"], page["nextForwardToken"]


def _get_build(store: StageStore, build_id: str) -> dict[str, Any]:
    with aws_errors(store.region):
        builds = store.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
    if not builds:
        raise StoreError(f"There is no build {build_id} in {store.region}.")
    return builds[0]
