"""Publishing from files and pipes: inputs decoded into submissions, sent, and acknowledgements kept in a ledger."""
