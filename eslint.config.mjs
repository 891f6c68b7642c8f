// Style is prettier's, types are tsc's; here is what is wrong, or easily goes wrong.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["node_modules/", ".venv*/", "var/", "build/", "tests/clients/"] },
  js.configs.recommended,
  {
    files: ["static/js/*.js"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["tests/**/*.mjs"],
    languageOptions: { globals: globals.node },
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
