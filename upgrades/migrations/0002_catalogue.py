"""What the product ships with: Azure's regions, run by the simulator, and the eight supported SKUs of the document (S-20)."""

from datetime import UTC, datetime

from django.db import migrations

LOCATIONS = {
    "australiacentral": "Australia Central",
    "australiaeast": "Australia East",
    "australiasoutheast": "Australia Southeast",
    "austriaeast": "Austria East",
    "belgiumcentral": "Belgium Central",
    "brazilsouth": "Brazil South",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "centralindia": "Central India",
    "centralus": "Central US",
    "chilecentral": "Chile Central",
    "eastasia": "East Asia",
    "eastus": "East US",
    "eastus2": "East US 2",
    "francecentral": "France Central",
    "francesouth": "France South",
    "germanynorth": "Germany North",
    "germanywestcentral": "Germany West Central",
    "indonesiacentral": "Indonesia Central",
    "israelcentral": "Israel Central",
    "italynorth": "Italy North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "koreasouth": "Korea South",
    "malaysiawest": "Malaysia West",
    "mexicocentral": "Mexico Central",
    "newzealandnorth": "New Zealand North",
    "northcentralus": "North Central US",
    "northeurope": "North Europe",
    "norwayeast": "Norway East",
    "norwaywest": "Norway West",
    "polandcentral": "Poland Central",
    "qatarcentral": "Qatar Central",
    "southafricanorth": "South Africa North",
    "southafricawest": "South Africa West",
    "southcentralus": "South Central US",
    "southeastasia": "Southeast Asia",
    "southindia": "South India",
    "spaincentral": "Spain Central",
    "swedencentral": "Sweden Central",
    "swedensouth": "Sweden South",
    "switzerlandnorth": "Switzerland North",
    "switzerlandwest": "Switzerland West",
    "uaecentral": "UAE Central",
    "uaenorth": "UAE North",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "westcentralus": "West Central US",
    "westeurope": "West Europe",
    "westindia": "West India",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
}
COMING = "Support is being rolled out to all regions."
SKUS = [
    ("Canonical", "UbuntuServer", "16.04-LTS", "Linux", ""),
    ("Canonical", "UbuntuServer", "18.04-LTS", "Linux", COMING),
    ("OpenLogic", "CentOS", "7.5", "Linux", COMING),
    ("CoreOS", "CoreOS", "Stable", "Linux", ""),
    ("MicrosoftWindowsServer", "WindowsServer", "2012-R2-Datacenter", "Windows", ""),
    ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "Windows", ""),
    ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter-Smalldisk", "Windows", ""),
    ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter-with-Containers", "Windows", ""),
]
# A first version of each, older than any real one, so that a scale set can be created before anything is published.
FIRST_VERSION = "0.0.1"


def fill(apps, schema_editor):
    Location = apps.get_model("upgrades", "Location")
    ImageSku = apps.get_model("upgrades", "ImageSku")
    ImageVersion = apps.get_model("upgrades", "ImageVersion")
    for name, display_name in LOCATIONS.items():
        Location.objects.create(name=name, display_name=display_name, provider="simulated")
    for publisher, offer, sku, os_type, note in SKUS:
        row = ImageSku.objects.create(
            key=f"{publisher}:{offer}:{sku}".lower(), publisher=publisher, offer=offer, sku=sku, os_type=os_type, note=note
        )
        ImageVersion.objects.create(sku=row, version=FIRST_VERSION, published_at=datetime(2018, 9, 25, tzinfo=UTC))


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
