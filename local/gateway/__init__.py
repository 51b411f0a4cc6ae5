"""API Gateway on a laptop: `python -m local.gateway`."""
