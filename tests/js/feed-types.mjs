// Writes the types of the feed's messages for TypeScript, made from the schema in docs/feed.md; with --check, says whether they are those.

import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const HEAD =
  "// Made from the schema in docs/feed.md by `npm run types`. Of each message: its fields and what they hold.\n\n";
const words = process.argv.slice(2);
const path = words.at(-1);

const text = await readFile(new URL("../../docs/feed.md", import.meta.url), "utf8");
const schema = JSON.parse(text.match(/```json\n(\{\n {2}"\$schema"[^]*?)```/)[1]);

/**
 * The schema in the words that the maker of types knows: what may be null as "this or null" (otherwise the types of such an object
 * come out twice), members that only `required` names as members, a tuple's members as its items, and the values that are examples as
 * those that there are: the types are of this version.
 */
function inItsWords(node) {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(inItsWords);
  const entries = Object.entries(node).map(([name, value]) => [name, inItsWords(value)]);
  const whole = withRequired(Object.fromEntries(entries));
  if (whole.prefixItems) whole.items = whole.prefixItems;
  const { type, examples } = whole;
  if (examples) return { enum: type?.includes("null") ? [...examples, null] : examples };
  const isEither = Array.isArray(type) && type.includes("null") && type.includes("object");
  return isEither ? { anyOf: [{ ...whole, type: "object" }, { type: "null" }] } : whole;
}

function withRequired(node) {
  const { required, properties = {}, additionalProperties: other } = node;
  if (!Array.isArray(required) || !other || typeof other !== "object") return node;
  const named = Object.fromEntries(required.map((name) => [name, properties[name] ?? other]));
  return { ...node, properties: { ...properties, ...named } };
}

const options = {
  bannerComment: "",
  additionalProperties: false,
  unreachableDefinitions: true,
  format: true,
};
const ref = (name) => ({ $ref: `#/$defs/${name}` });
const whole = {
  oneOf: [ref("message"), ref("answer")],
  $defs: {
    ...schema.$defs,
    message: { oneOf: schema.oneOf },
    answer: { oneOf: ["snapshot", "heads", "refusal"].map(ref) },
  },
};
const types =
  HEAD + `declare namespace Feed {\n${await compile(inItsWords(whole), "Anything", options)}}\n`;

if (words[0] !== "--check") await writeFile(path, types);
else if ((await readFile(path, "utf8")) !== types) {
  console.error(`${path} does not fit the schema in docs/feed.md: npm run types`);
  process.exit(1);
}
