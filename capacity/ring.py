"""How evenly a hash ring spreads conversations over replicas."""

from functools import cache
from random import Random

# Of more replicas the shares are spread like those of so many.
_DRAWN = 256


def ring_shares(replicas: int, virtual_nodes: int) -> tuple[float, ...]:
    """The share of all conversations that each replica gets, smallest first.

    A replica has `virtual_nodes` points on the ring, and what comes before each of them. Where they fall is drawn once for
    all: a replica keeps its points when others come. Of many replicas, as many as stand for them.
    """
    drawn = min(replicas, _DRAWN)
    return tuple(share * drawn / replicas for share in _draw_shares(drawn, virtual_nodes))


@cache
def _draw_shares(replicas: int, virtual_nodes: int) -> tuple[float, ...]:
    points = sorted(
        (Random(f"{replica} {node}").random(), replica) for replica in range(replicas) for node in range(virtual_nodes)
    )
    shares = [0.0] * replicas
    before = points[-1][0] - 1
    for at, replica in points:
        shares[replica] += at - before
        before = at
    return tuple(sorted(shares))
