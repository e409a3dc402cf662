"""What a server, its workers and their machines need to run the flows unattended."""
