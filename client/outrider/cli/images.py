"""``outrider images``: the catalog, and users' own images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .base import client, json_option

if TYPE_CHECKING:
    from ..models import Image, ImageFacts


@click.group()
def images() -> None:
    """List and add images for jobs and notebooks.

    IMAGE is a reference as for `docker pull`: python:3.12, ghcr.io/org/image:tag, …@sha256:…
    """


shared_option = click.option("--shared", is_flag=True, help="For everybody; administrators only.")


@images.command("list")
@json_option
def list_images(as_json: bool) -> None:
    """List the images that you may use."""
    from ..models import as_json as plain

    found = client().images.list()
    if as_json:
        output.document({"items": plain(found)})
        return
    output.table(
        ("image", "title", "for", "whose", "pinned", "registry"),
        (
            (
                image.name,
                image.title if image.title != image.name else "",
                " ".join(word for word, yes in (("jobs", image.for_jobs), ("notebooks", image.for_notebooks)) if yes),
                "yours" if image.owner else "",
                (image.digest or "").removeprefix("sha256:")[:12],
                _registry(image),
            )
            for image in found
        ),
        empty="The catalog is empty.",
    )


def _registry(image: Image) -> str:
    """The last registry check's result, if noteworthy."""
    facts = image.facts
    if facts is None:
        return ""
    if facts.moved_at is not None:
        return f"the tag moved {output.when(facts.moved_at)}"
    return "" if facts.status == "ok" else facts.status.replace("_", " ")


@images.command()
@click.argument("image")
@json_option
def check(image: str, as_json: bool) -> None:
    """Check with an image's registry whether it can be used here."""
    from ..models import as_json as plain

    facts = client().images.check(image)
    if as_json:
        output.document(plain(facts))
    else:
        show(facts)
    if facts.status != "ok":
        click.get_current_context().exit(3 if facts.status == "not_found" else 1)


def show(facts: ImageFacts) -> None:
    """The result of an image's check as a message."""
    from ..snapshots import human_size

    again = f" Try again {output.until(facts.try_again_at)}." if facts.try_again_at else ""
    output.note(facts.message + again, colour="green" if facts.status == "ok" else "red")
    output.pairs(
        (
            ("image", facts.reference),
            ("digest", facts.digest),
            ("for", ", ".join(facts.architectures or [])),
            ("size", human_size(facts.size) + " to download" if facts.size else None),
            ("made", output.when(facts.created_at)),
            ("CUDA", facts.cuda),
            ("user", facts.user),
            ("ports", ", ".join(facts.ports or [])),
        )
    )


@images.command()
@click.argument("image")
@click.option("--title", help="Title to display.")
@click.option("--description", help="What the image is for.")
@click.option("--jobs-only", is_flag=True, help="Not for notebooks.")
@click.option("--notebooks-only", is_flag=True, help="Not for jobs.")
@click.option("--no-check", is_flag=True, help="Do not check the registry; the tag is not pinned.")
@shared_option
@json_option
def add(
    image: str,
    title: str | None,
    description: str | None,
    jobs_only: bool,
    notebooks_only: bool,
    no_check: bool,
    shared: bool,
    as_json: bool,
) -> None:
    """Add an image after checking its registry.

    Pins the tag's current digest. For a private image, store your credentials first: outrider secrets set --registry
    HOST --account NAME
    """
    from ..models import as_json as plain

    if jobs_only and notebooks_only:
        raise click.UsageError("--jobs-only and --notebooks-only are mutually exclusive.")
    added = client().images.add(
        image,
        shared=shared,
        check=not no_check,
        title=title,
        description=description,
        for_jobs=not notebooks_only,
        for_notebooks=not jobs_only,
    )
    if as_json:
        output.document(plain(added))
    else:
        output.note(f"Added {added.name}.", colour="green")
        if added.facts is not None:
            show(added.facts)


@images.command()
@click.argument("image")
@shared_option
@json_option
def pin(image: str, shared: bool, as_json: bool) -> None:
    """Pin an image to its tag's current digest."""
    from ..models import as_json as plain

    pinned = client().images.pin(image, shared=shared)
    if as_json:
        output.document(plain(pinned))
    else:
        output.note(f"Pinned {pinned.name} to {pinned.digest}.")


@images.command()
@click.argument("image")
@shared_option
@json_option
def remove(image: str, shared: bool, as_json: bool) -> None:
    """Remove one of your images from the list. Running jobs and notebooks are not affected."""
    client().images.remove(image, shared=shared)
    if as_json:
        output.document({"image": image, "removed": True})
    else:
        output.note(f"Removed {image}.")
