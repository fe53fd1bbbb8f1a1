"""A Kubernetes of our own on this machine, for the tests: built from Go modules, booted as root, removed again."""
