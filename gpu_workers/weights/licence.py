"""Whether a model may be brought in without a word."""

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.model import Repository

# They ask for a copy of the licence and the notices, which are brought in with the weights, and for nothing else.
OPEN_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "unlicense", "isc"}
)
# What `--accept-licence` says of a model that names none.
NO_LICENCE = "none"


def check_licence(repository: Repository, accepted: str | None) -> None:
    """Raises: PushError unless the licence is an open one and the model not gated, or `accepted` names it exactly."""
    licence = repository.licence or NO_LICENCE
    if accepted == licence:
        return
    if accepted is not None:
        raise PushError(
            "licence", f"{repository.repo} is under the licence {licence!r}, and {accepted!r} was accepted."
        )
    if repository.gated or licence not in OPEN_LICENCES:
        raise PushError("licence", f"{_why(repository, licence)} Read it, then add: --accept-licence {licence}")


def _why(repository: Repository, licence: str) -> str:
    card = f"the model card of {repository.repo}"
    if licence == NO_LICENCE:
        return f"There is no licence in {card}: without one nobody but its author may use it."
    if repository.gated:
        return f"{repository.repo} is gated: its author lets you in who accept {licence!r} there."
    return f"The licence {licence!r} in {card} asks for more than to be named."
