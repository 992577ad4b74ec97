"""The external database: a real PostgreSQL outside of "AWS", behind a front that can be far away."""
