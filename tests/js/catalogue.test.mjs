// Messages from templates: values of each type, plurals, choices; and a second language, which is a file.

import assert from "node:assert/strict";
import { test } from "node:test";

import { momentAt } from "../../static/js/format.js";
import { format, piecesOf } from "../../static/js/messages.js";

const AT = "2018-09-25T12:00:00.000Z";

/** The catalogue of a page in this language. */
async function pageIn(lang, texts) {
  const element = texts && { textContent: JSON.stringify(texts) };
  const getElementById = (id) => (id === "texts" ? element : null);
  globalThis.document = { documentElement: { lang, dataset: {} }, getElementById };
  try {
    return await import(`../../static/js/catalogue.js?${lang}`);
  } finally {
    delete globalThis.document;
  }
}

test("values are written by their type", () => {
  const says = (template, params) => format(template, params);
  assert.equal(says("by {by}", { by: "ada {x}" }), "by ada {x}");
  assert.equal(says("{n, count} of {all, count}", { n: 3, all: 12345 }), "3 of 12\u202f345");
  assert.equal(says("{share, percent} %", { share: 33.333 }), "33.3 %");
  assert.equal(says("until {until, instant}", { until: AT }), `until ${momentAt(AT)}`);
  assert.equal(says("{ids, instances}", { ids: ["3", "1", "2", "7"] }), "1-3 7");
  assert.equal(says("{all, versions}", { all: ["1", "2"] }), "1, 2");
  assert.equal(says("{nobody}{constructor}", {}), "");
});

test("plurals and choices, one within the other", () => {
  const template =
    "{count, plural, =0 {None} one {# instance is} other {# instances are}} out{until, select, none {} other { until {until, instant}}}.";
  const says = (params) => format(template, params);
  assert.equal(says({ count: 0 }), "None out.");
  assert.equal(says({ count: 1 }), "1 instance is out.");
  assert.equal(says({ count: 2, until: AT }), `2 instances are out until ${momentAt(AT)}.`);
  const flag = "{runs, select, true {It runs} other {It does not run}}";
  assert.deepEqual(
    [true, false, undefined].map((runs) => format(flag, { runs })),
    ["It runs", "It does not run", "It does not run"],
  );
});

test("braces and apostrophes can be written", () => {
  assert.equal(format("It's '{x}' of {n, plural, other {'#'#}}", { n: 2 }), "It's {x} of #2");
  assert.equal(format("''{a}''", { a: 1 }), "'1'");
  assert.throws(() => format("{a, plural, other {x}", {}), /not understood/);
});

test("markup stays markup", () => {
  const markup = { toString: () => "<b>" };
  assert.deepEqual(piecesOf("a {b}", { b: markup }), ["a ", markup]);
});

test("a page in another language says what its catalogue has, and the rest in English", async (c) => {
  const { t, templateOf } = await pageIn("sv", { Paused: "Pausad av {by}." });
  assert.equal(t("Paused", { by: "ada" }), "Pausad av ada.");
  assert.equal(templateOf("Paused", "Paused by {by}."), "Pausad av {by}.");
  assert.equal(templateOf("Another", "As the server says."), "As the server says.");
  assert.equal(t("instance.unseen"), "Not looked at yet.");
  const warn = c.mock.method(console, "warn", () => {});
  assert.deepEqual([t("no.such"), t("no.such")], ["no.such", "no.such"]);
  assert.equal(warn.mock.callCount(), 1);
});

test("a page without texts is in English", async () => {
  const { t } = await pageIn("xx", null);
  assert.equal(t("instance.unseen"), "Not looked at yet.");
});
