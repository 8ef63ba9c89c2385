"""Several processes as one: JAX's own, with its detection of clusters."""

from fhr_jax.errors import InputError

OPTIONS = ("distributed", "coordinator", "processes", "process")


def init_distributed(*, distributed: bool, coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Find the other processes, if there are any; before anything is computed.

    Args:
        distributed: there are some, and JAX can detect them.
        coordinator: where it cannot: address of process 0, with the two that follow.
        processes: how many there are.
        process: number of this one.

    Raises:
        InputError: options are missing, or there is no cluster that could be detected.
    """
    if coordinator is None and processes is None and process is None:
        if distributed:
            _initialize("no cluster found (Slurm, Open MPI, Kubernetes, TPU pod): say --coordinator HOST:PORT")
        return
    if coordinator is None or processes is None or process is None:
        raise InputError("--coordinator, --processes and --process go together")
    if not 0 <= process < processes:
        raise InputError(f"--process is {process}, expected 0 to {processes - 1}")
    if ":" not in coordinator:
        raise InputError(f"--coordinator is {coordinator}, expected HOST:PORT")
    _initialize(f"process 0 was not reached at {coordinator}", coordinator, processes, process)


def first() -> bool:
    """Whether this process is the one that prints and writes."""
    import jax

    return jax.process_index() == 0


def _initialize(
    trouble: str, coordinator: str | None = None, processes: int | None = None, process: int | None = None
) -> None:
    import jax

    try:
        jax.distributed.initialize(coordinator, processes, process)
    except (ValueError, RuntimeError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise InputError(f"{trouble} ({first_line[:120]})") from error
