"""The probe engine: HTTP, HTTPS and TCP health probes, thousands at once. It returns results and writes nothing."""
