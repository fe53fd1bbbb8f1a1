"""How fast Outrider is, measured beside the limit of the machine or beside what people would use instead.

One module a subject, each with ``run(bench)``; ``python -m benchmarks [NAME…]`` runs them and prints one table.
They start the real Hub, service and sandboxes in a temporary directory and touch nothing else.
"""
