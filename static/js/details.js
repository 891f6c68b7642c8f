// What an instance's health says in the engine's own words, in the viewer's language. What its probe said stays as it is. Pure.

import { t } from "./catalogue.js";

/** @type {Record<string, string>} */
const OURS = {
  "its OS disk is being replaced": t("detail.reimaged"),
  "its extensions are being run": t("detail.extensions"),
  "its machine is being started": t("detail.starting"),
  "its machine is being restarted": t("detail.restarting"),
  "its machine is being switched off": t("detail.switching_off"),
  "its old OS disk is being put back": t("detail.restored"),
  "its machine is there after all": t("detail.there_again"),
  "its OS disk is another one": t("detail.another_disk"),
  "its machine was switched on": t("detail.switched_on"),
  "the machine is gone at the provider": t("detail.gone"),
};
const NOT_CREATED = /^it could not be created: (.*)$/s;

/**
 * `health_detail` of an instance.
 * @param {string} detail
 */
export function detailOf(detail) {
  const [, message] = NOT_CREATED.exec(detail) ?? [];
  if (message !== undefined) return t("detail.not_created", { message });
  return Object.hasOwn(OURS, detail) ? OURS[detail] : detail;
}
