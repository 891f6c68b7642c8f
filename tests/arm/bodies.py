"""Bodies that several stories send."""

import json
from pathlib import Path

VECTORS = Path(__file__).parent.parent / "vectors"
PATCH_OF_THE_DOCUMENT = json.loads((VECTORS / "document-2018_PATCH_enable_request.json").read_text())
UPGRADE = "properties.upgradePolicy"
PROFILE = "properties.virtualMachineProfile"
SECRETS = {"adminPassword": "hunter2-secret", "customData": "aHVudGVyMg=="}
OFF = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}}}
