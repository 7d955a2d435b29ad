"""From the trained network to an int8 ONNX graph that onnxruntime runs, with no torch.

The graph is built by hand from onnxruntime's fused operators (Attention, SkipLayerNormalization,
BiasGelu) and takes one message: without padding there is nothing to mask, and with one message a
run the scales of dynamic quantisation, so the scores too, cannot depend on a neighbour.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxnlp.errors import MissingExtraError
from cxnlp.features.encoder import WINDOW

_MS = "com.microsoft"


class _Graph:
    """Nodes and weights under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(
        self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any
    ) -> str:
        from onnx import helper

        self.nodes.append(
            helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output


def build(
    weights: dict[str, NDArray[Any]], *, layers: int, heads: int, eps: float, first_position: int
) -> Any:
    """The ONNX model of an encoder: ``ids`` (length,) to ``shares`` (K, length) and ``bias`` (K,).

    A label's logit is the sum of its shares and its bias: attention weighs what each token's
    last state says, so what a token adds can be told exactly.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtraError("onnx", "encoder", "Writing the encoder") from error

    g = _Graph()
    w = {name: values.astype(np.float32) for name, values in weights.items()}
    # A window is all that is read at once, so no later place is ever looked up.
    positions = w["position.weight"][: first_position + WINDOW]
    hidden = w["norm.weight"].shape[0]
    labels = w["bias"].shape[0]
    g.weight("zero", np.array([0], np.int64))
    g.weight("first", np.array([first_position], np.int64))
    g.add("Shape", ["ids"], "length")
    g.add("Add", ["length", "first"], "last")
    words = g.add("Gather", [g.weight("word", w["word.weight"]), "ids"], "words")
    places = g.add("Slice", [g.weight("position", positions), "first", "last", "zero"], "places")
    g.add("Add", [words, places], "embedded")
    g.add("Unsqueeze", ["embedded", "zero"], "row")
    x = g.add(
        "LayerNormalization",
        ["row", g.weight("norm.w", w["norm.weight"]), g.weight("norm.b", w["norm.bias"])],
        "x",
        axis=-1,
        epsilon=eps,
    )
    for i in range(layers):
        x = _layer(g, w, i, x, heads=heads, eps=eps)
    g.add("Squeeze", [x, "zero"], "states")
    g.add("Transpose", ["states"], "turned", perm=[1, 0])
    g.add("MatMul", [g.weight("query", w["query"] * np.float32(hidden**-0.5)), "turned"], "looks")
    g.add("Softmax", ["looks"], "attention", axis=-1)
    g.add("MatMul", [g.weight("weight", w["weight"]), "turned"], "says")
    g.add("Mul", ["attention", "says"], "shares")
    g.add("Identity", [g.weight("offset", w["bias"])], "bias")
    graph = helper.make_graph(
        g.nodes,
        "encoder",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["length"])],
        [
            helper.make_tensor_value_info("shares", TensorProto.FLOAT, [labels, "length"]),
            helper.make_tensor_value_info("bias", TensorProto.FLOAT, [labels]),
        ],
        g.weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(_MS, 1)]
    )
    model.ir_version = 9
    return model


def _layer(g: _Graph, w: dict[str, NDArray[Any]], i: int, x: str, *, heads: int, eps: float) -> str:
    def of(part: str) -> NDArray[Any]:
        return w[f"layers.{i}.{part}"]

    def name(part: str) -> str:
        return f"l{i}.{part}"

    packed = np.concatenate([of(f"{p}.weight").T for p in "qkv"], axis=1)
    bias = np.concatenate([of(f"{p}.bias") for p in "qkv"])
    a = g.add(
        "Attention",
        [x, g.weight(name("qkv.w"), packed), g.weight(name("qkv.b"), bias)],
        name("heads"),
        domain=_MS,
        num_heads=heads,
    )
    a = g.add("MatMul", [a, g.weight(name("ao.w"), of("ao.weight").T)], name("ao"))
    norm = [g.weight(name("aln.w"), of("aln.weight")), g.weight(name("aln.b"), of("aln.bias"))]
    x = g.add(
        "SkipLayerNormalization",
        [a, x, *norm, g.weight(name("ao.b"), of("ao.bias"))],
        name("mid"),
        domain=_MS,
        epsilon=eps,
    )
    y = g.add("MatMul", [x, g.weight(name("fi.w"), of("fi.weight").T)], name("fi"))
    y = g.add("BiasGelu", [y, g.weight(name("fi.b"), of("fi.bias"))], name("gelu"), domain=_MS)
    y = g.add("MatMul", [y, g.weight(name("fo.w"), of("fo.weight").T)], name("fo"))
    norm = [g.weight(name("oln.w"), of("oln.weight")), g.weight(name("oln.b"), of("oln.bias"))]
    return g.add(
        "SkipLayerNormalization",
        [y, x, *norm, g.weight(name("fo.b"), of("fo.bias"))],
        name("out"),
        domain=_MS,
        epsilon=eps,
    )


def quantise(model: Any) -> bytes:
    """The same model with int8 weights, a scale per channel; activations are scaled as they come.

    Seven of the eight bits are used, because processors without VNNI saturate on all eight.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, whole)
        quantize_dynamic(
            whole,
            small,
            op_types_to_quantize=["MatMul", "Attention", "Gather"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            # Shapes are not inferred through the fused operators; every tensor there is float.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return small.read_bytes()
