"""Keeps a vllm-router in step with its pool, and tells Valkey how the pool is (gpu_workers/PROTOCOL.md)."""
