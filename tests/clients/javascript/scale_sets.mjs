// A day of a program that is written for Azure: it logs in and looks after one scale set. Says as JSON what it saw.
// The document that it creates comes on standard input; the environment says where and who.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { ComputeManagementClient } from "@azure/arm-compute";
import { ClientSecretCredential } from "@azure/identity";

// The libraries ask for Node 20; with this they run on Node 18 too, which Debian 12 has.
globalThis.crypto ??= webcrypto;

const { ROLLGRID, TENANT, SUBSCRIPTION, CLIENT, SECRET } = process.env;
const [GROUP, NAME] = ["javascript", "web"];
const model = JSON.parse(readFileSync(0, "utf8"));
const credential = new ClientSecretCredential(TENANT, CLIENT, SECRET, {
  authorityHost: ROLLGRID,
  disableInstanceDiscovery: true,
});
const client = new ComputeManagementClient(credential, SUBSCRIPTION, {
  endpoint: ROLLGRID,
  credentials: { scopes: [`${ROLLGRID}/.default`] },
});
const sets = client.virtualMachineScaleSets;
const machines = client.virtualMachineScaleSetVMs;
const upgrades = client.virtualMachineScaleSetRollingUpgrades;
const images = client.virtualMachineImages;
const image = model.virtualMachineProfile.storageProfile.imageReference;
const place = [model.location, image.publisher, image.offer, image.sku];

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function refused(act) {
  try {
    await act();
    return null;
  } catch (error) {
    return { code: error.code, status: error.statusCode };
  }
}

const names = (found) => found.map((one) => one.name);
const power = async (id) => (await machines.getInstanceView(GROUP, NAME, id)).statuses[1].code;

const said = {};
said.publishers = names(await images.listPublishers(place[0]));
said.offers = names(await images.listOffers(...place.slice(0, 2)));
said.skus = names(await images.listSkus(...place.slice(0, 3)));
said.versions = names(await images.list(...place));
said.newest = names(await images.list(...place, { top: 1, orderby: "name desc" }));
said.image = await images.get(...place, said.newest[0]);
said.created = await sets.createOrUpdate(GROUP, NAME, model);
said.got = await sets.get(GROUP, NAME);
said.listed = (await all(sets.list(GROUP))).map((one) => one.name);
said.listedEverywhere = (await all(sets.listAll())).map((one) => one.id);
said.put = await sets.createOrUpdate(GROUP, NAME, { ...said.got, tags: { team: "web" } });
said.updated = await sets.update(GROUP, NAME, {
  upgradePolicy: { automaticOSUpgradePolicy: { enableAutomaticOSUpgrade: true } },
});
said.machines = await all(machines.list(GROUP, NAME));
said.machine = await machines.get(GROUP, NAME, "0", { expand: "instanceView" });
await machines.update(GROUP, NAME, "0", {
  location: said.got.location,
  protectionPolicy: { protectFromScaleSetActions: true, protectFromScaleIn: true },
});
await machines.update(GROUP, NAME, "0", {
  location: said.got.location,
  protectionPolicy: { protectFromScaleSetActions: false, protectFromScaleIn: false },
});
said.unprotected = await machines.get(GROUP, NAME, "0");
said.view = await sets.getInstanceView(GROUP, NAME);
said.history = await all(sets.listOSUpgradeHistory(GROUP, NAME));
said.noneYet = await refused(() => upgrades.getLatest(GROUP, NAME));
said.nothingToCancel = await refused(() => upgrades.cancel(GROUP, NAME));
said.nothingNewer = await refused(() => upgrades.startOSUpgrade(GROUP, NAME));
await sets.updateInstances(GROUP, NAME, { instanceIds: ["0"] });
await sets.reimage(GROUP, NAME, { vmScaleSetReimageInput: { instanceIds: ["0"] } });
await sets.reimageAll(GROUP, NAME, { vmInstanceIDs: { instanceIds: ["0"] } });
await sets.powerOff(GROUP, NAME, { vmInstanceIDs: { instanceIds: ["1"] } });
said.off = await power("1");
await sets.start(GROUP, NAME, { vmInstanceIDs: { instanceIds: ["1"] } });
said.on = await power("1");
await sets.deallocate(GROUP, NAME, { vmInstanceIDs: { instanceIds: ["1"] } });
await machines.start(GROUP, NAME, "1");
await machines.restart(GROUP, NAME, "1");
await sets.deleteInstances(GROUP, NAME, { instanceIds: ["2"] });
said.left = names(await all(machines.list(GROUP, NAME)));
said.capacity = (await sets.get(GROUP, NAME)).sku.capacity;
said.unknown = await refused(() => sets.get(GROUP, "nobody"));
said.notDone = await refused(() => sets.performMaintenance(GROUP, NAME));
await sets.delete(GROUP, NAME);
said.gone = await refused(() => sets.get(GROUP, NAME));
console.log(JSON.stringify(said));
