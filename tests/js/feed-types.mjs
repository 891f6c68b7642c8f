// Writes the types of the feed's messages for TypeScript, made from the schema in docs/feed.md; with --check, says whether they are those.

import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const HEAD =
  "// Made from the schema in docs/feed.md by `npm run types`. Of each message: its members and what they hold.\n\n";
const words = process.argv.slice(2);
const path = words.at(-1);

const text = await readFile(new URL("../../docs/feed.md", import.meta.url), "utf8");
const schema = JSON.parse(text.match(/```json\n(\{\n {2}"\$schema"[^]*?)```/)[1]);

/** What may be null is said as "this or null": otherwise the types of such an object come out twice. */
function orNull(node) {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(orNull);
  const whole = Object.fromEntries(
    Object.entries(node).map(([name, value]) => [name, orNull(value)]),
  );
  const isEither =
    Array.isArray(node.type) && node.type.includes("null") && node.type.includes("object");
  return isEither ? { anyOf: [{ ...whole, type: "object" }, { type: "null" }] } : whole;
}

const options = {
  bannerComment: "",
  additionalProperties: false,
  unreachableDefinitions: true,
  format: true,
};
const types =
  HEAD + `declare namespace Feed {\n${await compile(orNull(schema), "Message", options)}}\n`;

if (words[0] !== "--check") await writeFile(path, types);
else if ((await readFile(path, "utf8")) !== types) {
  console.error(`${path} does not fit the schema in docs/feed.md: npm run types`);
  process.exit(1);
}
