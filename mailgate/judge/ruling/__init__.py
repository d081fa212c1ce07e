"""What an admin's `[[rule]]` tables say of a mail: read them in `reading`, ask them in `asking`, obey in `acting`."""
