"""Alembic's environment: the URL comes from ``outrider_service.db.engine.migrate``."""

from alembic import context
from sqlalchemy import create_engine, pool

from outrider_service.db.tables import metadata

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
