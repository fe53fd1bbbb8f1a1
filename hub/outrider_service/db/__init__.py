"""The database: tables, migrations, and the engine with its single writer."""

from .engine import AWAY, Database, DatabaseBusy

__all__ = ["AWAY", "Database", "DatabaseBusy"]
