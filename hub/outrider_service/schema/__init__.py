"""What goes over HTTP, as pydantic models: the edge where input is checked and refused by the field's name.

Nothing here touches the database or a platform.
"""
