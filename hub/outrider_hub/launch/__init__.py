"""``python -m outrider_hub``: brings the platform up on this machine, says where it is, and takes it down.

Starts JupyterHub (which starts the proxy and the service) and holds it; touches OUTRIDER_HOME and HTTP.
"""
