// The language of the page, and how it writes numbers and times. Pure: English where no page says.

/** @type {string} a language tag, such as "sv" */
export const LANGUAGE = globalThis.document?.documentElement?.lang || "en";

/** English as the server writes it: days before months, no commas, clocks of 24 hours. */
export const LOCALE = LANGUAGE === "en" ? "en-GB" : LANGUAGE;
