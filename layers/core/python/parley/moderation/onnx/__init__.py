"""The classifier in ONNX Runtime. Only here are numpy, onnxruntime and tokenizers imported; only `parley.wiring` imports this."""
