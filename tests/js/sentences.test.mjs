import assert from "node:assert/strict";
import { test } from "node:test";

import { momentAt, zoneName } from "../../static/js/format.js";
import { inViewersZone, inZone, textOf } from "../../static/js/sentences.js";

const AT = "2018-12-12T17:00:00.000Z";
const stopped = {
  text: "Stopped by ada until 2018-12-12 17:00:00 UTC: see {{x}}",
  template: "Stopped by ada until {until}: see {{{{x}}}}",
  params: { until: { type: "instant", value: AT }, owner: { type: "text", value: "ada" } },
};

test("times are said in the viewer's zone, what people wrote stays as it is", () => {
  assert.equal(textOf(stopped), `Stopped by ada until ${momentAt(AT)}: see {{x}}`);
  assert.doesNotMatch(textOf(stopped), /UTC/);
});

test("what the server wrote without a template has its times in the viewer's zone too, which it names", () => {
  const said = `until ${momentAt(AT)} ${zoneName(AT)}: no migration before ${momentAt(AT)} ${zoneName(AT)}`;
  assert.equal(
    inZone("until 2018-12-12 17:00:00 UTC: no migration before 2018-12-12 17:00:00 UTC"),
    said,
  );
  assert.equal(inZone("16.04.2018 at 17:00"), "16.04.2018 at 17:00");
});

test("a sentence without a template is as the server wrote it", () => {
  assert.equal(textOf({ text: "Nothing to do." }), "Nothing to do.");
  assert.equal(
    textOf({ text: "a", template: "{constructor} {nobody}", params: {} }),
    "{constructor} {nobody}",
  );
});

test("all sentences of a message are told so: the decision's, its reasons', in few words too, and what stopped the upgrade", () => {
  const reason = { ...stopped, code: "FleetStopped", brief: stopped };
  const body = {
    scale_set: { name: "web", decision: { ...stopped, reasons: [reason] } },
    upgrade: { breach: stopped },
  };
  const {
    scale_set: { name, decision },
    upgrade,
  } = inViewersZone(body);
  const says = textOf(stopped);
  assert.deepEqual(
    [
      name,
      decision.text,
      decision.reasons[0].text,
      decision.reasons[0].brief.text,
      upgrade.breach.text,
    ],
    ["web", says, says, says, says],
  );
  assert.equal(decision.reasons[0].code, "FleetStopped");
});

test("what says nothing stays as it is", () => {
  const delta = {
    type: "delta",
    instances: [],
    upgrade: { breach: null },
    scale_set: { decision: {} },
  };
  assert.deepEqual(inViewersZone(delta), delta);
});
