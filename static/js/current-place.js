// Where a row of links scrolls sideways, the one for this page is in sight.
for (const current of document.querySelectorAll(".side-nav [aria-current], .tabs [aria-current]")) {
  const row = current.closest(".side-nav, .tabs__in");
  if (row && row.scrollWidth > row.clientWidth) {
    row.scrollLeft += current.getBoundingClientRect().left - row.getBoundingClientRect().left - 24;
  }
}
