// Messages come in as JSON, [{template, params}], and go out as texts, in which {name} stands for each time.

import { readFileSync } from "node:fs";

import { format } from "../../static/js/messages.js";
import { valuesOf } from "../../static/js/sentences.js";

const NAMED = (template) => template.replace(/\{(\w+), instant\}/g, "'{'$1'}'");
const told = ({ template, params }) => format(NAMED(template), valuesOf(params));

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(told)));
