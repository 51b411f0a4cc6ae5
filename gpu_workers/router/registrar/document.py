"""`pool:{name}` in Valkey: what the registrars write and the functions read (gpu_workers/PROTOCOL.md)."""

import json

from gpu_workers.router.registrar.model import Scrape, Verdict


def encode_state(pool: str, scrape: Scrape, verdict: Verdict, now_ms: int) -> str:
    return json.dumps(
        {
            "pool": pool,
            "workers": scrape.workers,
            "ready": scrape.ready,
            "running": scrape.running,
            "waiting": scrape.waiting,
            "kv_use": round(scrape.kv_use, 4),
            "ttft_p95_ms": scrape.ttft_p95_ms,
            "saturated": verdict.saturated,
            "reason": verdict.reason,
            "since_ms": verdict.since_ms,
            "over_since_ms": verdict.over_since_ms,
            "under_since_ms": verdict.under_since_ms,
            "written_at_ms": now_ms,
        }
    )


def decode_verdict(document: bytes | str) -> Verdict | None:
    """The verdict in a document; None for one that this version did not write."""
    try:
        said = json.loads(document)
        return Verdict(
            said["saturated"], said["reason"], said["since_ms"], said["over_since_ms"], said["under_since_ms"]
        )
    except (ValueError, KeyError, TypeError):
        return None
