"""HTTP handlers, one file per resource. They translate; the domain decides."""
