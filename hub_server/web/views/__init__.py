"""View models: what a page shows, frozen, with no way back to the database."""
