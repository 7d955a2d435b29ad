"""The quality tier's encoder: base weights, a Dutch vocabulary, fine-tuning, an ONNX graph."""
