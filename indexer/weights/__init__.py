"""Learning default block weights and boosts from judgments or events."""
