"""What jobs print: log lines, metric points and the journal that keeps both."""
