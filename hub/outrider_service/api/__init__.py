"""HTTP handlers, one file a resource. They translate; the domain decides."""
