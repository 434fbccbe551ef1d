"""The fused score: the parts, weights and boosts of a query as one inner product."""
