"""A convolutional network run by OpenVINO on the CPU: the same function in two thirds of torch's time.

The graph is built in memory, operation by operation, from torch's symbolic trace and the network's own weights.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

TELEMETRY = "openvino_telemetry"  # reports each import of OpenVINO to its maker unless it is told not to


def import_openvino() -> Any:
    """OpenVINO, told nothing to anyone.

    Raises:
        ImportError: it is not installed.
    """
    if "openvino" in sys.modules or TELEMETRY in sys.modules:
        return import_module("openvino")
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType] (importing it fails, and OpenVINO does without)
    try:
        return import_module("openvino")
    finally:
        del sys.modules[TELEMETRY]


def version() -> str | None:
    """Of the installed OpenVINO; None if there is none. Imports nothing."""
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return None


class OpenVinoNetwork:
    """A torch network, compiled when the first batch comes, for batches of its shape.

    Args:
        network: symbolically traceable, made of convolutions, ReLUs, pools and concatenations; returns a dict.
        precision: "strict" (every operation in float32) or "bf16".
    """

    def __init__(self, network: nn.Module, precision: str = "strict") -> None:
        self.network = network
        self.settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "EXECUTION_MODE_HINT": "PERFORMANCE" if precision == "bf16" else "ACCURACY",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self.shape: tuple[int, ...] = ()

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """float32 (n, c, h, w), contiguous -> name -> that output."""
        if self.shape != x.shape:
            self.compile(tuple(x.shape))
        results = self.compiled(x.numpy(), share_inputs=True)
        return {port.get_any_name(): torch.from_numpy(values) for port, values in results.items()}

    def compile(self, shape: tuple[int, ...]) -> None:
        openvino = import_openvino()
        graph = Builder(self.network, openvino.opset1).model(shape, openvino)
        settings = {**self.settings, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self.compiled = openvino.Core().compile_model(graph, "CPU", settings)
        self.shape = shape


class Builder:
    """An OpenVINO graph from a torch network, node by node."""

    def __init__(self, network: nn.Module, ops: Any) -> None:
        self.traced = fx.symbolic_trace(network)
        self.ops = ops
        self.functions: dict[Any, Callable[..., Any]] = {
            F.relu: lambda x, inplace: ops.relu(x),
            F.max_pool2d: self.max_pool,
            F.avg_pool2d: self.average_pool,
            torch.cat: lambda parts, axis: ops.concat(list(parts), axis),
        }

    def model(self, shape: tuple[int, ...], openvino: Any) -> Any:
        """The graph for inputs of `shape`; its results bear the names of the network's dict."""
        built: dict[str, Any] = {}
        results, source = [], self.ops.parameter(list(shape), np.float32, name="images")

        def value(argument: Any) -> Any:
            return fx.map_arg(argument, lambda node: built[node.name])

        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                built[node.name] = source
            elif node.op == "call_module":
                built[node.name] = self.layer(self.traced.get_submodule(node.target), *value(node.args))
            elif node.op == "call_function":
                built[node.name] = self.functions[node.target](*value(node.args), **node.kwargs)
            elif node.op == "output":
                for name, output in value(node.args[0]).items():
                    output.output(0).get_tensor().set_names({name})
                    results.append(self.ops.result(output))
        return openvino.Model(results, [source], "network")

    def layer(self, layer: nn.Module, x: Any) -> Any:
        if isinstance(layer, nn.Identity):
            return x
        assert isinstance(layer, nn.Conv2d)
        assert isinstance(layer.padding, tuple)
        pads = list(layer.padding)
        y = self.ops.convolution(x, self.constant(layer.weight), list(layer.stride), pads, pads, list(layer.dilation))
        return y if layer.bias is None else self.ops.add(y, self.constant(layer.bias[:, None, None]))

    def constant(self, x: Tensor) -> Any:
        return self.ops.constant(x.detach().contiguous().numpy())

    def max_pool(self, x: Any, kernel: int, stride: int = 1, padding: int = 0, **_: Any) -> Any:
        window = ([stride] * 2, [padding] * 2, [padding] * 2, [kernel] * 2)
        return self.ops.max_pool(x, *window)

    def average_pool(self, x: Any, kernel: int, stride: int, padding: int, count_include_pad: bool) -> Any:
        window = ([stride] * 2, [padding] * 2, [padding] * 2, [kernel] * 2)
        return self.ops.avg_pool(x, *window, exclude_pad=not count_include_pad)
