"""Machine types, images and limits: what may be requested, by whom, at what price."""

from .configured import ConfiguredCatalog, load_catalog
from .listing import EVERYBODY, Listing
from .model import Catalog, Contents, ImageEntry, KubernetesPlacement, LimitSet, MachineType

__all__ = [
    "EVERYBODY",
    "Catalog",
    "ConfiguredCatalog",
    "Contents",
    "ImageEntry",
    "KubernetesPlacement",
    "LimitSet",
    "Listing",
    "MachineType",
    "load_catalog",
]
