// Loaded before the page is drawn, so that it never flashes in the other theme.

const chosen = localStorage.getItem("rollgrid-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
