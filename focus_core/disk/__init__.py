"""Files of which others must never see a part, and folders that only one process may write to."""
