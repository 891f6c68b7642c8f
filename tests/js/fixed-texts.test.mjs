// Texts are in the catalogue: every key that a script asks for is there, none is left over, and no script writes words of its own.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { JSDOM } from "jsdom";
import ts from "typescript";

import { TEXTS } from "../../static/js/texts.js";

const SCRIPTS = new URL("../../static/js/", import.meta.url);
const ENGINE = new URL("../../upgrades/core/catalogue/en.json", import.meta.url);
const FILES = readdirSync(SCRIPTS).filter((name) => name.endsWith(".js"));
const isCatalogue = (file) => /^texts\b/.test(file);
for (const file of FILES.filter(isCatalogue)) await import(new URL(file, SCRIPTS));
const sourceOf = (file) => readFileSync(new URL(file, SCRIPTS), "utf8");

/** Functions whose arguments nobody reads: keys, selectors, names of attributes and events, and what is said to developers. */
const UNREAD = new Set(
  (
    "t tPieces templateOf $ $$ find field matches closest querySelector querySelectorAll contains add remove toggle has get set " +
    "addEventListener removeEventListener setAttribute getAttribute removeAttribute toggleAttribute setProperty getPropertyValue " +
    "createElement dispatchEvent write glyph glyphAddress warn error Error Event CustomEvent matchMedia under append delete"
  ).split(" "),
);
/** Names of keys and of classes. */
const NAMES = new Set(
  (
    "ArrowLeft ArrowRight ArrowUp ArrowDown Home End PageUp PageDown Enter Escape Shift Ctrl Esc Space " +
    "PgUp PgDn GROUP NAME POST Completed"
  ).split(" "),
);
["dialog form .button.main", "toast notice"].forEach((name) => NAMES.add(name));
const READ_ATTRIBUTES = ["aria-label", "title", "placeholder", "aria-valuetext", "alt"];
/** Of a piece of markup that is an attribute, or part of a tag. */
const ATTRIBUTE = /[\w-]+="[^"]*"/g;
const CODES = new Set(["code", "key", "act", "path", "right", "fill", "glyph", "name", "class"]);
const WORD = /[A-Za-z]{2,}/;
/** A sentence, a word with a capital letter, or several words. */
const TEXT = /^[A-Z][a-z]+|[A-Za-z]{2,}[,;:]? [a-z]{2,}|\w[.!?…]$/;

/** What a script writes that a person could read. */
function textsOf(source) {
  const found = [];
  const file = ts.createSourceFile("script.js", source, ts.ScriptTarget.Latest, true);
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isTaggedTemplateExpression(node)) found.push(...inMarkup(partsOf(node.template)));
    else if (ts.isTemplateExpression(node) && !isUnread(node)) found.push(...inText(partsOf(node)));
    else if (ts.isStringLiteralLike(node) && !isUnread(node)) found.push(...inText([node.text]));
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}

const partsOf = (template) =>
  ts.isNoSubstitutionTemplateLiteral(template)
    ? [template.text]
    : [template.head.text, ...template.templateSpans.map(({ literal }) => literal.text)];

/** Within an argument of such a function, within a property's name, or a part of a template that has its own rule. */
function isUnread(node) {
  const { parent } = node;
  if (ts.isPropertyAssignment(parent))
    return parent.name === node || CODES.has(parent.name.getText());
  if (ts.isElementAccessExpression(parent) || ts.isTaggedTemplateExpression(parent)) return true;
  if (ts.isBinaryExpression(parent) && parent.operatorToken.getText().includes("==")) return true;
  if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return false;
  const { expression } = parent;
  return UNREAD.has(
    ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText(),
  );
}

/** Words in the texts and in the attributes of markup; what is filled in stands as a mark. */
function inMarkup(parts) {
  const { document } = new JSDOM(`<body>${parts.join("\u2026")}</body>`).window;
  const attributes = [...document.querySelectorAll("*")].flatMap((element) =>
    READ_ATTRIBUTES.map((name) => element.getAttribute(name) ?? ""),
  );
  const texts = [];
  const walker = document.createTreeWalker(document.body, 4);
  while (walker.nextNode()) texts.push(walker.currentNode.data);
  return [...attributes, ...texts]
    .map((text) => text.replace(ATTRIBUTE, "").trim())
    .filter((text) => WORD.test(text));
}

/** With values in it, a word alone beside a blank is enough. */
function inText(parts) {
  const text = parts.join("\u2026").trim(),
    isText = parts.length > 1 ? /[A-Za-z]{2,}[,;:.]? |\s[A-Za-z]{2,}/.test(text) : TEXT.test(text);
  return isText && !NAMES.has(text) && !isCode(text) ? [text] : [];
}

/** Selectors, addresses, values of attributes. */
const isCode = (text) => /^[.#[<]|[[\]#=;/]/.test(text.trim());

test("every key that a script asks for is in the catalogue, and none is left over", () => {
  const asked = new Set();
  for (const file of FILES.filter((name) => !isCatalogue(name)))
    for (const [, key] of sourceOf(file).matchAll(/"([a-z]\w*\.[\w.-]+)"/g))
      if (Object.hasOwn(TEXTS, key)) asked.add(key);
  assert.deepEqual([...asked].sort(), Object.keys(TEXTS).sort());
  for (const file of FILES.filter((name) => !isCatalogue(name)))
    for (const [, key] of sourceOf(file).matchAll(/\b(?:t|tPieces|templateOf)\(\s*"([^"]+)"/g))
      assert.ok(Object.hasOwn(TEXTS, key), `${file} asks for ${key}`);
});

test("a script imports the file that has the texts that it asks for", () => {
  const everywhere = /\bTEXTS\b|\bSCALE_SET\b/;
  for (const catalogue of FILES.filter(isCatalogue)) {
    const texts = sourceOf(catalogue);
    if (everywhere.test(texts)) continue;
    const keys = [...texts.matchAll(/^ {2}"([^"]+)":/gm)].map(([, key]) => `"${key}"`);
    assert.ok(keys.length, catalogue);
    for (const file of FILES.filter((name) => !isCatalogue(name)))
      if (keys.some((key) => sourceOf(file).includes(key)))
        assert.ok(sourceOf(file).includes(`import "./${catalogue}";`), `${file}: ${catalogue}`);
  }
});

test("no key is one of the engine's, which stand beside them in another language", () => {
  const engine = JSON.parse(readFileSync(ENGINE, "utf8"));
  assert.deepEqual(
    Object.keys(TEXTS).filter((key) => Object.hasOwn(engine, key)),
    [],
  );
});

for (const file of FILES.filter((name) => !isCatalogue(name)))
  test(`${file} writes no text of its own`, () => {
    assert.deepEqual(textsOf(sourceOf(file)), []);
  });

test("a text that does not go through the catalogue is found", () => {
  const found = {
    'say("Live again.")': ["Live again."],
    "html`<p>You are signed out.</p>`": ["You are signed out."],
    "html`<p>${n} of <b>${m}</b> shown</p>`": ["… of", "shown"],
    'html`<button aria-label="Close">${glyph("close")}</button>`': ["Close"],
    "x = `${n} of ${m}, limit ${l}`": ["… of …, limit …"],
    'x = { word: "Resume", path: "resume/" }': ["Resume"],
    'say(t("acts.undo"), $("#main .wide"))': [],
    'html`<p class="small quiet">${t("acts.undo")}</p>`': [],
  };
  for (const [source, texts] of Object.entries(found)) assert.deepEqual(textsOf(source), texts);
});
