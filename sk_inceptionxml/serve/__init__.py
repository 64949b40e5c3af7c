"""An HTTP service for saved models, with a page to try them."""

try:
    import fastapi  # noqa: F401
    import fastapi_offline  # noqa: F401
    import prometheus_client  # noqa: F401
    import python_multipart  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"The HTTP service needs the package {error.name!r}: pip install 'sk-inceptionxml[serve]'."
    ) from error

from .app import create_app
from .server import run
from .settings import Settings

__all__ = ["Settings", "create_app", "run"]
