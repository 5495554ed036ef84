"""Serve a file of `zoo export` by the Open Inference Protocol (version 2), with KServe's model server.

pip install kserve onnxruntime; python examples/serve_with_kserve.py resnet50.onnx --model_name resnet50
"""

import json
import sys
from typing import Any
from uuid import uuid4

import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server

TYPES = {"uint8": "UINT8", "int64": "INT64", "float32": "FP32"}


class Served(Model):  # type: ignore[misc] # it is not typed
    """Takes and gives the tensors that the file names."""

    def load(self) -> bool:
        """Load the file."""
        self.session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
        facts = json.loads(self.session.get_modelmeta().custom_metadata_map["zoo"])
        inputs, outputs = (list(map(described, facts[name])) for name in ("inputs", "outputs"))
        self.get_input_types, self.get_output_types = (lambda: inputs), (lambda: outputs)
        return super().load()

    def predict(self, request: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Run the file."""
        arrays = self.session.run(None, {each.name: each.as_numpy() for each in request.inputs})
        outputs = [
            InferOutput(fact["name"], list(array.shape), fact["datatype"], array)
            for fact, array in zip(self.get_output_types(), arrays, strict=True)
        ]
        binary = request.use_binary_outputs and not request.from_grpc  # where arrays are sent as bytes anyway
        wanted = {"use_binary_outputs": binary, "requested_outputs": request.request_outputs}
        return InferResponse(request.id or str(uuid4()), self.name, outputs, **wanted)


def described(fact: dict[str, Any]) -> dict[str, Any]:
    """Return what the protocol says of an input or output."""
    shape = [axis if isinstance(axis, int) else -1 for axis in fact["axes"]]
    return {"name": fact["name"], "datatype": TYPES[fact["dtype"]], "shape": shape}


if __name__ == "__main__":
    served = Served(model_server.args.model_name)
    served.load()
    ModelServer().start([served])
