/* Wide tables in time order open at their newest end. */
(() => {
  "use strict";
  for (const box of document.querySelectorAll("[data-newest-right]")) box.scrollLeft = box.scrollWidth;
})();
