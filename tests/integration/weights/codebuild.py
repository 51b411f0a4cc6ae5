"""A stand-in for CodeBuild and its logs on loopback that runs the job's real buildspec on this machine.

It knows the four calls of `parley models`. It leaves out the install phase, since the tests' own Python has the libraries, and
has no machine to wait for. moto's CodeBuild runs nothing and says that every build succeeded.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).parents[3] / "gpu_workers" / "weights"


@dataclass(slots=True)
class Build:
    """A build that runs or has run, and what it has printed."""

    process: subprocess.Popen[str]
    given: dict[str, str]
    machine: str
    lines: list[str] = field(default_factory=list)
    status: str = "IN_PROGRESS"


@dataclass(slots=True)
class StandInCodeBuild:
    """One project; none while `project` is empty."""

    folder: Path
    environ: Mapping[str, str]
    project: str = ""
    bucket: str = ""
    url: str = ""
    # How often the log is asked for after the end of a build until its last lines are there.
    lag: int = 0
    builds: dict[str, Build] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def batch_get_projects(self, call: Mapping[str, Any]) -> dict[str, Any]:
        variables = [{"name": "BUCKET", "value": self.bucket}]
        found = {"name": self.project, "environment": {"environmentVariables": variables}}
        return {"projects": [found] if call["names"] == [self.project] else []}

    def start_build(self, call: Mapping[str, Any]) -> dict[str, Any]:
        given = {each["name"]: each["value"] for each in call["environmentVariablesOverride"]}
        build_id = f"{self.project}:{len(self.builds)}"
        build = Build(self._run(given), given, call.get("computeTypeOverride", "the project's"))
        self.builds[build_id] = build
        thread = threading.Thread(target=_collect, args=(build,))
        thread.start()
        self.threads.append(thread)
        return {"build": {"id": build_id}}

    def batch_get_builds(self, call: Mapping[str, Any]) -> dict[str, Any]:
        found = {each: self.builds[each] for each in call["ids"] if each in self.builds}
        return {"builds": [self._describe(build_id, build) for build_id, build in found.items()]}

    def get_log_events(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A page holds two events; the token is where the next begins, and at the end the one that was sent."""
        begin, build = int(call.get("nextToken", "f/0")[2:]), self.builds[call["logStreamName"]]
        withheld = self.lag > 0
        self.lag -= withheld and build.status != "IN_PROGRESS"
        lines = build.lines[: -1 if withheld else None][begin : begin + 2]
        events = [{"timestamp": 0, "ingestionTime": 0, "message": f"{line}\n"} for line in lines]
        return {"events": events, "nextForwardToken": f"f/{begin + len(lines)}", "nextBackwardToken": "b/0"}

    def _describe(self, build_id: str, build: Build) -> dict[str, Any]:
        phase = "COMPLETED" if build.status != "IN_PROGRESS" else "BUILD"
        logs = {"groupName": "push", "streamName": build_id} if build.lines else {}
        return {"id": build_id, "buildStatus": build.status, "currentPhase": phase, "logs": logs}

    def _run(self, given: Mapping[str, str]) -> subprocess.Popen[str]:
        commands = yaml.safe_load((SOURCE / "buildspec.yml").read_text())["phases"]["build"]["commands"]
        job = self.folder / f"job-{len(self.builds)}"
        shim = self.folder / "bin" / "python"
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        shim.chmod(0o755)
        project = {"BUCKET": self.bucket, "TOKEN_SECRET": "parley-dev/hugging-face-token", "JOB": str(job)}
        return subprocess.Popen(
            ["sh", "-e", "-c", "\n".join(commands)],
            cwd=SOURCE,
            env={
                **self.environ,
                **project,
                **given,
                "CODEBUILD_SRC_DIR": str(SOURCE),
                "PATH": f"{shim.parent}:/usr/bin:/bin",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def _collect(build: Build) -> None:
    assert build.process.stdout is not None
    with build.process.stdout as lines:
        build.lines.extend(line.rstrip("\n") for line in lines)
    build.status = "SUCCEEDED" if build.process.wait() == 0 else "FAILED"


@contextmanager
def serve_codebuild(folder: Path, environ: Mapping[str, str]) -> Iterator[StandInCodeBuild]:
    """CodeBuild while it is needed; its builds end before it does."""
    service = StandInCodeBuild(folder, environ)
    calls = {
        "CodeBuild_20161006.BatchGetProjects": service.batch_get_projects,
        "CodeBuild_20161006.StartBuild": service.start_build,
        "CodeBuild_20161006.BatchGetBuilds": service.batch_get_builds,
        "Logs_20140328.GetLogEvents": service.get_log_events,
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(calls[self.headers["X-Amz-Target"]](call)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
            """Tests say what they look at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        for build in service.builds.values():
            build.process.kill()
        for each in service.threads:
            each.join()
        server.shutdown()
        server.server_close()
        thread.join()
