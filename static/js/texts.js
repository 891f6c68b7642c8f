// The texts of the pages in English, by key. A template is written as in messages.js; another language has the same keys (docs/texts.md).

/** @type {Record<string, string>} */
export const TEXTS = {
  "instance.unseen": "Not looked at yet.",
};
