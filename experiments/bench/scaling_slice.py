"""What a slice of many chips would need, computed from measured figures and from assumptions that are named.

No slice was measured. Assumed are the share of the peak that an update reaches, the network between the chips, and that
nothing overlaps with computing.
"""

from typing import Any, NamedTuple

from fhr_jax.data.crops import MARGIN


class Slice(NamedTuple):
    """Assumptions.

    Attributes:
        chips: that share each batch.
        chips_a_host: whose images one host reads.
        crops_a_chip: a batch over the number of chips.
        peak: floating-point operations a second of large bfloat16 products; docs/results/accelerator_h100.json.
        share: of the peak that an update reaches; assumed.
        link: bytes a second that each chip sends; assumed: 400 Gbit/s.
        latency: seconds of a small all-reduce among all chips; assumed.
        host_ms: milliseconds of one core to read, decode and crop a photograph of 640 x 480; `bench/loader.py`.
        update: operations of an update over those of the forward pass; measured with the preset small.
    """

    chips: int = 256
    chips_a_host: int = 8
    crops_a_chip: int = 32
    peak: float = 669e12
    share: float = 0.3
    link: float = 50e9
    latency: float = 30e-6
    host_ms: float = 2.9
    update: float = 3.0


def needs(sizes: dict[str, Any], assumed: Slice) -> dict[str, float]:
    """What one preset needs.

    Args:
        sizes: of the preset, from `scaling_sizes.sizes`.
        assumed: the slice.

    Returns:
        `compute_ms`, `gradients_ms` and `statistics_ms` of an update; `efficiency` if nothing overlaps;
        `images_a_second` of all chips; `host_cores` and `host_bytes_a_second` of each host; `all_reduce_bytes` that
        each chip sends an update; `flops_a_byte`: operations of a chip for each of these bytes.
    """
    flops = assumed.update * sizes["forward_flops"] * assumed.crops_a_chip
    compute = flops / (assumed.share * assumed.peak)
    # A ring sends every byte twice, but for one part in `chips`.
    sent = 2 * (assumed.chips - 1) / assumed.chips * sizes["gradient_bytes"]
    gradients = sent / assumed.link
    # Each normalization sums its statistics over all chips, forward and backward, and each waits for the one before.
    statistics = 2 * sizes["normalizations"] * assumed.latency
    update = compute + gradients + statistics
    images = assumed.chips * assumed.crops_a_chip / update
    a_host = images / assumed.chips * assumed.chips_a_host
    stored = 3 * round(MARGIN * sizes["crop"]) ** 2
    return {
        "compute_ms": 1e3 * compute,
        "gradients_ms": 1e3 * gradients,
        "statistics_ms": 1e3 * statistics,
        "efficiency": compute / update,
        "images_a_second": images,
        "host_cores": a_host * assumed.host_ms / 1e3,
        "host_bytes_a_second": a_host * stored,
        "all_reduce_bytes": sent,
        "flops_a_byte": flops / sent,
    }
