"""The fused score: a query's parts, blocks, weights and boosts as one inner product."""
