"""The catalog that comes with Outrider can be read by the service."""

from outrider_hub.settings import Settings
from outrider_service.catalog import load_catalog


def test_the_catalog_is_valid_and_serves_jobs_and_notebooks():
    catalog = load_catalog(Settings.catalog)
    assert catalog.default_image(notebook=True).for_notebooks
    assert catalog.default_image(notebook=False).for_jobs
    assert catalog.default_machine().gpu == 0
