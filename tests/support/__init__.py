"""What several tests share: catalogues, shops, servers, commands, models, and a slow reference engine."""
