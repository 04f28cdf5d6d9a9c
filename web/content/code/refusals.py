"""What inference_service.py does not answer, as the native server refuses it: the same status, problem+json."""
import struct, warnings

import torch
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from PIL import Image, UnidentifiedImageError
from starlette.exceptions import HTTPException

LARGEST_BODY = 20 << 20
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
PILLOW_ERRORS = (*TOO_LARGE, OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error)
warnings.simplefilter("error", Image.DecompressionBombWarning)  # above 89,478,485 pixels, and not at twice as many


def answer_refusals(app):
    @app.exception_handler(RequestValidationError)
    @app.exception_handler(HTTPException)
    async def answer(request, error):
        status, detail = getattr(error, "status_code", 400), getattr(error, "detail", str(error))
        if request.url.path.startswith("/v2"):
            return JSONResponse({"error": detail}, status)
        more = detail if isinstance(detail, dict) else {"detail": detail}
        return JSONResponse({"title": "Not classified", "status": status, **more}, status, media_type="application/problem+json")


async def body_of(request):
    """Counted as it arrives: a chunked body announces no length."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY:
            raise HTTPException(413, f"The body is larger than {LARGEST_BODY} bytes; send a smaller picture.")
    return bytes(data)


def check_request(request, rules, rules_hash):
    if request.headers.get("beralih-contract", rules_hash) != rules_hash:
        raise HTTPException(412, {"detail": "The Beralih-Contract header names another preprocessing than this service's.",
                                  "server_preprocessing_hash": rules_hash, "server_preprocessing": rules})
    if not request.headers.get("content-type", "image/").startswith(("image/", "application/octet-stream")):
        raise HTTPException(415, "The body must be an image: image/jpeg, image/png, ... or application/octet-stream.")


def check_resized(size, shorter_side):
    """A line of pixels becomes enormous when its shorter side grows."""
    if shorter_side ** 2 * max(size) > Image.MAX_IMAGE_PIXELS * min(size):
        raise Image.DecompressionBombError(f"{size[0]} x {size[1]} pixels would be too large when resized")


def refusal(error, data):
    if isinstance(error, TOO_LARGE):
        return HTTPException(413, str(error))
    known = data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM"))
    if isinstance(error, UnidentifiedImageError) and not known:
        return HTTPException(415, "This is not an image that Pillow reads.")
    return HTTPException(422, f"The image is damaged: {error}")


def tensor_of(request, wanted):
    """Only what the contract names: pixels that are taken for normalised floats give a wrong answer, and no error."""
    if not request.keys() <= {"id", "inputs"} or not isinstance(request.get("id", ""), str) or len(request.get("id", "")) > 256:
        raise ValueError("a request has inputs, and may have an id of up to 256 characters")
    (given,) = request["inputs"]
    data, shape = given.pop("data"), given["shape"]
    if given != {"name": wanted["name"], "datatype": wanted["datatype"], "shape": [max(shape[0], 1), *wanted["shape"][1:]]}:
        raise ValueError(f"{given!a:.200} where the contract has {wanted}")
    tensor = torch.tensor(data, dtype=torch.float32)
    if (tensor.dim() > 1 and list(tensor.shape) != shape) or not tensor.isfinite().all():
        raise ValueError("data is nested otherwise than shape says, or holds NaN or infinity")
    return tensor.reshape(shape)
