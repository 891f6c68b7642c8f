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

const said = {};
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
said.unknown = await refused(() => sets.get(GROUP, "nobody"));
said.notDone = await refused(() => sets.performMaintenance(GROUP, NAME));
await sets.delete(GROUP, NAME);
said.gone = await refused(() => sets.get(GROUP, NAME));
console.log(JSON.stringify(said));
