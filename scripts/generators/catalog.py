"""The compiled catalog, and the page that shows it."""

from __future__ import annotations

from freellm_cli.providers.catalog_compiler import compile_catalog
from freellm_cli.providers.catalog_docs import providers_page_markdown
from freellm_cli.providers.catalog_file import CatalogFile
from freellm_cli.providers.registry import Catalog


def compiled() -> str:
    return compile_catalog()


def providers_page() -> str:
    return providers_page_markdown(Catalog(CatalogFile(compile_catalog())))
