"""JupyterHub's configuration for Outrider on one machine.

Put your own configuration into $OUTRIDER_HOME/jupyterhub_config.d/*.py (with the same ``c``): it is read last
and survives updates. docs/admin/ has examples.
"""

import outrider_hub

c = get_config()  # noqa: F821

outrider_hub.configure(c)
outrider_hub.include(c)
