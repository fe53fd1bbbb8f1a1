"""Runs JupyterHub with the tests' configuration and Outrider's adjustments of the admin role."""

from pathlib import Path

from jupyterhub.app import main

from outrider_hub.jupyterhub_patches import adjust

adjust()
main(["--config", str(Path(__file__).with_name("hub_config.py"))])
