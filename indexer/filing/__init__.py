"""Which items are filed in the wrong category? What pictures and texts say of it, against what the catalogue says."""
