"""HTML pages that need no server and no other file: results of a query, and the report of a build."""
