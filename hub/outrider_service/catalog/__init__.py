"""Machine types and images: what may be asked for, by whom, at what price."""

from .configured import ConfiguredCatalog, load_catalog
from .model import Catalog, ImageEntry, LimitSet, MachineType

__all__ = ["Catalog", "ConfiguredCatalog", "ImageEntry", "LimitSet", "MachineType", "load_catalog"]
