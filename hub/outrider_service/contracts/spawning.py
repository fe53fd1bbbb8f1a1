"""What the Hub's spawner asks the service, and what it is told."""

from ..catalog.model import ImageName
from ..schema.catalog import HeldNotebook, HeldNotebookList, Image, ImageFacts, ImageQuestion, Machine, Offer, Person
from ..schema.resources import NotebookStart, PodParts, Repository, SpawnRequest, SpawnSpec, SpawnWait
from ..schema.words import in_words
from ..storage.directories import slug

__all__ = [
    "HeldNotebook",
    "HeldNotebookList",
    "Image",
    "ImageFacts",
    "ImageName",
    "ImageQuestion",
    "Machine",
    "NotebookStart",
    "Offer",
    "Person",
    "PodParts",
    "Repository",
    "SpawnRequest",
    "SpawnSpec",
    "SpawnWait",
    "in_words",
    "slug",
]
