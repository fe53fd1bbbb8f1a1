"""What a container registry says of an image: whether it exists, for whom, how large, and what is in it."""

from .client import Credentials, RegistryClient
from .facts import Problem
from .reference import BadReference, Reference, parse

__all__ = ["BadReference", "Credentials", "Problem", "Reference", "RegistryClient", "parse"]
