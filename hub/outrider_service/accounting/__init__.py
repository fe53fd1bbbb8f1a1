"""What was used and what it costs: the ledger, reports and budgets."""
