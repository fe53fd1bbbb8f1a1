"""What a container registry says about an image: whether it exists, who may pull it, its size and contents."""

from .client import Credentials, RegistryClient
from .facts import ImageProblem
from .reference import BadReference, Reference, parse

__all__ = ["BadReference", "Credentials", "ImageProblem", "Reference", "RegistryClient", "parse"]
