"""The catalog that comes with Outrider can be read by the service."""

from outrider_hub.settings import Settings
from outrider_service.catalog import load_catalog


def test_the_catalog_is_valid_and_serves_jobs_and_notebooks() -> None:
    catalog = load_catalog(Settings.catalog)
    # The first is what people get who choose nothing.
    first = catalog.images()[0]
    assert first.for_notebooks and first.for_jobs
    assert catalog.machines()[0].gpu == 0
