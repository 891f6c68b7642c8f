"""The probe engine: HTTP and TCP health probes, thousands at once. It returns results and writes nothing."""
