"""Serve a file of `zoo export` with LitServe: a picture in, its classes or objects out.

pip install litserve python-multipart onnxruntime pillow
python examples/serve_with_litserve.py resnet50.onnx 8000
curl -F picture=@photo.jpg localhost:8000/predict
"""

import sys
from typing import Any

import litserve
from PIL import Image

from run_onnx import OnnxModel


class Pictures(litserve.LitAPI):  # type: ignore[misc] # it is not typed
    """Answers with what `OnnxModel` says."""

    def setup(self, device: str) -> None:
        """Load the file, once in each worker."""
        self.model = OnnxModel(sys.argv[1])

    def predict(self, request: Any) -> list[dict[str, Any]]:
        """Say what is in the picture of a form."""
        return self.model(Image.open(request["picture"].file))


if __name__ == "__main__":
    litserve.LitServer(Pictures(), accelerator="cpu").run(host="127.0.0.1", port=int(sys.argv[2]))
