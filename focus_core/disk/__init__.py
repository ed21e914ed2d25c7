"""Files of which other processes must never see a part, and folders that only one process may write to."""
