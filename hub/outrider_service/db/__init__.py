"""The database: tables, migrations, and the engine with its single writer."""

from .engine import Database, DatabaseBusy

__all__ = ["Database", "DatabaseBusy"]
