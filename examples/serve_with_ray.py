"""Serve a file of `zoo export` with Ray Serve: a picture in, its classes or objects out.

pip install "ray[serve]" onnxruntime pillow
python examples/serve_with_ray.py resnet50.onnx 8000
curl --data-binary @photo.jpg localhost:8000
"""

import sys
from io import BytesIO
from typing import Any

from PIL import Image
from ray import serve
from starlette.requests import Request

from run_onnx import OnnxModel


@serve.deployment
class Pictures(OnnxModel):
    """Answers with what `OnnxModel` says; `num_replicas` of the decorator is how many there are."""

    async def __call__(self, request: Request) -> list[dict[str, Any]]:  # type: ignore[override]
        """Say what is in the picture that was sent."""
        return super().__call__(Image.open(BytesIO(await request.body())))


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Pictures.bind(sys.argv[1]), blocking=True)  # type: ignore[attr-defined] # the decorator's
