"""The prober, a long-lived process around the probe engine: leases scale sets, counts results, writes changes of health and `probed_at`."""
