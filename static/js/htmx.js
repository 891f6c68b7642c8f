// htmx, where a page does not load it with its first files: body[data-htmx].

/** Resolves once it listens. It must not come before the page is complete: htmx would wait for an event that is over. */
export async function loadHtmx() {
  if (document.readyState !== "complete")
    await new Promise((done) => addEventListener("load", done, { once: true }));
  const script = document.createElement("script");
  script.src = document.body.dataset.htmx ?? "";
  await new Promise((done) => {
    script.onload = script.onerror = done;
    document.head.append(script);
  });
}
