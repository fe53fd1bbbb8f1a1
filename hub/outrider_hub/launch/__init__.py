"""``python -m outrider_hub``: starts the platform on this machine, prints its address, and stops it again.

Starts JupyterHub, which starts the proxy and the service, and waits for it. Writes to OUTRIDER_HOME; uses HTTP.
"""
