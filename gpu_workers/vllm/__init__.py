"""A replica of a pool: vLLM, and the entrypoint that starts it, says when it is ready, and drains it."""
