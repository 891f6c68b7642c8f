"""How members are spelled and typed in answers, however they came: clients read names in one case only, and numbers as numbers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# What is in these is the client's own.
FREE = frozenset({"tags", "settings", "protectedsettings", "additionalcapabilities"})

SWITCHES = """
    enableAutomaticOSUpgrade disableAutomaticRollback useRollingUpgradePolicy osRollingUpgradeDeferral automaticOSUpgrade
    disableAutoRollback enableCrossZoneUpgrade prioritizeUnhealthyInstances rollbackFailedInstancesOnPolicyBreach maxSurge
    overprovision doNotRunExtensionsOnOverprovisionedVMs singlePlacementGroup zoneBalance primary enableAcceleratedNetworking
    enableIPForwarding provisionVMAgent enableAutomaticUpdates disablePasswordAuthentication autoUpgradeMinorVersion
    enableAutomaticUpgrade suppressFailures writeAcceleratorEnabled enabled enableFloatingIP enableTcpReset disableOutboundSnat
"""
NUMBERS = """
    capacity maxBatchInstancePercent maxUnhealthyInstancePercent maxUnhealthyUpgradedInstancePercent platformFaultDomainCount lun
    diskSizeGB port intervalInSeconds numberOfProbes probeThreshold frontendPort backendPort frontendPortRangeStart
    frontendPortRangeEnd idleTimeoutInMinutes
"""
OTHERS = """
    id name type location tags sku tier properties zones identity plan etag kind
    upgradePolicy mode automaticOSUpgradePolicy autoOSUpgradePolicy rollingUpgradePolicy pauseTimeBetweenBatches
    automaticRepairsPolicy gracePeriod repairAction scaleInPolicy rules orchestrationMode virtualMachineProfile provisioningState
    uniqueId timeCreated priorityMixPolicy spotRestorePolicy proximityPlacementGroup additionalCapabilities
    storageProfile imageReference publisher offer version exactVersion sharedGalleryImageId communityGalleryImageId osDisk dataDisks
    caching createOption managedDisk storageAccountType diskEncryptionSet encryptionSettings image vhdContainers osType
    osProfile computerNamePrefix adminUsername adminPassword customData windowsConfiguration linuxConfiguration secrets
    sourceVault vaultCertificates certificateUrl certificateStore ssh publicKeys path keyData timeZone patchSettings patchMode
    networkProfile healthProbe networkInterfaceConfigurations ipConfigurations subnet loadBalancerBackendAddressPools
    loadBalancerInboundNatPools applicationGatewayBackendAddressPools publicIPAddressConfiguration privateIPAddressVersion
    networkSecurityGroup dnsSettings dnsServers networkApiVersion
    extensionProfile extensions typeHandlerVersion settings protectedSettings provisionAfterExtensions forceUpdateTag
    diagnosticsProfile bootDiagnostics storageUri securityProfile scheduledEventsProfile licenseType priority evictionPolicy
    billingProfile userData
    frontendIPConfigurations backendAddressPools loadBalancingRules probes inboundNatRules inboundNatPools outboundRules
    publicIPAddress privateIPAddress privateIPAllocationMethod protocol requestPath frontendIPConfiguration backendAddressPool probe
    loadDistribution
"""
SWITCH_NAMES = frozenset(name.lower() for name in SWITCHES.split())
NUMBER_NAMES = frozenset(name.lower() for name in NUMBERS.split())
SPELLING = {name.lower(): name for name in (SWITCHES + NUMBERS + OTHERS).split()}
_WHOLE = re.compile(r"\s*-?[0-9]{1,9}\s*")


def canonical(body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the known names spelled as Azure spells them and known values of the right type; all else as it is."""
    names: dict[str, list[str]] = {}
    for given in body:
        names.setdefault(_known(given), []).append(given)
    chosen = {name: _first(body, name, alike) for name, alike in names.items()}
    return {
        name: body[given] if given.lower() in FREE else _value(given.lower(), body[given])
        for name, given in chosen.items()
    }


def _known(name: str) -> str:
    """As Azure spells it; as it is where Azure has none of that name."""
    return SPELLING.get(name.lower(), name)


def _first(body: Mapping[str, Any], name: str, alike: Iterable[str]) -> str:
    """Of several spellings of a name the one that counts: as `core.members` finds it."""
    return min(alike, key=lambda given: (body[given] is None, given != name, given), default=name)


class Names:
    """Under which names an object's members stand, for finding them in any case."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.alike: dict[str, list[str]] = {}
        for name in body:
            self.add(name)

    def add(self, name: str) -> None:
        self.alike.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> str:
        """The one that counts; the given one where there is none."""
        alike = self.alike.get(name.lower())
        return _first(self.body, _known(name), alike) if alike else name

    def take(self, name: str) -> list[str]:
        """All of that name, which are to go."""
        return self.alike.pop(name.lower(), [])


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return canonical(value)
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if not isinstance(value, str):
        return value
    if name in SWITCH_NAMES and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if name in NUMBER_NAMES and _WHOLE.fullmatch(value) else value
