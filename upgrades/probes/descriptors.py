"""How many connections this process can have open at once."""

import resource

RESERVE = 128  # descriptors for everything else in the process: database, broker, logs, the interpreter's own files
MAX_USEFUL = 16_384  # one sweep over the open probes must stay cheap


def max_in_flight() -> int:
    """How many probes may be in flight at once under the descriptor limit as it is now; at least 1."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_USEFUL
    return max(1, min(soft - RESERVE, MAX_USEFUL))


def raise_limit() -> None:
    """Raises the soft descriptor limit as far as is useful and allowed. For a process that is a prober and nothing else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_USEFUL + RESERVE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
