"""Platforms: one package each, behind the protocol of ``base``."""
