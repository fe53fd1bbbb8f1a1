"""The Outrider service: jobs, logs, metrics, artifacts, endpoints and usage behind JupyterHub."""

from outrider.version import VERSION as __version__

__all__ = ["__version__"]
