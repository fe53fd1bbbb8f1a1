"""The Outrider service: jobs, logs, metrics, artifacts, endpoints and usage behind JupyterHub."""

__version__ = "0.1.0"
