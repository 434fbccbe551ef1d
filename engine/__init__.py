"""diptych's engine: the code that indexing and serving share, and the server."""

import os

# OpenMP reads this once, when the first library that uses it is loaded. By default its threads spin while they wait,
# which on a machine with other work made the training of an index 15 times slower; sleeping costs nothing measurable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
