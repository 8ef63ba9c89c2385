"""Options of a run on several hosts, through `jax.distributed`."""

from fhr_jax.errors import InputError

OPTIONS = ("distributed", "coordinator", "hosts", "host")
"""Names of the options that a command passes to `init_distributed`."""


def init_distributed(*, distributed: bool, coordinator: str | None, hosts: int | None, host: int | None) -> None:
    """Connect to the other hosts, if there are any; call it before any computation.

    Args:
        distributed: JAX detects the cluster (Slurm, Open MPI, Kubernetes, TPU pod).
        coordinator: without such a cluster, address HOST:PORT of host 0; needs `hosts` and `host`.
        hosts: number of hosts.
        host: number of this one, from 0.

    Raises:
        InputError: options are missing or wrong, no cluster was detected, or the coordinator did not answer.
    """
    if coordinator is None and hosts is None and host is None:
        if distributed:
            _initialize("no cluster found (Slurm, Open MPI, Kubernetes, TPU pod): give --coordinator HOST:PORT")
        return
    if coordinator is None or hosts is None or host is None:
        raise InputError("--coordinator, --hosts and --host go together")
    if not 0 <= host < hosts:
        raise InputError(f"--host is {host}, expected 0 to {hosts - 1}")
    if ":" not in coordinator:
        raise InputError(f"--coordinator is {coordinator}, expected HOST:PORT")
    _initialize(f"host 0 was not reached at {coordinator}", coordinator, hosts, host)


def is_first_host() -> bool:
    """Whether this process prints and writes for all."""
    import jax

    return jax.process_index() == 0


def _initialize(
    message: str, coordinator: str | None = None, hosts: int | None = None, host: int | None = None
) -> None:
    import jax

    try:
        jax.distributed.initialize(coordinator, hosts, host)
    except (ValueError, RuntimeError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise InputError(f"{message} ({first_line[:120]})") from error
