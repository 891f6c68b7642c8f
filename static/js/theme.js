// Loaded before the page is drawn, so that it never flashes in the other theme.

const chosen =
  new URLSearchParams(location.search).get("theme") || localStorage.getItem("rollgrid-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
