// Turns what stands in the page into what markup says, node by node: whatever is the same stays, with its focus and hover.

/**
 * Makes the children of `from` like those of `to` (which is used up). Elements with the same data-keep keep their children.
 * @param {Element} from
 * @param {ParentNode & Node} to
 */
export function morph(from, to) {
  const wanted = [...to.childNodes];
  const present = [...from.childNodes];
  wanted.forEach((node, i) => {
    const old = present[i];
    if (!old) from.append(node);
    else morphNode(old, node);
  });
  for (const old of present.slice(wanted.length)) old.remove();
}

/**
 * @param {ChildNode} old
 * @param {ChildNode} node
 */
function morphNode(old, node) {
  if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) old.replaceWith(node);
  else if (node.nodeType !== Node.ELEMENT_NODE) setText(old, node.nodeValue);
  else morphElement(/** @type {HTMLElement} */ (old), /** @type {HTMLElement} */ (node));
}

/**
 * @param {ChildNode} node
 * @param {string | null} text
 */
function setText(node, text) {
  if (node.nodeValue !== text) node.nodeValue = text;
}

/**
 * @param {HTMLElement} old
 * @param {HTMLElement} node
 */
function morphElement(old, node) {
  if (isAnother(old, node)) return old.replaceWith(node);
  const isKept = node.dataset.keep !== undefined && node.dataset.keep === old.dataset.keep;
  syncAttributes(old, node);
  if (!isKept) morph(old, node);
}

/**
 * A control that does something else is a new one, which takes no click for a moment (dom.js, keepFreshOff).
 * @param {HTMLElement} old
 * @param {HTMLElement} node
 */
const isAnother = (old, node) =>
  old.nodeName === "BUTTON" &&
  (old.dataset.act !== node.dataset.act || old.dataset.key !== node.dataset.key);

/**
 * The style attribute is the script's own: markup has none (dom.js, setVars).
 * @param {HTMLElement} old
 * @param {HTMLElement} node
 */
function syncAttributes(old, node) {
  for (const { name } of [...old.attributes])
    if (name !== "style" && !node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}
