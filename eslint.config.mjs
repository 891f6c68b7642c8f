// Style is prettier's, types are tsc's; here is what is wrong, or easily goes wrong.

import js from "@eslint/js";
import globals from "globals";

const TYPE =
  /@(?:type|param|returns|typedef|property|satisfies|template)\b[^@]*?\{[^@]*?\b(?:any|Function)\b[^@]*?\}/;

/** A type that says nothing of what is there: `unknown` is for what may be anything, and is asked before it is used. */
const noAny = {
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments())
        if (comment.type === "Block" && comment.value.startsWith("*") && TYPE.test(comment.value))
          context.report({
            loc: comment.loc,
            message: "a type of any or Function: say what it is",
          });
    },
  }),
};

export default [
  { ignores: ["node_modules/", ".venv*/", "var/", "build/", "tests/clients/"] },
  js.configs.recommended,
  {
    files: ["static/js/*.js"],
    languageOptions: { globals: globals.browser },
    plugins: { rollgrid: { rules: { "no-any": noAny } } },
    rules: { "rollgrid/no-any": "error", "max-lines": ["error", 200] },
  },
  {
    files: ["clients/js/*.js"],
    languageOptions: { globals: globals.browser },
    plugins: { rollgrid: { rules: { "no-any": noAny } } },
    rules: { "rollgrid/no-any": "error", "max-lines": ["error", 299] },
  },
  {
    files: ["tests/**/*.mjs"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-implicit-coercion": ["error", { boolean: false }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
