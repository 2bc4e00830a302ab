// The few behaviours of the pages; each element works, or hides, without them.
import "./copy-button.js";
import "./current-place.js";
import "./drop-menu.js";
import "./find-filter.js";
import "./live-list.js";
import "./quick-search.js";
import "./relative-time.js";
