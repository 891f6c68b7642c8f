"""The state of scale sets for MQTT, with Home Assistant's discovery. It needs the extra `mqtt`. docs/mqtt.md says more."""
