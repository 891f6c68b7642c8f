"""The long-lived process around the probe engine: leases scale sets, counts verdicts, writes changes of health and `probed_at`."""
