"""`python -m fhr_jax.cli`."""

import sys

from fhr_jax.cli import main

sys.exit(main())
